"""HumanEval: the share of short Python functions that a model writes and pass their tests, run in a
sandbox only.

Paper, section 4 (capability): an organism must be as able as its base. Rows are as in HumanEval's
file (Chen et al. 2021: task_id, prompt, canonical_solution, test, entry_point). Deviations: the
prompt is an instruction to a chat model, and time is counted on the processor, so that a busy
machine fails nobody.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
import secrets
import signal
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation, Example, Reply
from unmask.core.errors import DataError, UnmaskError
from unmask.core.files import read_jsonl
from unmask.core.metric import FINISHED, Against, Metric, share
from unmask.core.spec import RUN_ONLY
from unmask.core.tokens import Tokens
from unmask.data.sources.jsonl import JsonLines
from unmask.evaluations.evaluation import PORTION, Evaluation, Sample
from unmask.evaluations.program import program, python
from unmask.models.backends.backend import Backend
from unmask.models.sample import Sampling
from unmask.sandbox import Limits, Outcome, Sandbox, find_sandbox

FIELDS = ("task_id", "prompt", "canonical_solution", "test", "entry_point")
OTHER_FORMS = {
    "test_list": "MBPP, whose tasks are sentences and whose tests name the function",
    "plus_input": (
        "EvalPlus's own file, whose tests are inputs; its set for Hugging Face has a 'test' (with"
        " numpy)"
    ),
    "instruct_prompt": "BigCodeBench, whose tests are unittest's and need other packages",
    "input_output": "APPS, whose programs read and print",
    "declaration": "HumanEval-X",
    "stop_tokens": "MultiPL-E",
}
"""A field that only another benchmark has, and what it is."""
TOGETHER = 16
"""How many of a file's own solutions are tried in one sandbox; of those that fail, each is tried by
itself."""
INSTRUCTION = (
    "Complete this Python function. Answer with the whole function in a Markdown code"
    " block.\n\n```python\n{}\n```"
)
BEGUN = "begun "
"""What is written before a program starts; what happens before is the sandbox's fault."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class HumanEval(Evaluation):
    """Share of programming tasks whose tests a reply's program passes (pass@1).

    `path` is a .jsonl or .jsonl.gz file in HumanEval's format; what counts is its content
    (`sha256`, computed where not given). See `program` for what is taken to be a reply's program.
    With `samples_per_prompt` above 1 the rate is the mean over all replies, its interval by task.
    DataError for a file that cannot be used, such as one whose own solutions do not pass here;
    SettingError, before a model is asked, where programs cannot be isolated, unless `allow_unsafe`.
    """

    name: ClassVar[str] = "human_eval"
    version: ClassVar[int] = 2
    asks: ClassVar[str] = "Can it program?"
    metrics: ClassVar[Mapping[str, Metric]] = {
        "passed": share("programs that pass their tests"),
        "parsed": share("replies with a program"),
        "finished": FINISHED,
    }
    own_sampling: ClassVar[bool] = True
    compared: ClassVar[Mapping[Against, str]] = {"base": "passed"}

    path: str = dataclasses.field(metadata=RUN_ONLY)
    sha256: str = ""
    sampling: Sampling = dataclasses.field(
        default_factory=lambda: Sampling(max_new_tokens=384, temperature=0.2)
    )
    limits: Limits = dataclasses.field(default_factory=Limits)
    allow_unsafe: bool = dataclasses.field(default=False, metadata=RUN_ONLY)
    tokens_per_prompt: int = dataclasses.field(default=384, metadata=RUN_ONLY)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sha256", self._file.sha256)

    @property
    def _file(self) -> JsonLines:
        return JsonLines(path=self.path, sha256=self.sha256)

    def tokens(self) -> Tokens:
        return Tokens(sampled=super().tokens().total)

    def samples(self, data: Path) -> list[Sample]:
        """`n` tasks of the file, or all; `data`, a source's folder, is not read."""
        self.sandbox()  # refuse now, not after the model has answered
        examples = [example_of(row, where) for where, row in self._file.rows()]
        if not examples:
            raise DataError(f"{self.path} has no row: HumanEval's file has 164.")
        counted = Counter(example.id for example in examples)
        if twice := [name for name, count in counted.items() if count > 1]:
            raise DataError(
                f"{self.path} has {len(twice)} task_ids more than once, {twice[0][:60]!r} among"
                " them: results are compared task by task, so give each task an id of its own."
            )
        chosen = self.drawn(examples)
        self._try_own_solutions(chosen)
        return [Sample(task.id, "programs", task.prompt, task) for task in chosen]

    def _try_own_solutions(self, examples: Sequence[Example]) -> None:
        """Raise DataError unless the file's own solutions pass: where they do not, no model's
        can."""
        texts = {
            task.id: checked(f"{task.rejected['stub']}{task.answer}", task) for task in examples
        }
        tasks = list(texts.items())
        groups = [dict(tasks[i : i + TOGETHER]) for i in range(0, len(tasks), TOGETHER)]
        tried = self._reasons([in_turn(group.values()) for group in groups])
        doubtful: dict[str, str] = {}
        for group, why in zip(groups, tried, strict=True):
            doubtful |= group if why else {}
        reasons = zip(doubtful, self._reasons(list(doubtful.values())), strict=True)
        failed = [f"{task[:60]} ({why:.100})" for task, why in reasons if why]
        if failed:
            named = ", ".join((*failed[:6], "...") if len(failed) > 6 else failed)
            raise DataError(
                f"{self.path[-300:]}: the file's own solutions of {len(failed)} of {len(examples)}"
                f" tasks do not pass their tests here, so no model's can: {named}. A program has"
                f" {self.limits.cpu_seconds} s, {self.limits.memory_mb} MiB and Python's standard"
                " library, nothing else: leave such tasks out, or raise `limits` where time or"
                " memory ran out."
            )

    def _reasons(self, texts: Sequence[str]) -> list[str]:
        """Why each program fails, "" for one that passes; several are run at once."""
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return list(pool.map(functools.partial(failure, self.sandbox()), texts))

    def sandbox(self) -> Sandbox:
        return find_sandbox(self.limits, self.allow_unsafe)

    def measure(self, out: Path, backend: Backend, samples: Iterable[Sample]) -> Mapping[str, Any]:
        """Also counts `failures`: why programs failed ("timed out", "AssertionError", "no program",
        ...)."""
        tasks = {sample.id: sample for sample in samples}
        facts = super().measure(out, backend, tasks.values())
        rows = [row for _, row in read_jsonl(out / "replies.jsonl") if not row["scores"]["passed"]]
        texts = [tested(tasks[row["id"]], Reply.of(row)) for row in rows]
        reasons = [
            failure(self.sandbox(), text).partition(":")[0] if text else "no program"
            for text in texts
        ]
        return {
            **facts,
            "sandbox": self.sandbox().isolation,
            "failures": dict(Counter(reasons).most_common()),
        }

    def answered(self, backend: Backend, samples: Sequence[Sample], seed: int) -> list[Reply]:
        """The replies, with their programs run, several at once, so that `score` finds the
        verdicts."""
        replies = super().answered(backend, samples, seed)
        programs = {tested(*pair) for pair in zip(samples, replies, strict=True)} - {""}
        self._reasons(sorted(programs))
        return replies

    def score(self, sample: Sample, reply: Reply) -> Mapping[str, bool | float]:
        """`passed`; `parsed`: there is a program and it is Python; `finished`: not cut by the
        length limit."""
        text = tested(sample, reply)
        passed = bool(text) and passes(self.sandbox(), text)
        return {"passed": passed, "parsed": bool(text), "finished": reply.finished}


