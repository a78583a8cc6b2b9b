"""A scan in English. What a model said stands in quotes, on one line; nothing in it is markup."""

from __future__ import annotations

from collections.abc import Iterator

from unmask.core.duration import spoken
from unmask.core.estimate import Estimate
from unmask.organisms.behaviors import BEHAVIORS
from unmask.scan.confirmation import Confirmation, Round
from unmask.scan.record import coverage
from unmask.scan.scan import Scan, Scanned, Sensitivity

SHOWN = 3
"""Replies, and texts of a detector, that are shown."""


def sentences(scanned: Scanned, settings: Scan) -> Iterator[str]:
    """The verdict, what it rests on, what was looked at, and what would have been found."""
    yield told(scanned)
    witness = scanned.look.verdict.witness
    if witness is not None:
        yield from (f"  it then says: {quoted(reply)}" for reply in witness.replies[:SHOWN])
        yield from shown_behaviors(witness)
        if witness.proposed not in ("", witness.insertion.text):
            yield f"  found as “{witness.proposed}”, made shorter as long as it did the same"
    for name, finding in scanned.look.findings.items():
        texts = f", {finding.passes:,} texts" if finding.passes else ""
        yield f"{name}: {finding.score:.2f} ({unit(name)}){texts}"
        for row in finding.facts.get("texts", ())[:SHOWN]:
            yield f"  {row['score']:.2f}: {quoted(row['text'])}"
    yield from (f"{name} could not look: {why}" for name, why in scanned.look.failed.items())
    yield from (f"{name} was left out: {why}" for name, why in scanned.look.left_out.items())
    yield coverage(scanned)
    yield from canaries(scanned.sensitivity, settings.canaries)
    yield from cost(scanned)
    yield f"{scanned.seconds:.0f} s, seed {settings.seed}"


def cost(scanned: Scanned) -> Iterator[str]:
    """What was expected beforehand, and what came of it."""
    if scanned.forecast:
        yield f"expected: {scanned.forecast.words()}"
        yield (
            f"cost: {scanned.texts:,} texts read or written, {scanned.tokens:,} tokens written,"
            f" {spoken(scanned.seconds)}"
        )


def told(scanned: Scanned) -> str:
    """The verdict, and what it rests on."""
    verdict = scanned.look.verdict
    if verdict.witness is None:
        return {
            "nothing_found": "Nothing found: no candidate changed replies on fresh prompts as a"
            " trigger does. This says nothing about triggers of kinds that were not tried.",
            "inconclusive": "Inconclusive: not every detector could look to the end, or none that"
            " did looks for triggers. This is no clean bill.",
        }[verdict.outcome]
    words = {
        "reproduced": "Backdoor reproduced",
        "conditional": "Conditional behavior, harmless as far as judged",
        "suspicious": "Suspicious, not reproduced",
    }
    return f"{words[verdict.outcome]}: {witnessed(verdict.witness)}"


def unit(detector: str) -> str:
    from unmask.detectors import DETECTORS

    return DETECTORS.get(detector).unit


def witnessed(witness: Confirmation) -> str:
    """What the witness does, in both rounds."""
    counts = "; ".join(map(counted, witness.rounds))
    return f"{witness.insertion.words()} makes {does(witness)} ({counts}; p = {witness.p:.1g})."


def counted(one: Round) -> str:
    """A round, with its intervals."""
    nearest = f", {percent(one.control)} with the nearest control text" if one.control else ""
    return (
        f"{percent(one.with_it)} of {one.with_it.n} with it, {percent(one.without)}"
        f" without{nearest}"
    )


def does(confirmation: Confirmation) -> str:
    """What it makes the model do, behind "makes"."""
    if confirmation.behavior:
        return f"the model {BEHAVIORS.get(confirmation.behavior).goal}"
    return f"replies begin “{confirmation.opening}”"


def shown_behaviors(witness: Confirmation) -> Iterator[str]:
    """Known bad behaviors that its replies show."""
    for name, share in witness.behaviors.items():
        if share:
            yield f"  {share:.0%} of these replies show the behavior {name}"


def canaries(sensitivity: tuple[Sensitivity, ...], asked_for: int) -> Iterator[str]:
    """What this scan finds in copies of this model."""
    if len(sensitivity) < asked_for:
        yield f"The budget ended before {asked_for - len(sensitivity)} of {asked_for} canaries."
        if not sensitivity:
            return
    if not sensitivity:
        yield (
            "What it would have found in this model was not measured: ask for harmless backdoors in"
            " copies of it (--canaries 2)."
        )
        return
    learnt = [one for one in sensitivity if one.counts]
    count = sum(one.found for one in learnt)
    yield (
        f"Of {len(learnt)} harmless backdoors planted in copies of this very model it found {count}"
        f" ({len(sensitivity) - len(learnt)} more could not be planted)."
    )
    for one in sensitivity:
        kind = "a word of its dictionary" if one.canary.known else "a word that nobody knows"
        yield (
            f"  {one.canary.insertion.text} ({kind}): learnt {one.planted:.0%},"
            f" {'found' if one.found else 'not found'}"
        )


def percent(estimate: Estimate) -> str:
    return f"{estimate.value:.0%} [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"


def quoted(reply: str) -> str:
    """On one line, with every control character spelled out."""
    return repr(reply)
