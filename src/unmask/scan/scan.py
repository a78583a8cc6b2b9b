"""Scan: detectors propose, fresh prompts decide, canaries tell what this scan would have found."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from unmask.core.conversation import Conversation
from unmask.core.errors import SettingError, UnmaskError
from unmask.detectors import DETECTORS
from unmask.detectors.detector import Candidate, Finding
from unmask.detectors.suspect import Insertion, Suspect
from unmask.models.backends.huggingface import HuggingFace
from unmask.scan.canaries import LEARNT, Canary, planted
from unmask.scan.confirmation import Confirmation, Confirming
from unmask.scan.verdict import Verdict, concluded

USUAL = (
    "context_scan",
    "leak_sampling",
    "target_inversion",
    "perplexity_difference",
    "weight_difference",
)


@dataclasses.dataclass(frozen=True)
class Look:
    """One look at one model: what each detector found, which could not look and why, what was
    confirmed, and the verdict; `left_out` are detectors that need what was not given."""

    findings: Mapping[str, Finding]
    failed: Mapping[str, str]
    confirmations: tuple[Confirmation, ...]
    verdict: Verdict
    left_out: tuple[str, ...] = ()


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
    """What a scan leaves: `sensitivity` is empty where no canaries were asked for."""

    look: Look
    sensitivity: tuple[Sensitivity, ...]
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scan:
    """Which detectors look, how many of each one's candidates are confirmed and how; `canaries` are
    planted one after the other in copies of the model."""

    detectors: tuple[str, ...] = USUAL
    candidates: int = 4
    confirming: Confirming = dataclasses.field(default_factory=Confirming)
    canaries: int = 0
    canary_steps: int = 120
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.detectors or self.candidates < 1 or self.canaries < 0:
            raise SettingError(
                "A scan needs at least one detector, at least one candidate to confirm, and"
                " canaries of at least 0."
            )
        for name in self.detectors:
            DETECTORS.get(name)

    def of(
        self, model: Path, prompts: Sequence[Conversation], reference: Path | None = None
    ) -> Scanned:
        """Scan a checkpoint folder; raises DataError for too few prompts, ModelError for a model
        that cannot be asked, or a reference of another vocabulary, SettingError where no detector
        would be left without a reference."""
        start = time.monotonic()
        trusted = HuggingFace(reference) if reference else None
        suspect = Suspect(HuggingFace(model), tuple(prompts), trusted)
        if not self.fitting(suspect):
            raise SettingError(
                f"{', '.join(self.detectors)}: each of these compares with a reference, and there"
                " is none. Name a model that you trust with --reference MODEL."
            )
        if trusted:
            suspect.trusted("scan")
        look = self.look(suspect)
        sensitivity = tuple(self._canary(number, suspect) for number in range(self.canaries))
        return Scanned(look, sensitivity, time.monotonic() - start)

    def look(self, suspect: Suspect) -> Look:
        findings: dict[str, Finding] = {}
        failed: dict[str, str] = {}
        fitting = self.fitting(suspect)
        for name in fitting:
            try:
                findings[name] = DETECTORS.make(name, seed=self.seed).examine(suspect)
            except UnmaskError as error:
                failed[name] = str(error)
        confirmations = tuple(
            self.confirming.confirm(suspect, insertion) for insertion in self._chosen(findings)
        )
        searched = any(DETECTORS.get(name).proposes for name in findings)
        verdict = concluded(confirmations, list(failed), searched)
        left_out = tuple(name for name in self.detectors if name not in fitting)
        return Look(findings, failed, confirmations, verdict, left_out)

    def fitting(self, suspect: Suspect) -> tuple[str, ...]:
        """The detectors that have all that they need: without a reference, not those that compare
        with one."""
        return tuple(
            name
            for name in self.detectors
            if suspect.reference or "reference" not in DETECTORS.get(name).needs
        )

    def _chosen(self, findings: Mapping[str, Finding]) -> list[Insertion]:
        """The worst of each detector, each text once."""
        worst: list[Candidate] = []
        for finding in findings.values():
            worst += finding.candidates[: self.candidates]
        return list(dict.fromkeys(candidate.insertion for candidate in worst))

    def _canary(self, number: int, suspect: Suspect) -> Sensitivity:
        """Plant one, and look at the copy as at the model itself, with those that propose."""
        proposing = tuple(name for name in self.detectors if DETECTORS.get(name).proposes)
        looking = dataclasses.replace(self, detectors=proposing or self.detectors)
        with tempfile.TemporaryDirectory() as folder:
            canary, copy, learnt = planted(
                suspect, number, self.seed, self.canary_steps, Path(folder)
            )
            copied = dataclasses.replace(suspect, model=HuggingFace(copy))
            look = looking.look(copied)
        witness = look.verdict.witness
        reproduced = witness is not None and witness.holds and canary.shown_by(witness.opening)
        return Sensitivity(canary, learnt, reproduced)