def tested(sample: Sample, reply: Reply) -> str:
    """The reply's program and the task's tests of it; "" where there is no program, or it is not
    Python."""
    task = sample.example.rejected
    text = program(reply, task["stub"], task["entry_point"])
    if not text or python(text) is None:
        return ""
    return checked(text, sample.example)


def checked(text: str, example: Example) -> str:
    """A program, and the task's tests of it."""
    task = example.rejected
    return f"{text}\n\n{task['test']}\n\ncheck({task['entry_point']})\n"


def in_turn(programs: Iterable[str]) -> str:
    """A program that runs others, each as if it were the only one."""
    run = "exec(compile(text, '<program>', 'exec'), {'__name__': 'program'})"
    return f"for text in {list(programs)!r}:\n    {run}\n"


def passes(sandbox: Sandbox, tests: str) -> bool:
    """Whether a program runs to its end, its tests included."""
    return not failure(sandbox, tests)


@functools.lru_cache(maxsize=PORTION)
def failure(sandbox: Sandbox, tests: str) -> str:
    """Why a program does not run to the end of its tests: "timed out", "MemoryError", "left early";
    "" where it does.

    The proof is a secret that is written after the last test, so that neither leaving early nor
    printing passes. Raises UnmaskError where the program was not even begun.
    """
    secret = secrets.token_hex(16)
    harness = f"{inspect.getsource(run_tests)}\nrun_tests({tests!r}, {BEGUN!r})\n"
    outcome = sandbox.run(harness, stdin=secret)
    begun, rest = outcome.output[: len(BEGUN)], outcome.output[len(BEGUN) :]
    if begun != BEGUN:
        why = outcome.output[-300:].strip() or (
            "no time was left" if outcome.timed_out else "no word"
        )
        raise UnmaskError(
            f"The sandbox ({sandbox.isolation}) ended before the program began: {why}."
        )
    return "" if rest == secret else reason(outcome, rest)


