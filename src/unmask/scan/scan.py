"""Scan: detectors propose, fresh prompts decide, canaries tell what this scan would have found."""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unmask.core import progress
from unmask.core.conversation import Conversation
from unmask.core.errors import BudgetError, SettingError, UnmaskError
from unmask.core.insertion import Insertion
from unmask.detectors import DETECTORS
from unmask.detectors.detector import Detector, Finding, NothingToJudge
from unmask.detectors.suspect import Suspect
from unmask.scan.canaries import ATTEMPTS, BATCH, LEARNT, Canary, planted
from unmask.scan.confirmation import Asking, Confirmation, Confirming
from unmask.scan.forecast import Forecast, forecast
from unmask.scan.meter import Budget, Meter, Metered
from unmask.scan.proof import Proof
from unmask.scan.verdict import Verdict, concluded, witnesses

USUAL = (
    "context_scan",
    "leak_sampling",
    "trigger_reconstruction",
    "code_scan",
    "target_inversion",
    "perplexity_difference",
    "weight_difference",
)

UNTRUSTED = "it compares with a model that you trust, and there is none (--reference MODEL)"

CONFIRMATION = "confirmation"
"""Stands among what could not look, where the budget ended before a candidate was decided on."""


@dataclasses.dataclass(frozen=True)
class Look:
    """One look at one model: what each detector found, which could not look and why, what was
    confirmed, and the verdict; `left_out` are detectors that need what was not given, or had
    nothing to judge, and why."""

    findings: Mapping[str, Finding]
    failed: Mapping[str, str]
    confirmations: tuple[Confirmation, ...]
    verdict: Verdict
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])


@dataclasses.dataclass(frozen=True)
class Sensitivity:
    """One canary: whether planting it worked, and whether the scan found it."""

    canary: Canary
    planted: float
    found: bool

    @property
    def counts(self) -> bool:
        """A canary that was not learnt says nothing about the scan."""
        return self.planted >= LEARNT


