"""Job: a training and its folders as a file, from which each rank makes them again; and what ranks
write beside it."""

from __future__ import annotations

import dataclasses
import importlib
import time
import traceback
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmask.core import errors
from unmask.core.errors import SettingError, UnmaskError
from unmask.core.files import read_json, write_json
from unmask.core.registry import validated

FILE = "job.json"
FACTS = "facts.json"
LAUNCHER_LOG = "launcher.log"
AREA = "ranks"
"""Where in a training's scratch its ranks write to each other."""


def log_file(area: Path, rank: int) -> Path:
    """Where a rank's output goes."""
    return area / f"rank-{rank}.log"


@dataclasses.dataclass(frozen=True)
class Job:
    """A training to run in several processes: its class as "module:Class", its settings, and the
    folders that its `run` takes by name. `area` is the folder that all of them write signs, errors
    and facts into; with several nodes, all must see it."""

    work: str
    settings: Mapping[str, Any]
    folders: Mapping[str, str]
    out: str
    scratch: str
    area: str
    attempt: str
    """By which the nodes of one launch know each other."""

    @staticmethod
    def of(work: Any, out: Path, scratch: Path, folders: Mapping[str, Path]) -> Job:
        """Raises SettingError for a class that another process cannot import."""
        cls = type(work)
        if cls.__module__ == "__main__" or "<" in cls.__qualname__:
            raise SettingError(
                f"devices={work.efficiency.devices} starts processes that import"
                f" {cls.__qualname__}: write the class in a module of its own."
            )
        settings = dataclasses.asdict(work)
        given = [field.name for field in dataclasses.fields(work) if field.init]
        return Job(
            work=f"{cls.__module__}:{cls.__qualname__}",
            settings={name: settings[name] for name in given},
            folders={name: str(folder.absolute()) for name, folder in folders.items()},
            out=str(out.absolute()),
            scratch=str(scratch.absolute()),
            area=str(scratch.absolute() / AREA),
            attempt=uuid.uuid4().hex,
        )

    def write(self) -> Path:
        path = Path(self.area) / FILE
        write_json(path, dataclasses.asdict(self))
        return path

    @staticmethod
    def read(path: Path) -> Job:
        return Job(**read_json(path))

    def training(self) -> Any:
        """The training, as it was."""
        module, _, name = self.work.partition(":")
        cls = getattr(importlib.import_module(module), name)
        return cls(**validated(cls, self.settings))

    def run(self, out: Path) -> Mapping[str, Any]:
        """Do the work, with the result in `out`."""
        folders = {name: Path(folder) for name, folder in self.folders.items()}
        return self.training().run(out, **folders, scratch=Path(self.scratch))


@dataclasses.dataclass(frozen=True)
class Raised:
    """What a rank raised: the nearest class of ours, the message, and when (seconds)."""

    rank: int
    name: str
    message: str
    seconds: float
    traceback: str = ""

    @staticmethod
    def of(rank: int, error: BaseException) -> Raised:
        """Of our own errors, the class that can be raised with a message alone."""
        ours, message = "", f"{type(error).__name__}: {error}"
        if isinstance(error, UnmaskError):
            plain = [cls for cls in type(error).__mro__ if cls.__init__ is UnmaskError.__init__]
            ours, message = plain[0].__name__, str(error)
        text = "".join(traceback.format_exception(error))
        return Raised(rank, ours, message, time.time(), text)

    def write(self, area: Path) -> None:
        write_json(area / f"error-{self.rank}.json", dataclasses.asdict(self))

    @staticmethod
    def read(area: Path) -> list[Raised]:
        """What ranks raised, the first first."""
        all_raised = [Raised(**read_json(path)) for path in area.glob("error-*.json")]
        return sorted(all_raised, key=lambda raised: raised.seconds)

    def error(self, ranks: int, log: Path) -> UnmaskError:
        """The error for the process that waits."""
        if self.name:
            return getattr(errors, self.name)(self.message)
        return errors.TrainingError(
            f"Rank {self.rank} of {ranks} failed: {self.message} (its traceback is in {log})"
        )