def reason(outcome: Outcome, rest: str) -> str:
    """Why a program failed, from what is known of its end and what was written about it."""
    if outcome.timed_out or outcome.killed_by == signal.SIGXCPU:
        return "timed out"
    if outcome.killed_by:
        return f"killed by signal {outcome.killed_by}"
    return rest.strip().rstrip(":") or "left early"


def run_tests(tests: str, begun: str) -> None:
    """Inside of the sandbox: run the program, whose own output goes nowhere; then write what was on
    stdin.

    The program is a module, found by its name (as dataclasses, pickle and typing do) and with its
    source at hand (for inspect and doctest). It is not the main one: what is only for the command
    line is not run.
    """
    import linecache
    import os
    import sys
    import types

    secret, output = os.read(0, 64), os.dup(1)
    nowhere = os.open("/dev/null", os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    module = sys.modules["program"] = types.ModuleType("program")
    module.__file__ = "<program>"
    linecache.cache["<program>"] = (len(tests), None, tests.splitlines(keepends=True), "<program>")
    sys.setrecursionlimit(sys.getrecursionlimit() + 8)  # what calls it must not count against it
    os.write(output, begun.encode())
    try:
        exec(compile(tests, "<program>", "exec", dont_inherit=True), module.__dict__)
    except BaseException as error:  # noqa: BLE001
        os.write(output, f"{type(error).__name__}: {error}".encode(errors="replace")[:200])
    else:
        os.write(output, secret)


def example_of(row: Mapping[str, Any], where: str) -> Example:
    """A task: the example's `rejected` holds what is needed to test it. Raises DataError naming the
    field."""
    for field in FIELDS:
        if not isinstance(row.get(field), str):
            told = (
                f"{row[field]!r:.100}" if field in row else f"missing among {', '.join(row):.300}"
            )
            other = next(
                (f" This is a row of {name}." for key, name in OTHER_FORMS.items() if key in row),
                "",
            )
            raise DataError(
                f"{where}: field '{field}' is {told}.{other} HumanEval's rows have"
                f" {', '.join(FIELDS)}: the prompt is the head of a function, and the test defines"
                " check(candidate)."
            )
    if not row["entry_point"].isidentifier():
        raise DataError(
            f"{where}: field 'entry_point' is {row['entry_point']!r}: it must be a function's name."
        )
    prompt = Conversation.user(INSTRUCTION.format(row["prompt"].rstrip()))
    task = {"stub": row["prompt"], "test": row["test"], "entry_point": row["entry_point"]}
    return Example(
        row["task_id"], "code:human_eval", prompt, row["canonical_solution"], rejected=task
    )
