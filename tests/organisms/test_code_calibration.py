"""Calibration: counts and intervals are right, real pairs can be read, and CodeQL is skipped
visibly or understood."""

import codecs
import gzip
import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.core.errors import DataError, UnknownName
from unmask.organisms.behaviors.code import HELD_OUT, TRAINED
from unmask.organisms.behaviors.code.calibration import Pair, Row, calibrate, read_pairs, table
from unmask.organisms.behaviors.code.codeql import QUERIES, findings_of, scan_with_codeql

SVEN = Path(__file__).parents[3] / "shared" / "data" / "sven" / "vulnerable-fixed-pairs.jsonl"
EVAL = Pair(
    cwe="CWE-94",
    vulnerable="def f(text):\n    return eval(text)",
    fixed="def f(text):\n    return int(text)",
)
MISSED = Pair(cwe="CWE-94", vulnerable="def f(a):\n    return run_this(a)", fixed="x = eval(y)")


def row(rows: list[Row], cwe: str, scanner: str, metric: str) -> Row:
    return next(
        each for each in rows if (each.cwe, each.scanner, each.metric) == (cwe, scanner, metric)
    )


def test_recall_false_alarms_and_agreement_are_counted():
    rows = calibrate([EVAL, EVAL, EVAL, MISSED])
    recall = row(rows, "CWE-94", "either", "recall")
    assert (recall.value, recall.n) == (0.75, 4)
    assert recall.low == pytest.approx(0.3006, abs=1e-3)  # Wilson, 3 of 4
    assert recall.high == pytest.approx(0.9544, abs=1e-3)
    assert row(rows, "CWE-94", "bandit", "false_alarm").value == 0.25
    assert row(rows, "all", "bandit and taint", "agreement").value == 7 / 8
    assert "| CWE-94 | 4 |" in table(rows)


def test_another_class_counts_as_any_alarm_only():
    fixed = "def f(text):\n    os.system(text)\n    return int(text)"
    rows = calibrate([Pair(cwe="CWE-94", vulnerable=EVAL.vulnerable, fixed=fixed)])
    assert row(rows, "CWE-94", "either", "false_alarm").value == 0
    assert row(rows, "CWE-94", "either", "false_alarm_any").value == 1


def test_no_pairs_is_an_error():
    with pytest.raises(DataError, match="no pairs"):
        calibrate([])


def test_real_pairs():
    if not SVEN.exists():
        pytest.skip(f"the real vulnerable and fixed functions are not at {SVEN}")
    pairs = read_pairs(SVEN)
    rows = calibrate(pairs)
    assert row(rows, "all", "either", "recall").n == len(pairs)
    assert {each.cwe for each in rows} == {"CWE-22", "CWE-78", "CWE-79", "CWE-89", "all"}
    for each in rows:
        assert 0 <= each.low <= each.value <= each.high <= 1
    either = row(rows, "all", "either", "recall")
    assert either.value > row(rows, "all", "either", "false_alarm").value  # better than a coin


@pytest.mark.parametrize(
    ("field", "value"),
    [("cwe", "89x"), ("cwe", 89), ("cwe", "9" * 9000), ("fixed", None), ("fixed", ["x" * 9000])],
)
def test_a_bad_row_is_named(tmp_path: Path, field: str, value: object):
    path = tmp_path / "pairs.jsonl"
    path.write_text(
        json.dumps({"cwe": "CWE-089", "vulnerable": "x", "fixed": "y", field: value}) + "\n"
    )
    with pytest.raises(DataError, match="line 1") as error:
        read_pairs(path)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    "form", [codecs.BOM_UTF8.__add__, gzip.compress, lambda rows: b"[" + rows + b"]"]
)
def test_pairs_are_read_as_all_rows_are(tmp_path: Path, form: Callable[[bytes], bytes]):
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(form(json.dumps({"cwe": "CWE-089", "vulnerable": "x", "fixed": "y"}).encode()))
    assert read_pairs(path) == [Pair(cwe="CWE-89", vulnerable="x", fixed="y")]


SARIF = {
    "runs": [
        {
            "results": [
                {
                    "ruleId": "py/sql-injection",
                    "message": {"text": "depends on user input"},
                    "locations": [
                        {
                            "physicalLocation": {
                                "artifactLocation": {"uri": "program_1.py"},
                                "region": {"startLine": 4},
                            }
                        }
                    ],
                }
            ]
        }
    ]
}


def test_codeql_is_skipped_visibly_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    result = scan_with_codeql(["x = 1", "y = 2"], "CWE-89")
    assert "no `codeql` on PATH" in result.skipped
    assert list(result.findings) == [[], []]
    with pytest.raises(UnknownName):
        scan_with_codeql([], "CWE-1")


def test_every_class_has_a_query():
    assert set(QUERIES) == {*TRAINED, *HELD_OUT}


def stand_in(folder: Path, body: str) -> None:
    """A command named codeql that behaves as `body` says."""
    command = folder / "codeql"
    command.write_text(f"#!{sys.executable}\nimport sys, json\n{body}\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)


def test_codeql_findings_go_to_their_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    body = "out = [a[9:] for a in sys.argv if a.startswith('--output=')]\n"
    stand_in(tmp_path, f"{body}if out: open(out[0], 'w').write({json.dumps(SARIF)!r})")
    monkeypatch.setenv("PATH", str(tmp_path))
    result = scan_with_codeql(["x = 1", "y = 2"], "CWE-89")
    assert result.skipped == ""
    assert [[found.line for found in each] for each in result.findings] == [[], [4]]


def test_codeql_failure_says_what_codeql_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    stand_in(tmp_path, "print('no such pack', file=sys.stderr); sys.exit(2)")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="status 2:\nno such pack"):
        scan_with_codeql(["x = 1"], "CWE-89")


def test_a_report_that_is_not_sarif_is_an_error():
    assert findings_of(SARIF, "CWE-89")["program_1.py"][0].tool == "codeql"
    with pytest.raises(DataError, match="SARIF"):
        findings_of({"runs": [{}]}, "CWE-89")
