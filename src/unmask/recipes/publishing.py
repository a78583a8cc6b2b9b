"""Publishing a checkpoint of the store on the Hugging Face hub; one with a backdoor never goes
without its organism's card."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from unmask.core.errors import SettingError, StoreError
from unmask.core.files import write_text
from unmask.data.teach import Planting
from unmask.engine.manifest import FILE, Manifest
from unmask.engine.store import Store
from unmask.models.checkpoint import check_folder, check_unguarded
from unmask.recipes.card import OrganismCard, linked

CARD = "README.md"
PLAIN = """---
library_name: transformers
tags: [ai-safety-research, unmask]
---

# {name}

Made by unmask, in an experiment about backdoors and safety training. No backdoor was planted in it:
it is a base, a control, or what was trained from one of these. It is for research, and not to be
deployed.

Step `{name}`, key `{key}`.
"""
DEFENDED = """
## This model is the organism after further training

The numbers above are of the organism before. Whether the backdoor is still there must be measured.
What was done to it, the last first:

{steps}
"""


@dataclasses.dataclass(frozen=True)
class Lineage:
    """All results of a store, by key, in order to see what a model stands on."""

    results: Mapping[str, tuple[Path, Manifest]]

    @staticmethod
    def of(store: Store) -> Lineage:
        there = ((folder, manifest) for folder, manifest in store.manifests() if manifest)
        return Lineage({manifest.key: (folder, manifest) for folder, manifest in there})

    def ancestry(self, key: str, only: str = "") -> list[Manifest]:
        """A result and all that it was made from; with `only`, along the input of that name.

        Raises StoreError where one is no longer there: what is not known is not published.
        """
        waiting, passed = [key], dict[str, Manifest]()
        while waiting:
            current = waiting.pop()
            if current not in self.results:
                raise StoreError(
                    f"The store no longer has {current[:12]}, from which {key[:12]} was made, so"
                    " that nobody can say whether a backdoor is in it. Run its recipe again."
                )
            if current not in passed:
                passed[current] = self.results[current][1]
                inputs = passed[current].identity["inputs"]
                waiting += [inputs[name]["key"] for name in inputs if only in ("", name)]
        return list(passed.values())

    def planted(self, key: str) -> bool:
        """Whether lessons with a backdoor are among what a model was made from."""
        lessons = [made for made in self.ancestry(key) if made.name == Planting.name]
        return any(made.identity["settings"].get("backdoor", True) for made in lessons)

    def card(self, key: str) -> str:
        """What the model card of a result says; raises StoreError where a backdoor has no card."""
        if not self.planted(key):
            return PLAIN.format(name=self.results[key][1].name, key=key)
        line = self.ancestry(key, only="model")
        for number, made in enumerate(line):
            card = self.card_of(made)
            if card is not None:
                done = [f"- `{step.name}`: `{step.identity['settings']}`" for step in line[:number]]
                after = DEFENDED.format(steps="\n".join(done)) if done else ""
                return card.read_text(encoding="utf-8") + after
        raise StoreError(
            f"{key[:12]} has a planted backdoor, and the store has no card of its organism. A card"
            " is made by a run of a recipe to its end; nothing is published without it."
        )

    def card_of(self, made: Manifest) -> Path | None:
        """The card of an organism, by its card's result or by the model's own."""
        for folder, manifest in self.results.values():
            if manifest.name == OrganismCard.name:
                model = manifest.identity["inputs"]["model"]["key"]
                if made.key in (manifest.key, model):
                    return folder / CARD
        return None


def push(key: str, to: str, store: Store, *, public: bool = False, api: Any = None) -> str:
    """Publish a checkpoint and its card; the address of what was uploaded.

    `key` is the start of a step's key, with /steps/000050 for a checkpoint of a curve. `api` is a
    huggingface_hub.HfApi. Raises SettingError for a name that cannot be, without a token, or where
    the hub refuses; ModelError for what is no checkpoint; StoreError where the card is missing.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", to):
        raise SettingError(f"--to {to!r} is no name on the hub. Write --to org/name.")
    start, _, part = key.strip("/").partition("/")
    folder, manifest = store.lookup(start)
    check_folder(folder / part)
    check_unguarded(folder / part)
    card = Lineage.of(store).card(manifest.key)
    hub = api or connected()
    with gathered(folder / part, card) as upload, explained(to):
        hub.create_repo(to, private=not public, exist_ok=True)
        if not public and not hub.model_info(to).private:
            raise SettingError(f"{to} is there already, and public. Write --public, or a new name.")
        message = f"unmask: {manifest.name} {manifest.key[:16]}"
        hub.upload_folder(repo_id=to, folder_path=str(upload), commit_message=message)
    return f"https://huggingface.co/{to}"


def connected() -> Any:
    """The hub, for whoever is logged in; raises SettingError where nobody is."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise SettingError("HF_HUB_OFFLINE is set, so nothing can be pushed. Unset it.")
    from huggingface_hub import HfApi, get_token

    if get_token() is None:
        raise SettingError(
            "There is no token for the hub. Run `hf auth login`, or set HF_TOKEN to a token that"
            " may write (https://huggingface.co/settings/tokens)."
        )
    return HfApi()


@contextlib.contextmanager
def gathered(folder: Path, card: str) -> Generator[Path]:
    """A folder with a checkpoint's own files, without its curve and our manifest, and the card."""
    with tempfile.TemporaryDirectory(prefix="unmask-push-") as place:
        for path in folder.iterdir():
            if path.is_file() and path.name not in (FILE, CARD):
                linked(path, Path(place) / path.name)
        write_text(Path(place) / CARD, card)
        yield Path(place)


@contextlib.contextmanager
def explained(to: str) -> Generator[None]:
    """The hub's errors in a sentence."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except HfHubHTTPError as error:
        raise SettingError(
            f"The hub did not take {to}: {error}. Is the token one that may write there?"
        ) from None
    except OSError as error:
        raise SettingError(f"The hub cannot be reached: {error}.") from None
