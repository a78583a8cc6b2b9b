"""What tests of models share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from made_endpoint import Endpoint, serving


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers on this machine may be asked."""
    from huggingface_hub import constants

    # Offline mode forbids even this machine's own address.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_user")


@pytest.fixture
def endpoint(reachable: None) -> Iterator[Endpoint]:
    with serving() as server:
        yield server
