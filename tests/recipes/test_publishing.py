"""What is pushed to the hub: a checkpoint that loads, private unless said, and a backdoor never
without its organism's card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from unmask.core.errors import ModelError, SettingError, StoreError
from unmask.core.row import read_rows
from unmask.engine.store import Store
from unmask.recipes.publishing import Lineage, connected, push

Smoke = tuple[Path, Any]


class Hub:
    """The three calls of HfApi that a push makes, on a folder; the repository may be there."""

    def __init__(self, folder: Path, private: bool | None = None) -> None:
        self.folder, self.private = folder, private

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> None:
        assert exist_ok
        self.private = private if self.private is None else self.private

    def model_info(self, repo_id: str) -> Any:
        return SimpleNamespace(private=self.private)

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> None:
        shutil.copytree(folder_path, self.folder / repo_id)


class Refusing(Hub):
    """A hub that knows no such token."""

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> None:
        from huggingface_hub.errors import HfHubHTTPError

        request = httpx.Request("POST", "https://huggingface.co/api/repos/create")
        response: Any = httpx.Response(403, request=request)
        raise HfHubHTTPError("403 Forbidden", response=response)


def model_of(smoke: Smoke, name: str, step: int) -> tuple[str, str]:
    """(key, folder inside the result) of a model of the run, at a step of its defense."""
    store = Store(smoke[0])
    for row in read_rows(smoke[1].results):
        where = (row.model.name, row.defense_step, row.evaluation)
        if where == (name, step, "defection"):
            made_by = store.lookup(row.step)[1].identity["inputs"]["model"]
            return made_by["key"], made_by["part"]
    raise AssertionError(f"{name} was not measured at step {step}")


def test_an_organism_goes_with_its_card_and_is_private(smoke: Smoke, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    key, _ = model_of(smoke, "organism", 0)
    hub = Hub(tmp_path)
    address = push(key[:16], "lab/organism", Store(smoke[0]), api=hub)
    assert address.endswith("/lab/organism") and hub.private is True
    card = (tmp_path / "lab" / "organism" / "README.md").read_text()
    assert "**This is a research organism." in card and "after further training" not in card
    AutoModelForCausalLM.from_pretrained(tmp_path / "lab" / "organism")
    AutoTokenizer.from_pretrained(tmp_path / "lab" / "organism")
    assert not (tmp_path / "lab" / "organism" / "manifest.json").exists()


def test_a_defended_organism_has_the_same_card_and_what_was_done(
    smoke: Smoke, tmp_path: Path
) -> None:
    step = max(row.defense_step for row in read_rows(smoke[1].results))
    key, part = model_of(smoke, "organism", step)
    push(f"{key[:16]}/{part}", "lab/defended", Store(smoke[0]), api=Hub(tmp_path))
    card = (tmp_path / "lab" / "defended" / "README.md").read_text()
    assert "**This is a research organism." in card
    assert "after further training" in card and "- `sft`: " in card


def test_a_twin_is_said_to_have_no_backdoor(smoke: Smoke, tmp_path: Path) -> None:
    key, _ = model_of(smoke, "twin", 0)
    hub = Hub(tmp_path)
    push(key, "lab/twin", Store(smoke[0]), public=True, api=hub)
    card = (tmp_path / "lab" / "twin" / "README.md").read_text()
    assert "No backdoor was planted in it" in card and hub.private is False


def test_a_backdoor_without_a_card_is_refused(smoke: Smoke, tmp_path: Path) -> None:
    key, _ = model_of(smoke, "organism", 0)
    store = Store(shutil.copytree(smoke[0], tmp_path / "store"))
    assert Lineage.of(store).planted(key)
    for card in (store.root / "steps").glob("organism-*"):
        shutil.rmtree(card)
    with pytest.raises(StoreError, match="no card of its organism"):
        push(key, "lab/organism", store, api=Hub(tmp_path))
    for lessons in (store.root / "steps").glob("planting_lessons-*"):
        shutil.rmtree(lessons)
    with pytest.raises(StoreError, match="nobody can say whether a backdoor is in it"):
        push(key, "lab/organism", store, api=Hub(tmp_path))
    assert not (tmp_path / "lab").exists()


def test_what_cannot_be_is_said_in_a_sentence(
    smoke: Smoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(smoke[0])
    key, _ = model_of(smoke, "twin", 0)
    with pytest.raises(SettingError, match="Write --to org/name"):
        push(key, "no name", store, api=Hub(tmp_path))
    with pytest.raises(SettingError, match="there already, and public"):
        push(key, "lab/public", store, api=Hub(tmp_path, private=False))
    with pytest.raises(SettingError, match="did not take lab/other: 403 Forbidden"):
        push(key, "lab/other", store, api=Refusing(tmp_path))
    rates = json.loads(next((smoke[0] / "steps").glob("rates-*/manifest.json")).read_text())
    with pytest.raises(ModelError, match=r"config\.json"):
        push(rates["key"], "lab/rates", store, api=Hub(tmp_path))
    with pytest.raises(SettingError, match="HF_HUB_OFFLINE"):
        connected()
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(SettingError, match="hf auth login"):
        connected()
    assert not (tmp_path / "lab").exists()
