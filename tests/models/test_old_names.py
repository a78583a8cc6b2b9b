"""What was moved is found where it was before, too."""

from __future__ import annotations

import pytest

import unmask.sandbox
from unmask.evaluations import sandbox
from unmask.models import checkpoint
from unmask.models.bases.imported import ImportedBase


def test_moved_names_go_on() -> None:
    assert checkpoint.ImportedBase is ImportedBase
    assert sandbox.find_sandbox is unmask.sandbox.find_sandbox
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = checkpoint.nothing
