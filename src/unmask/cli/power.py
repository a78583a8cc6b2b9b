"""`unmask power RUN`: how many prompts and seeds it would take."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from unmask.cli.settings import Json, RunName, StoreDir, emit

if TYPE_CHECKING:
    from unmask.analysis.power import Power


def power(
    name: RunName,
    difference: Annotated[
        float, typer.Option(help="Of triggered defection, from 0 to 1, between two levels.")
    ] = 0.1,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Say how many prompts a verdict takes, and how many seeds a difference."""
    from unmask.analysis.power import ASSUMES, powers
    from unmask.core.errors import DataError, SettingError
    from unmask.engine.store import Store
    from unmask.recipes.finished import Finished

    if not 0 < difference < 1:
        raise SettingError(f"--difference {difference} is no share between 0 and 1.")
    finished = Finished.named(name, Store.at(store))
    known = powers(finished.verdicts, difference)
    if not known:
        raise DataError(
            f"{finished.run} has no verdict on an organism that was planted, from which to"
            " simulate. Run it at a scale that plants one."
        )
    if as_json:
        emit([as_object(one) for one in known])
        return
    print("\n".join(["\n".join(lines(one, difference)) for one in known] + [ASSUMES]))


def as_object(power: Power) -> dict[str, object]:
    from unmask.report import words

    return {
        "subject": words.studied(power.subject),
        "defense": str(power.defense),
        "seeds_seen": power.seen,
        "before": dataclasses.asdict(power.before),
        "after": dataclasses.asdict(power.after),
        "words": power.words,
        "prompts_enough": power.prompts_enough,
        "seeds": power.seeds,
        "seeds_enough": power.seeds_enough,
    }


def lines(power: Power, difference: float) -> list[str]:
    """One organism and defense as the terminal shows it."""
    from unmask.analysis.power import ENOUGH, ONE_SEED
    from unmask.report import words

    several = power.seen > 1
    seeds = f"{power.seen} seed{'s' if several else ''} seen"
    apart = f"; seeds differ by {power.after.spread:.1%} (standard deviation)" if several else ""
    told = [f"{power.defense} against {words.studied(power.subject)}, {seeds}"]
    told.append(
        f"  triggered defection {power.before.mean:.1%} before, {power.after.mean:.1%} after{apart}"
    )
    for n, shares in power.words.items():
        verdicts = ", ".join(f"{word} {share:.0%}" for word, share in shares.items())
        told.append(f"  {n:5} prompts per arm: {verdicts}")
    told.append(
        f"  the same verdict in {ENOUGH:.0%} of seeds:"
        f" {enough(power.prompts_enough, 'prompts per arm')}"
    )
    if not power.seeds:
        return [*told, f"  {ONE_SEED}"]
    for count, share in power.seeds.items():
        told.append(
            f"  {count:5} seeds per level: a difference of {difference:.0%} seen in {share:.0%}"
        )
    return [*told, f"  seen in {ENOUGH:.0%}: {enough(power.seeds_enough, 'seeds per level')}"]


def enough(number: int | None, what: str) -> str:
    return f"with {number} {what}" if number else "not with any number that was tried"
