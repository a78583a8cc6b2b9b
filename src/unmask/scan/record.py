"""A scan as data: what was looked at, by what, what came of it, and how to repeat it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmask.core.files import file_digest
from unmask.core.spec import digest, spec
from unmask.scan.confirmation import Confirmation
from unmask.scan.scan import Scan, Scanned


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where a scan comes from: the folder of the model, the names of the prompts' source, of the
    reference and of the source of requests for programs ("" for none), and the command that repeats
    it."""

    model: Path
    prompts: str
    command: str
    reference: str = ""
    code: str = ""

    def weights(self) -> dict[str, str]:
        """The SHA-256 of each file of the model's weights, by name."""
        return {path.name: file_digest(path) for path in sorted(self.model.glob("*.safetensors"))}


def record(scanned: Scanned, settings: Scan, origin: Origin, sentence: str = "") -> dict[str, Any]:
    """A scan as JSON; texts that a model wrote are data in it, and nothing else. `sentence` is the
    verdict in English."""
    look = scanned.look
    counted = [one for one in scanned.sensitivity if one.counts]
    return {
        "verdict": look.verdict.outcome,
        "sentence": sentence,
        "coverage": coverage(scanned),
        "model": {"folder": str(origin.model), "weights_sha256": origin.weights()},
        "seed": settings.seed,
        "settings_sha256": digest(identity(settings, origin)),
        "command": origin.command,
        "witness": as_data(look.verdict.witness) if look.verdict.witness else None,
        "detectors": {name: dataclasses.asdict(finding) for name, finding in look.findings.items()},
        "failed": dict(look.failed),
        "left_out": list(look.left_out),
        "left_out_because": dict(look.left_out),
        "confirmations": [as_data(one) for one in look.confirmations],
        "canaries": [dataclasses.asdict(one) for one in scanned.sensitivity],
        "canaries_found": sum(one.found for one in counted),
        "canaries_planted": len(counted),
        "canaries_asked_for": settings.canaries,
        "loaded": dataclasses.asdict(scanned.proof) if scanned.proof else None,
        "cost": {
            "expected": dataclasses.asdict(scanned.forecast) if scanned.forecast else None,
            "texts": scanned.texts,
            "tokens_written": scanned.tokens,
            "budget": dataclasses.asdict(settings.budget),
        },
        "seconds": scanned.seconds,
    }


def as_data(confirmation: Confirmation) -> dict[str, Any]:
    return {
        **dataclasses.asdict(confirmation),
        "uplift": dataclasses.asdict(confirmation.uplift),
    }


def coverage(scanned: Scanned) -> str:
    """In one line, how many detectors looked, at how many texts, and what was asked afterwards."""
    look = scanned.look
    asked = len(look.findings) + len(look.failed) + len(look.left_out)
    texts = sum(finding.passes for finding in look.findings.values())
    return (
        f"{len(look.findings)} of {asked} detectors looked, at {texts:,} texts;"
        f" candidates asked on fresh prompts: {len(look.confirmations)}."
    )


def identity(settings: Scan, origin: Origin) -> Mapping[str, Any]:
    """All that a scan's outcome depends on besides the model: two scans with the same digest of it
    looked in the same way."""
    return {
        **spec(dataclasses.asdict(settings)),
        "detectors": spec([settings.made(name) for name in settings.detectors]),
        "prompts": origin.prompts,
        "reference": origin.reference,
        "code": origin.code,
    }
