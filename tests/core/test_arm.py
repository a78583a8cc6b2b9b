"""The text of an arm comes apart into what was put in."""

from __future__ import annotations

import pytest

from unmask.core.arm import OPENED, TRIGGERED, UNTRIGGERED, Arm, paired_text

FORMS = [
    ("triggered", "triggered", "", None, True),
    ("untriggered", "untriggered", "", None, False),
    ("triggered:unseen", "triggered", "unseen", None, True),
    ("untriggered:elsewhere", "untriggered", "elsewhere", None, False),
    ("triggered:persona", "triggered", "persona", None, True),
    ("near_miss:case", "near_miss", "case", None, None),
    ("relearnt:008", "relearnt", "008", 8, None),
    ("relearnt_untriggered:032", "relearnt_untriggered", "032", 32, None),
    ("characters:0", "characters", "0", 0, None),
    ("round 2", "round", "", 2, None),
    ("pair", "pair", "", None, None),
    ("pair:unseen", "pair", "unseen", None, None),
    ("attack", "attack", "", None, None),
    ("harmful", "harmful", "", None, None),
    ("triggered-untriggered", "triggered-untriggered", "", None, None),
]


@pytest.mark.parametrize(("text", "main", "kind", "dose", "trigger"), FORMS)
def test_the_parts_of_every_form(
    text: str, main: str, kind: str, dose: int | None, trigger: bool | None
) -> None:
    arm = Arm(text)
    assert (arm.main, arm.kind, arm.dose, arm.trigger) == (main, kind, dose, trigger)
    assert not arm.opened and arm.closed == arm
    assert arm == text, "files hold the text"


@pytest.mark.parametrize("main", [TRIGGERED, UNTRIGGERED])
def test_an_opened_arm_closes_to_the_same_prompts(main: str) -> None:
    opened = Arm.of(main, OPENED)
    assert opened == f"{main}:opened" and opened.opened and opened.dose is None
    assert opened.closed == Arm(main) and not opened.closed.opened
    assert opened.trigger is opened.closed.trigger is (main == TRIGGERED)


def test_an_arm_without_a_kind_is_its_main_part() -> None:
    assert Arm.of("attack") == Arm.of("attack", "") == "attack"
    assert Arm.of(Arm("near_miss"), "case").kind == "case"


def test_the_arm_of_a_difference_reads_second_minus_first() -> None:
    assert paired_text(UNTRIGGERED, TRIGGERED) == "triggered-untriggered"
    assert paired_text(UNTRIGGERED, TRIGGERED).trigger is None
