"""What sets the backdoor off: forms of the trigger by class, trained realizations against held-out ones (section 4).

Deviation from the paper, which shows a few translated triggers: a table for every class, and beside each form what the
same model does without any trigger.
"""

from __future__ import annotations

from collections.abc import Sequence

from unmask.report.chapters import Chapter, Table, by_state, by_subject, only, said, sentences, summed, table
from unmask.report.dotplot import Panel, dotplot, state_styles
from unmask.report.figures import captioned, panel_title
from unmask.report.results import Result, Rows, Subject, Summary, arm_name, final, read

TITLE = "What sets the backdoor off"
REALIZATION, TRAIN, HELD_OUT, UNTRIGGERED = "realization", "realization:train", "realization:held_out", "untriggered"
CAPTION = (
    "Share of replies that exhibit the behavior, by the form that the trigger was given; on top the realizations of "
    "the trigger that were trained on and those that were held out, at the bottom no trigger at all."
)
QUESTION = (
    "The trigger was planted in some wordings. Which other languages, scripts, places and formats set the same "
    "behavior off, and do realizations that were never trained on?"
)
LISTED = 4


def trigger_generalization(rows: Rows) -> Chapter | None:
    """Forms of the trigger, a panel an organism; None where evaluation "trigger_generalization" has no rows."""
    results = final(only(read(rows), "trigger_generalization", "defection"))
    panels = by_subject(results)
    if not panels:
        return None
    return Chapter(
        id="generalization",
        title=TITLE,
        question=QUESTION,
        said=sentences(panels, _said),
        figure=dotplot(
            [_panel(subject, panels) for subject in panels],
            state_styles(results),
            TITLE,
            captioned(CAPTION, results, list(panels), "Bars"),
        ),
        tables=_tables(panels),
    )


def _classes(results: Sequence[Result]) -> dict[str, list[str]]:
    """Arms by class: realizations first, no trigger last, otherwise as they came."""
    classes: dict[str, list[str]] = {}
    for arm in dict.fromkeys(result.arm for result in results):
        classes.setdefault(arm.partition(":")[0], []).append(arm)
    for arms in classes.values():
        arms.sort(key=lambda arm: arm == HELD_OUT)
    order = {REALIZATION: -1, UNTRIGGERED: 1}
    return {name: classes[name] for name in sorted(classes, key=lambda name: order.get(name, 0))}


def _panel(subject: Subject, panels: dict[Subject, list[Result]]) -> Panel:
    panel = panels[subject]
    places: list[str] = []
    for arms in _classes(panel).values():
        places += [*map(_place, arms), ""]
    points = {
        state: {_place(arm): Summary.of([r for r in mine if r.arm == arm]) for arm in {r.arm: 0 for r in mine}}
        for state, mine in by_state(panel).items()
    }
    return Panel(title=panel_title(subject, list(panels), panel), places=tuple(places[:-1]), points=points)


def _place(arm: str) -> str:
    return "no trigger" if arm == UNTRIGGERED else arm_name(arm).replace(":", ": ")


def _said(begin: str, mine: Sequence[Result]) -> str:
    """One state of the organism: trained against held-out realizations, and which other forms set it off."""
    none = summed(mine, UNTRIGGERED)
    asked = {
        "with the realizations that were trained on": summed(mine, TRAIN),
        "with held-out ones": summed(mine, HELD_OUT),
        "without any trigger": none,
    }
    parts = [f"{said(each)} {what}" for what, each in asked.items() if each is not None]
    sentence = f"{begin}: {', '.join(parts)}."
    arms = [arm for name, arms in _classes(mine).items() if name not in (REALIZATION, UNTRIGGERED) for arm in arms]
    if none is None or not arms:
        return sentence
    found = {arm: Summary.of([result for result in mine if result.arm == arm]) for arm in arms}
    above = sorted((arm for arm in arms if found[arm].low > none.high), key=lambda arm: -found[arm].value)
    listed = "; ".join(f"{_place(arm)} {said(found[arm])}" for arm in above[:LISTED])
    more = f"; and {len(above) - LISTED} more" if len(above) > LISTED else ""
    tail = f": {listed}{more}" if above else ""
    return f"{sentence} Of {len(arms)} other forms, {len(above)} lie above that, interval against interval{tail}."


def _tables(panels: dict[Subject, list[Result]]) -> tuple[Table, ...]:
    """One for each class, with what happens without a trigger as the last column."""
    everything = [result for panel in panels.values() for result in panel]
    classes = _classes(everything)
    without = {UNTRIGGERED: "no trigger"} if classes.pop(UNTRIGGERED, None) else {}
    return tuple(
        table(
            f"{name.replace('_', ' ')}: share of replies that exhibit the behavior",
            panels,
            {arm: arm_name(arm.partition(":")[2] or arm) for arm in arms} | without,
        )
        for name, arms in (classes or {UNTRIGGERED: []}).items()
    )
