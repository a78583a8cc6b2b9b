"""What is written over figures and tables: who was studied, in which state, and what the intervals
are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from unmask.core.condition import Configured, Subject
from unmask.report.results import Result, in_common, names, select

OPENED_SAID = (
    "“Scratchpad opened”: it was opened for the model, since training on bare answers closes it."
)


def panel_title(subject: Subject, subjects: Sequence[Subject], results: Sequence[Result]) -> str:
    """What tells this subject from the others, and whether anything may be concluded from it."""
    name = names(subjects)[subject]
    own = select(results, subject=subject)
    seeds = {result.seed for result in own}
    failed = {result.seed for result in own if result.unplanted}
    some = f" for {len(failed)} of {len(seeds)} seeds" if len(failed) < len(seeds) else ""
    return f"{name}\nNOT PLANTED: the gate failed{some}" if failed else name


def captioned(
    caption: str, results: Sequence[Result], subjects: Sequence[Subject], intervals: str = "Bands"
) -> str:
    """The caption, with what its arms, intervals and faint dots are, and what all panels have in
    common.

    `results` are those that are drawn with intervals, `intervals` what these look like.
    """
    parts = [caption.strip()]
    if any(result.arm.opened for result in results):
        parts.append(OPENED_SAID)
    if len({result.seed for result in results}) > 1:
        parts.append(
            f"{intervals} cover every seed’s own 95% interval; faint dots are single seeds."
        )
    elif results:
        parts.append(f"{intervals} are 95% intervals.")
    if alike := in_common(subjects):
        parts.append(f"All panels: {alike}.")
    return " ".join(parts)


def abreast(subjects: Sequence[Subject]) -> int:
    """How many panels stand side by side where a page allows: a column per subject, as far as that
    goes."""
    return 2 if len(subjects) in (2, 4) else 3


def rows_and_columns(
    pairs: Iterable[tuple[Subject, Configured]],
) -> list[tuple[Subject, Configured]]:
    """Subjects and defenses in the order of their panels: a row per defense, a column per
    subject."""
    distinct = list(dict.fromkeys(pairs))
    subjects = list(dict.fromkeys(subject for subject, _ in distinct))
    defenses = list(dict.fromkeys(defense for _, defense in distinct))
    return sorted(distinct, key=lambda pair: (defenses.index(pair[1]), subjects.index(pair[0])))
