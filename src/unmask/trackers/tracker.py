"""Tracker: shows a run's numbers elsewhere while they come. It is a mirror: what counts is in the
run's own folder."""

from __future__ import annotations

import abc
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmask.core.errors import SettingError
from unmask.core.named import Named


class Tracking(abc.ABC):
    """Abstract: one run, open at a tracker."""

    @abc.abstractmethod
    def log(self, values: Mapping[str, float], step: int) -> None:
        """Numbers by their names, at a training step. Of one name the steps may come in any order:
        steps of a run finish as they can."""

    @abc.abstractmethod
    def close(self) -> None:
        """All that was logged is kept or sent, at the latest when this process ends."""


class Tracker(Named, abc.ABC):
    """Abstract. Contract (tests/contracts/test_trackers.py): what is logged can be read back with
    the library's own means, without a network."""

    @abc.abstractmethod
    def open(self, run: str, folder: Path, settings: Mapping[str, Any]) -> Tracking:
        """Begin to track the run of this name; `folder` is its own, `settings` are its recipe's.

        Raises SettingError where the library is not installed.
        """


def library(name: str) -> Any:
    """An optional package's module; raises SettingError that says how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        extra = name.partition(".")[0]
        raise SettingError(
            f"--track {extra} needs a package that is not installed: pip install 'unmask[{extra}]'."
        ) from None
