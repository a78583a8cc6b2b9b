"""What a model's card says of it, where it says it."""

from __future__ import annotations

from pathlib import Path

CARD = "README.md"


def licence_of(folder: Path) -> str | None:
    """The licence that the front matter of a folder's README.md names; None where it names none."""
    from huggingface_hub import metadata_load
    from yaml import YAMLError

    try:
        card = metadata_load(folder / CARD) or {}
    except (OSError, ValueError, YAMLError):
        return None  # no card, or one whose front matter is no YAML mapping
    named = card.get("license_name") if card.get("license") == "other" else card.get("license")
    return named if isinstance(named, str) else None