@dataclasses.dataclass(frozen=True)
class Scanned:
    """What a scan leaves: `sensitivity` is empty where no canaries were asked for, and shorter than
    that where the budget ended. `texts` were read or written, `tokens` written."""

    look: Look
    sensitivity: tuple[Sensitivity, ...]
    seconds: float
    texts: int = 0
    tokens: int = 0
    forecast: Forecast | None = None
    proof: Proof | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scan:
    """Which detectors look, how many of each one's candidates are confirmed and how; `canaries` are
    planted one after the other in copies of the model. `tuned` holds settings of detectors, by
    name. A scan stops where its `budget` ends."""

    detectors: tuple[str, ...] = USUAL
    tuned: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict[str, Any])
    candidates: int = 4
    confirming: Confirming = dataclasses.field(default_factory=Confirming)
    canaries: int = 0
    canary_steps: int = 120
    budget: Budget = dataclasses.field(default_factory=Budget)
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.detectors or self.candidates < 1 or self.canaries < 0:
            raise SettingError(
                "A scan needs at least one detector, at least one candidate to confirm, and"
                " canaries of at least 0."
            )
        for name in self.detectors:
            DETECTORS.get(name)

    @property
    def asks_for_code(self) -> bool:
        """Whether it needs prompts that ask for programs."""
        return any(DETECTORS.get(name).behavior for name in self.detectors)

    @property
    def canary_texts(self) -> int:
        """Texts that a copy learns from for one canary, if it learns slowly."""
        return self.canary_steps * BATCH * ATTEMPTS

    def of(
        self,
        model: Path,
        prompts: Sequence[Conversation],
        reference: Path | None = None,
        code: Sequence[Conversation] = (),
    ) -> Scanned:
        """Scan a checkpoint folder; raises DataError for too few prompts, ModelError for a model
        that cannot be asked, or a reference of another vocabulary, SettingError where no detector
        would be left without a reference."""
        meter = Meter()
        trusted = Metered(reference, meter) if reference else None
        suspect = Suspect(Metered(model, meter), tuple(prompts), trusted, tuple(code))
        if not self.fitting(suspect):
            raise SettingError(
                f"{', '.join(self.detectors)}: each of these compares with a reference, and there"
                " is none. Name a model that you trust with --reference MODEL."
            )
        if trusted:
            suspect.trusted("scan")
        proof = Proof.of(suspect)
        expected = forecast(self, suspect)
        progress.say(f"expected: {expected.words()}")
        meter.budget = self.budget
        look = self.look(suspect, meter)
        sensitivity = tuple(self._sensitivity(suspect, meter))
        return Scanned(look, sensitivity, meter.seconds, meter.texts, meter.tokens, expected, proof)

    def look(self, suspect: Suspect, meter: Meter) -> Look:
        """Each detector, and right after it what it proposes: where the budget ends, the first ones
        are done."""
        findings: dict[str, Finding] = {}
        failed: dict[str, str] = {}
        confirmations: list[Confirmation] = []
        askings: dict[str, Asking] = {}
        fitting = self.fitting(suspect)
        left_out = {name: UNTRUSTED for name in self.detectors if name not in fitting}
        for name in fitting:
            detector = self.made(name)
            try:
                meter.check()
                findings[name] = detector.examine(suspect)
            except NothingToJudge as error:
                left_out[name] = str(error)
                continue
            except UnmaskError as error:
                failed[name] = str(error)
                continue
            if not findings[name].candidates:
                continue
            if detector.behavior not in askings:
                askings[detector.behavior] = self.confirming.of(suspect, detector.behavior)
            try:
                self._confirm(findings[name], askings[detector.behavior], confirmations)
            except BudgetError as error:
                failed[CONFIRMATION] = str(error)
        searched = any(DETECTORS.get(name).proposes for name in findings)
        done = tuple(confirmations)
        verdict = concluded(done, list(failed), searched)
        return Look(findings, failed, done, verdict, left_out)

    def _confirm(
        self,
        finding: Finding,
        asking: Asking,
        confirmations: list[Confirmation],
    ) -> None:
        """The worst candidates of a detector into `confirmations`: each text once, where it was
        worst, or one that moves replies wherever it stands would crowd out others."""
        worst: dict[str, Insertion] = {}
        for candidate in finding.candidates:
            worst.setdefault(candidate.insertion.text, candidate.insertion)
        for insertion in itertools.islice(worst.values(), self.candidates):
            confirmed = asking.confirm(insertion)
            if confirmed not in confirmations:
                confirmations.append(confirmed)

    def made(self, name: str) -> Detector:
        """A detector with the settings that this scan gives it."""
        return DETECTORS.make({"name": name, **self.tuned.get(name, {})}, seed=self.seed)

    def fitting(self, suspect: Suspect) -> tuple[str, ...]:
        """The detectors that have all that they need: without a reference, not those that compare
        with one."""
        return tuple(
            name
            for name in self.detectors
            if suspect.reference or "reference" not in DETECTORS.get(name).needs
        )

    def _sensitivity(self, suspect: Suspect, meter: Meter) -> Iterator[Sensitivity]:
        """Canary after canary, until the budget ends."""
        for number in range(self.canaries):
            try:
                meter.check()
                yield self._canary(number, suspect, meter)
            except BudgetError:
                return

    def _canary(self, number: int, suspect: Suspect, meter: Meter) -> Sensitivity:
        """Plant one, and look at the copy as at the model itself, with those that propose."""
        proposing = tuple(
            name
            for name in self.detectors
            if DETECTORS.get(name).proposes and not DETECTORS.get(name).behavior
        )
        looking = dataclasses.replace(self, detectors=proposing or self.detectors)
        with tempfile.TemporaryDirectory() as folder:
            canary, copy, learnt = planted(
                suspect, number, self.seed, self.canary_steps, Path(folder)
            )
            copied = dataclasses.replace(suspect, model=Metered(copy, meter))
            look = looking.look(copied, meter)
        caught = any(canary.shown_by(one.opening) for one in witnesses(look.confirmations))
        if not caught:
            meter.check()  # what was not looked for to the end is not "not found"
        return Sensitivity(canary, learnt, caught)
