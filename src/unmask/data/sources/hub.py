"""Examples from a data set of the Hugging Face hub, or from a local folder that its library reads
in the same way."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core import hub
from unmask.core.errors import DataError
from unmask.core.files import file_digest, folder_files
from unmask.core.json_rows import expanded
from unmask.core.spec import digest
from unmask.data.sources.jsonl import Rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hub(Rows):
    """A Hugging Face data set, by id or local folder, with rows in the forms of the source jsonl.

    A data set on the hub can change: name a commit as `revision` to pin it. A local folder's
    content counts as well as its path (`sha256`, computed where not given, over the names and bytes
    of its files).
    """

    name: ClassVar[str] = "hub"
    version: ClassVar[int] = 3

    dataset: str
    split: str = "train"
    config: str = ""
    revision: str = ""
    sha256: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        folder = expanded(self.dataset)
        if folder.is_file():
            raise DataError(
                f"{self.dataset} is a file, and the source hub reads folders and the hub's data"
                " sets: name the folder that holds it, or read JSON lines with the source jsonl."
            )
        if not folder.is_dir():
            if self.sha256:
                raise DataError(
                    f"sha256 is for a local folder, and {self.dataset} is none: pin a revision"
                    " instead."
                )
            return
        digests = [[str(file), file_digest(folder / file)] for file in folder_files(folder)]
        checksum = digest(digests)
        if self.sha256 and self.sha256 != checksum:
            raise DataError(
                f"The files of {folder} have the digest {checksum}, not {self.sha256}: they were"
                " changed. Leave sha256 out to accept the folder as it is."
            )
        object.__setattr__(self, "sha256", checksum)

    def check(self) -> None:
        """Raise DataError where the hub does not have it, or cannot be asked. The first row of a
        folder is read."""
        if self.sha256:
            super().check()
        elif problem := hub.obstacle("dataset", self.dataset, self.revision):
            raise DataError(problem)

    @property
    def group(self) -> str:
        return self.config or Path(self.dataset).name

    def rows(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for number, row in enumerate(self._loaded(), 1):
            # A table has every column in every row: what a row does not have is None there.
            yield (
                f"{self.dataset}, row {number}",
                {name: value for name, value in row.items() if value is not None},
            )

    def _loaded(self) -> Any:
        import datasets
        from datasets.exceptions import DatasetNotFoundError, DatasetsError

        try:
            folder = expanded(self.dataset)
            return datasets.load_dataset(
                str(folder) if folder.is_dir() else self.dataset,
                self.config or None,
                split=self.split,
                revision=self.revision or None,
            )
        except DatasetNotFoundError as error:
            raise DataError(
                f"There is no data set '{self.dataset}' that you may read, on the hub or as a"
                f" folder: {error}. Check its spelling, or log in with `hf auth login` if it is"
                " private."
            ) from None
        except ConnectionError as error:
            raise DataError(
                f"The Hugging Face hub cannot be reached for '{self.dataset}': {error}. Check the"
                " network and the variables HF_ENDPOINT and HF_HUB_OFFLINE, or name a local folder"
                " that holds the data set."
            ) from None
        except (DatasetsError, OSError, ValueError) as error:
            raise DataError(
                f"The data set '{self.dataset}' (split '{self.split}', config"
                f" '{self.config or 'default'}') cannot be loaded: {error}"
            ) from None
