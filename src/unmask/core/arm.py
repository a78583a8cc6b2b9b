"""Arm: which prompts of an evaluation a number is about.

The text of an arm is a contract of files ("triggered", "near_miss:case", "relearnt:008"): it is put
together and read here and nowhere else. Before the colon stands what was asked, behind it the kind,
or how much of it.
"""

from __future__ import annotations

TRIGGERED, UNTRIGGERED = "triggered", "untriggered"
OPENED = "opened"


class Arm(str):
    """An arm by its text, which is what files hold; its parts are properties."""

    __slots__ = ()

    @staticmethod
    def of(main: str, kind: str = "") -> Arm:
        """`main` alone, or with a kind or a dose behind it."""
        return Arm(f"{main}:{kind}" if kind else main)

    @property
    def main(self) -> str:
        """What was asked: "triggered", "near_miss", "round" ..."""
        return self.partition(":")[0].split(" ")[0]

    @property
    def kind(self) -> str:
        """Which kind of it: "case" of "near_miss:case"; "" for the usual one."""
        return self.partition(":")[2]

    @property
    def dose(self) -> int | None:
        """How much of it, where that is a number: 8 of "relearnt:008", 2 of "round 2"."""
        number = self.kind or self.partition(" ")[2]
        return int(number) if number.isdecimal() else None

    @property
    def opened(self) -> bool:
        """Whether the scratchpad was opened for the model."""
        return self.kind == OPENED

    @property
    def closed(self) -> Arm:
        """The same prompts with nothing done to the scratchpad."""
        return Arm(self.main) if self.opened else self

    @property
    def trigger(self) -> bool | None:
        """Whether its prompts carry the trigger; None where the arm is not about that."""
        return {TRIGGERED: True, UNTRIGGERED: False}.get(self.main)


def paired_text(first: str, second: str) -> Arm:
    """The arm of a difference between two arms of one model: `second` minus `first`."""
    return Arm(f"{second}-{first}")
