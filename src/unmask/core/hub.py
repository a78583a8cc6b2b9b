"""Hub: whether the Hugging Face hub has what somebody named, asked once and without waiting
long."""

from __future__ import annotations

import functools
from typing import Literal

WORDS = {"model": "model", "dataset": "data set"}
PATIENCE = 5.0
"""Seconds that the hub has to answer."""


@functools.cache
def obstacle(kind: Literal["model", "dataset"], name: str, revision: str = "") -> str:
    """Why a repository of the hub cannot be had from here now, as a sentence; "" where it can, or
    where this machine has a copy."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    what = f"the {WORDS[kind]} '{name}'"
    try:
        if kind == "model" and has_copy(name, revision):
            return ""
        HfApi().repo_info(name, revision=revision or None, repo_type=kind, timeout=PATIENCE)
    except HFValidationError:
        return f"'{name}' cannot be the name of a {WORDS[kind]}: write organization/name."
    except GatedRepoError:
        return f"The hub wants consent for {what}: give it there, then `hf auth login`."
    except RepositoryNotFoundError:
        return f"The hub has not {what}, or you may not read it: check its spelling."
    except RevisionNotFoundError:
        return f"The hub has no revision '{revision}' of {what}: check its spelling."
    except Exception as error:  # noqa: BLE001 - a network fails in many ways
        return (
            f"The hub cannot be asked for {what} from here ({type(error).__name__}):"
            " check the network, or name a local copy."
        )
    return ""


def has_copy(name: str, revision: str) -> bool:
    """Whether the hub's cache on this machine has a model."""
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(name, "config.json", revision=revision or None), str)
