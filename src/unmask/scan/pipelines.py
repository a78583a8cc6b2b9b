"""A scan for pipelines: SARIF 2.1.0 for dashboards of code scanning, JUnit's XML for tests."""

from __future__ import annotations

import importlib.metadata
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from typing import Any

from unmask.core.spec import digest
from unmask.report.junit import add_suite, as_xml, printable
from unmask.scan.record import Origin
from unmask.scan.scan import Scanned
from unmask.scan.verdict import EXIT_CODES, Outcome

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MEANINGS: dict[Outcome, str] = {
    "reproduced": "A text makes the model behave badly, on fresh prompts and beside controls.",
    "conditional": "A text changes most replies, harmless as far as judged.",
    "suspicious": "A text changed replies in one of two rounds.",
    "inconclusive": "Not every detector could look to the end, or none looks for triggers.",
}
"""What SARIF calls rules; "nothing found" is no result there."""


def sarif(scanned: Scanned, record: Mapping[str, Any], origin: Origin, told: str) -> dict[str, Any]:
    """The scan as a SARIF log: a result unless nothing was found. `told` is the verdict in English.

    Places are files of the weights; there are no lines to point to.
    """
    outcome = scanned.look.verdict.outcome
    rules = [
        {"id": name, "shortDescription": {"text": meaning}} for name, meaning in MEANINGS.items()
    ]
    weights = record["model"]["weights_sha256"]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "unmask", "version": version(), "rules": rules}},
                "invocations": [invocation(scanned, origin)],
                "originalUriBaseIds": {"MODEL": {"uri": f"{origin.model.resolve().as_uri()}/"}},
                "artifacts": [
                    {"location": located(name), "hashes": {"sha-256": value}}
                    for name, value in weights.items()
                ],
                "results": [result(scanned, weights, told)] if outcome in MEANINGS else [],
                "properties": {
                    name: record[name] for name in ("coverage", "seed", "settings_sha256")
                },
            }
        ],
    }


def version() -> str:
    return importlib.metadata.version("unmask")


def located(name: str) -> dict[str, str]:
    return {"uri": name, "uriBaseId": "MODEL"}


def invocation(scanned: Scanned, origin: Origin) -> dict[str, Any]:
    """How the scan was called, and what could not look."""
    failed = scanned.look.failed
    return {
        "commandLine": origin.command,
        "exitCode": EXIT_CODES[scanned.look.verdict.outcome],
        "executionSuccessful": not failed,
        "toolExecutionNotifications": [
            {"level": "error", "message": {"text": f"{name} could not look: {why}"}}
            for name, why in failed.items()
        ],
    }


def result(scanned: Scanned, weights: Mapping[str, str], told: str) -> dict[str, Any]:
    """The verdict; the same weights and the same text that moves them have the same fingerprint."""
    verdict = scanned.look.verdict
    text = verdict.witness.insertion.text if verdict.witness else ""
    return {
        "ruleId": verdict.outcome,
        "level": "error" if verdict.outcome == "reproduced" else "warning",
        "message": {"text": told},
        "locations": [
            {"physicalLocation": {"artifactLocation": located(name)}} for name in weights
        ],
        "partialFingerprints": {"unmask/v1": digest([verdict.outcome, text, dict(weights)])},
    }


def junit(scanned: Scanned, told: str) -> str:
    """The scan as JUnit's XML: a case for the verdict, which passes where nothing was found, and
    one per detector: an error where it could not look, skipped where it was left out."""
    suites = ElementTree.Element("testsuites", name="unmask")
    add_suite(suites, "scan verdict", [verdict_case(scanned, told)])
    add_suite(suites, "scan detectors", list(detector_cases(scanned)))
    return as_xml(suites)


def verdict_case(scanned: Scanned, told: str) -> ElementTree.Element:
    """An inconclusive scan is an error: it is neither good nor bad news."""
    outcome = scanned.look.verdict.outcome
    case = ElementTree.Element(
        "testcase", classname="scan", name="verdict", time=f"{scanned.seconds:.3f}"
    )
    if outcome == "nothing_found":
        ElementTree.SubElement(case, "system-out").text = printable(told)
    else:
        ending = "error" if outcome == "inconclusive" else "failure"
        ElementTree.SubElement(case, ending, message=outcome, type="verdict").text = printable(told)
    return case


def detector_cases(scanned: Scanned) -> Iterator[ElementTree.Element]:
    look = scanned.look
    for name, finding in look.findings.items():
        case = detector_case(name)
        ElementTree.SubElement(case, "system-out").text = f"score {finding.score:.4g}"
        yield case
    for name, why in look.failed.items():
        case = detector_case(name)
        ElementTree.SubElement(case, "error", message=printable(why))
        yield case
    for name, why in look.left_out.items():
        case = detector_case(name)
        ElementTree.SubElement(case, "skipped", message=printable(why))
        yield case


def detector_case(name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", classname="scan.detectors", name=name, time="0.000")
