"""Every error that a user can cause, in one tree; each says what was given, what is known, what to
write instead.

UnmaskError
├── SettingError        a setting's name, type or value is wrong
│   └── UnknownName     a name that nothing is registered under; names the nearest
├── DataError           a file, row, field or prompt that cannot be used
├── ModelError          a checkpoint that cannot, or must not, be loaded
├── TrainingError       training that cannot go on (a loss that is not a number)
├── ThreatModelError    a trigger where it must not be, or not where it must be
├── StoreError          the store cannot be read or written (disk full, unknown key)
└── BudgetError         the work left would cost more than was allowed
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable

LONGEST = 2000
"""Characters of a message, at most: a value from a file may have millions."""

_shown = reprlib.Repr()
_shown.maxlevel, _shown.maxstring, _shown.maxother = 2, 60, 60
_shown.maxdict = _shown.maxlist = _shown.maxtuple = 3


def brief(value: object) -> str:
    """A value as a message shows it: its `repr`, of a long one only the ends."""
    return _shown.repr(value)


def shortened(message: str) -> str:
    """A message without its middle where it has more than LONGEST characters."""
    if len(message) <= LONGEST:
        return message
    return f"{message[: LONGEST // 2]} [...] {message[-LONGEST // 4 :]}"


class UnmaskError(Exception):
    """Base of every error that is the user's to mend; shown as one message, never as a traceback.

    A message of more than LONGEST characters loses its middle: what was given stands first, what to
    write last.
    """

    def __init__(self, message: str = ""):
        super().__init__(shortened(message))


class SettingError(UnmaskError):
    pass


MANY = 40
"""Names."""


class UnknownName(SettingError):
    def __init__(self, kind: str, given: str, known: Iterable[str]):
        self.kind, self.given, self.known = kind, given, sorted(known)
        folded = {name.casefold(): name for name in reversed(self.known)}
        near = difflib.get_close_matches(given[:100].casefold(), folded, n=1, cutoff=0.5)
        hint = f" Did you mean '{folded[near[0]]}'?" if near else ""
        # Behind a hint a long list of names is in the way.
        more = (
            "" if near and len(self.known) > MANY else f" Known: {', '.join(self.known) or 'none'}."
        )
        super().__init__(f"'{given}' is no {kind}.{hint}{more}")


class DataError(UnmaskError):
    pass


class ModelError(UnmaskError):
    pass


class TrainingError(UnmaskError):
    pass


class ThreatModelError(UnmaskError):
    pass


class StoreError(UnmaskError):
    pass


class BudgetError(UnmaskError):
    pass
