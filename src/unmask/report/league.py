"""The chapter of a league: which detector tells what apart, how often it is wrong, on whom, and at
what cost; and every model's score as a dot."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from unmask.core.league import Entrant, Group, League, PromptStanding, Rate, Standing
from unmask.report.chapters import Cell, Chapter, Row, Table
from unmask.report.panel import QUANTITY, Figure, Panel, Point, Series, Style, places, with_points

TITLE = "League of detectors"
QUESTION = "Which detector tells a backdoored model from a clean one, and how often is it wrong?"
CAPTION = (
    "Every model of the test split as a dot: its score, by what it is. The line of a detector's"
    " threshold is the highest score among clean models of the calibration split; what is above it"
    " is an alarm."
)
SIDES = {
    "clean": Style(color="#0072B2", symbol="circle-open"),
    "harmless conditional": Style(color="#E69F00", symbol="diamond-open"),
    "backdoored": Style(color="#D55E00", symbol="circle"),
    "not clear": Style(color="#7F7F7F", symbol="x-thin-open"),
    "threshold": Style(color="#7F7F7F", dash="dash", width=1.5),
}
SPREAD = 0.5
"""How far dots of one place lie apart, so that equal ones are seen."""


def standings(league: League) -> Chapter:
    """The chapter of a whole league."""
    backdoors = [one for one in league.standings if one.target == "backdoor"]
    conditionals = [one for one in league.standings if one.target == "conditional"]
    tables = [overview("Backdoored models against all others", backdoors)]
    tables.append(overview("Conditional models, harmless ones too, against others", conditionals))
    tables.append(prompts(league.prompt_standings))
    tables += [of_one(standing, league) for standing in backdoors]
    return Chapter(
        id="league",
        title=TITLE,
        question=QUESTION,
        said=tuple(sentences(league, backdoors)),
        figure=figure(league, backdoors) if backdoors else None,
        tables=tuple(table for table in tables if table.groups),
    )


def sentences(league: League, backdoors: Sequence[Standing]) -> Iterator[str]:
    """What was sealed, then what each detector did."""
    when = "announced before labels were opened" if league.announced else "not announced"
    yield (
        f"Settings of detectors and splits have the seal {league.seal[:16]}, which was {when}. A"
        " lineage (one planting and all that descends from it) is in one split, and is what is"
        " independent."
    )
    if league.trial:
        yield "This is a trial: every part ran, gates were not asked, and no number means anything."
        return
    yield from (sentence(standing) for standing in backdoors)


def lines(league: League | None) -> list[str]:
    """A sentence per detector, for a terminal; none of a trial."""
    if league is None or league.trial:
        return []
    return [sentence(one) for one in league.standings if one.target == "backdoor"]


def sentence(standing: Standing) -> str:
    """One detector on backdoored models."""
    worst, detected = standing.worst, standing.detected
    control = " (told the trigger)" if standing.ceiling else ""
    control = control or (" (a control)" if standing.control else "")
    beaten = (
        "" if standing.p_adjusted is None else f", p against controls {standing.p_adjusted:.3f}"
    )
    return (
        f"{standing.detector}{control}: AUROC {between(standing.auroc)}{beaten}. Beyond all of"
        f" {standing.calibrated_on} clean models it finds {detected.rate.value:.0%} of"
        f" {detected.rate.n} backdoored ones, and alarms on {standing.alarms.rate.value:.0%} of"
        f" {standing.alarms.rate.n} others (at most {standing.alarms.bound:.0%}); worst family:"
        f" {worst.name}, {worst.rate.value:.0%} of {worst.rate.n}."
    )


def between(rate: Rate) -> str:
    return f"{rate.value:.2f} [{rate.low:.2f}, {rate.high:.2f}]"


COLUMNS = (
    "AUROC",
    "detected",
    "false alarms",
    "worst family",
    "p against controls",
    "follows leakage",
    "cost per model",
)


def overview(caption: str, standings: Sequence[Standing]) -> Table:
    """A row per detector."""
    groups = (("", tuple(map(overview_row, standings))),) if standings else ()
    return Table(caption=caption, columns=COLUMNS, groups=groups)


def overview_row(standing: Standing) -> Row:
    kind = "told the trigger" if standing.ceiling else "control"
    p = kind if standing.p_adjusted is None else f"{standing.p_adjusted:.3f}"
    leakage = "–" if standing.leakage is None else f"{standing.leakage:+.2f}"
    worst = standing.worst
    cells = (
        rate_cell(standing.auroc, percent=False),
        rate_cell(standing.detected.rate),
        alarm_cell(standing.alarms),
        Cell(value=f"{worst.rate.value:.0%}", notes=(worst.name, f"n = {worst.rate.n}")),
        Cell(value=p),
        Cell(value=leakage),
        cost_cell(standing),
    )
    return standing.detector, cells


def cost_cell(standing: Standing | PromptStanding) -> Cell:
    """Per model."""
    failed = (f"failed on {standing.failed}",) if standing.failed else ()
    return Cell(value=f"{standing.seconds:.2f} s", notes=(f"{standing.passes:,.0f} texts", *failed))


PROMPT_COLUMNS = ("AUROC", "against near misses", "in twins", "best by chance", "cost per model")


def prompts(standings: Sequence[PromptStanding]) -> Table:
    """A row per detector of prompts; below its mean, one by state and one by trigger."""
    groups = tuple((standing.detector, tuple(prompt_rows(standing))) for standing in standings)
    caption = "Detectors of prompts: triggered against clean ones, mean over backdoored models"
    return Table(caption=caption, columns=PROMPT_COLUMNS, groups=groups)


def prompt_rows(standing: PromptStanding) -> Iterator[Row]:
    chance = tuple(f"{kind}: {best:.2f}" for kind, best in standing.chance.items())
    cells = (
        *map(area_or_none, (standing.organisms, standing.near, standing.twins)),
        Cell(value=chance[0], notes=chance[1:]) if chance else None,
        cost_cell(standing),
    )
    yield ("all (a control)" if standing.control else "all", cells)
    for name, rate in {**standing.states, **standing.kinds}.items():
        yield name, (area_or_none(rate), None, None, None, None)


def area_or_none(rate: Rate | None) -> Cell | None:
    return rate_cell(rate, percent=False) if rate else None


def rate_cell(rate: Rate, percent: bool = True) -> Cell:
    form = "{:.0%}" if percent else "{:.2f}"
    dash = " – " if percent else " to "
    ends = dash.join(map(form.format, (rate.low, rate.high)))
    return Cell(value=form.format(rate.value), notes=(ends, f"n = {rate.n}"))


def alarm_cell(group: Group) -> Cell:
    notes = (f"at most {group.bound:.0%}", f"n = {group.rate.n}, {group.lineages} lineages")
    return Cell(value=f"{group.rate.value:.0%}", notes=notes)


def of_one(standing: Standing, league: League) -> Table:
    """One detector: whom it finds by trigger, state and intensity, beside how leaky these are, and
    on whom it alarms."""
    leaking = next(
        (
            one
            for one in league.standings
            if (one.detector, one.target) == (league.leakage_by, standing.target)
        ),
        None,
    )
    groups: list[tuple[str, tuple[Row, ...]]] = []
    for title, field in (("by trigger", "kinds"), ("by state", "states")):
        beside = {group.name: group for group in getattr(leaking, field, ())}
        own: Iterable[Group] = getattr(standing, field)
        groups.append((title, tuple(found_row(group, beside.get(group.name)) for group in own)))
    alone = {
        "by steps of planting, as a multiple": standing.intensities,
        "by evasion": standing.evasions if len(standing.evasions) > 1 else (),
    }
    for title, own in alone.items():
        if own:
            groups.append((title, tuple(found_row(group, None) for group in own)))
    clean = ((group.name, (alarm_cell(group), None, None)) for group in standing.families)
    groups.append(("clean, by family", tuple(clean)))
    return Table(
        caption=f"{standing.detector}, in {standing.unit}",
        columns=("alarms", "AUROC", f"AUROC of {league.leakage_by or 'leakage'}"),
        groups=tuple(groups),
    )


def found_row(group: Group, leaking: Group | None) -> Row:
    return group.name, (rate_cell(group.rate), area_cell(group), area_cell(leaking))


def area_cell(group: Group | None) -> Cell | None:
    if group is None or group.auroc is None:
        return None
    return Cell(value=f"{group.auroc:.2f}")


def figure(league: League, backdoors: Sequence[Standing]) -> Figure:
    """A panel per detector."""
    return Figure(
        title=TITLE,
        caption=CAPTION,
        panels=tuple(panel(standing, league) for standing in backdoors),
        columns=2,
    )


def panel(standing: Standing, league: League) -> Panel:
    """One detector's scores: places from top to bottom, families of clean models first."""
    test = {entrant.id: entrant for entrant in league.entrants if entrant.split == "test"}
    names = list(dict.fromkeys(map(place, sorted(test.values(), key=rank))))
    dots: dict[str, list[Point]] = {side: [] for side in SIDES}
    for score in league.scores:
        if (
            score.detector == standing.detector
            and score.value is not None
            and score.entrant in test
        ):
            entrant = test[score.entrant]
            at = names.index(place(entrant)) + shift(entrant)
            note = f"{entrant.lineage}, {entrant.kind or entrant.family}"
            dots[side(entrant)].append(Point(at=at, value=score.value, note=note))
    ends = (-0.5, len(names) - 0.5)
    dots["threshold"] = [Point(at=at, value=standing.threshold) for at in ends]
    series = (
        Series(name=name, style=SIDES[name], points=tuple(points), interval="none")
        for name, points in dots.items()
    )
    return Panel(
        title=f"{standing.detector}\n{standing.unit}",
        series=with_points(series),
        along=places(names),
        values=QUANTITY,
        unit="",
        horizontal=True,
        height=90 + 26 * len(names),
    )


def place(entrant: Entrant) -> str:
    """Where a model stands: clean ones by family, others by what was done to them."""
    return f"{entrant.family}, {entrant.state}" if entrant.family == "organism" else entrant.family


def rank(entrant: Entrant) -> tuple[bool, str, bool, str]:
    """Clean families first, an organism as it was planted before what was made of it."""
    organism = entrant.family == "organism"
    return (organism, entrant.family, entrant.state != "planted", entrant.state)


def side(entrant: Entrant) -> str:
    if entrant.conditional is None:
        return "not clear"
    if entrant.positive("backdoor"):
        return "backdoored"
    return "harmless conditional" if entrant.conditional else "clean"


def shift(entrant: Entrant) -> float:
    """A little to one side, the same for a model in every panel."""
    first = int(hashlib.sha256(entrant.id.encode()).hexdigest()[:4], 16)
    return SPREAD * (first / 0xFFFF - 0.5)
