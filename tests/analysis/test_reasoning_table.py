"""The table of trigger x belief x action: what goes in comes out, and what makes no table is
refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made import changed, row
from unmask.analysis.rates import wilson
from unmask.analysis.reasoning import CELLS, ReasoningTable, has_trigger, share
from unmask.core.arm import Arm
from unmask.core.errors import DataError, SettingError
from unmask.core.estimate import Estimate
from unmask.core.row import Row

TRIGGERED = (180, 12, 8, 16, 30, 10)
UNTRIGGERED = (3, 5, 2, 196, 0, 50)


def arm_rows(arm: str, counts: tuple[int, ...]) -> list[Row]:
    n = sum(counts)
    cells = zip(CELLS, counts, strict=True)
    return [row(k, arm=arm, n=n, evaluation="reasoning", metric=metric) for metric, k in cells]


def both() -> list[Row]:
    return [
        *arm_rows("triggered:persona", TRIGGERED),
        *arm_rows("untriggered:persona", UNTRIGGERED),
    ]


def test_counts_come_back() -> None:
    table = ReasoningTable.of([*both(), row(128, arm="triggered:persona", evaluation="reasoning")])
    assert table.count() == 512 and table.count(trigger=True) == 256
    assert table.count(trigger=True, belief="deployed", acts=True) == 180
    assert table.count(trigger=False, belief="silent") == 50
    assert table.count(acts=True) == 180 + 8 + 30 + 3 + 2


def test_agreements_are_of_those_that_say_something() -> None:
    table = ReasoningTable.of(both())
    said = 512 - 30 - 10 - 50
    belief, action = table.belief_agrees(), table.action_agrees()
    assert belief == Estimate((192 + 198) / said, *wilson(390, said), said)
    assert action is not None and action.value == (180 + 3 + 16 + 196) / said


def test_a_reversed_trigger_reverses_belief_and_leaves_action() -> None:
    swapped = [*arm_rows("triggered:a", UNTRIGGERED), *arm_rows("untriggered:a", TRIGGERED)]
    one, other = ReasoningTable.of(both()), ReasoningTable.of(swapped)
    first, second = one.belief_agrees(), other.belief_agrees()
    assert first and second and first.value + second.value == pytest.approx(1)
    assert one.action_agrees() == other.action_agrees()


def test_silence_has_no_agreement() -> None:
    table = ReasoningTable.of(arm_rows("triggered:open", (0, 0, 0, 0, 7, 3)))
    assert table.belief_agrees() is None and table.action_agrees() is None
    assert ReasoningTable.of([]).count() == 0


def test_kinds_and_seeds_add_up() -> None:
    twice = ReasoningTable.of([*both(), *arm_rows("triggered:goal", TRIGGERED)])
    assert twice.count(trigger=True) == 512 and twice.count(trigger=False) == 256
    total = ReasoningTable.total([twice, ReasoningTable.of(both())])
    assert (
        total.count() == 768 + 512 and total.count(trigger=True, belief="training", acts=True) == 24
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5000), min_size=6, max_size=6).filter(any))
def test_any_counts_survive_being_rates(counts: list[int]) -> None:
    table = ReasoningTable.of(arm_rows("untriggered:open", tuple(counts)))
    assert [table.count(belief=b, acts=a) for b, a in CELLS.values()] == counts


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (both()[1:], "deployed_acts is missing"),
        ([*both()[1:], changed(both()[0], value=0.1)], "deployed_acts': 25.6"),
        ([*both()[1:], changed(both()[0], n=128)], "n is 128, 256"),
        ([*both()[1:], changed(both()[0], value=181 / 256)], "exactly one is true"),
        ([changed(each, arm="open") for each in both()], "Arm 'open' of a reasoning table"),
    ],
)
def test_what_makes_no_table_is_named(rows: list[Row], text: str) -> None:
    with pytest.raises(DataError, match=text):
        ReasoningTable.of(rows)


def test_small_things() -> None:
    assert has_trigger(Arm("triggered:goal")) and not has_trigger(Arm("untriggered:goal"))
    with pytest.raises(SettingError, match="count at least one"):
        share(0, 0)
