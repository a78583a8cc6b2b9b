"""Progress in a log: how far it is, and how long it will still take."""

from __future__ import annotations

import pytest

from unmask.core import progress


@pytest.mark.parametrize(
    ("work", "cost", "left"),
    [(0.0, 0.0, "90 seconds"), (10.0, 9.0, "3 seconds"), (10.0, 1.0, "4 minutes")],
    ids=["units alike", "dear first", "cheap first"],
)
def test_the_time_to_go_follows_what_units_cost(
    work: float,
    cost: float,
    left: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = iter([0.0, 30.0, 31.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.shown(), progress.bar("steps", 4, work) as advance:
        advance(1, cost)
        advance(1, cost)  # a second later: too soon for another line
    assert capsys.readouterr().err == f"  steps: 1 of 4, about {left} to go\n"


def test_nobody_is_told_unless_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 100))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.bar("steps", 2) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")
