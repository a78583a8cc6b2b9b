"""Where the program stands in a reply, and that it runs as Python runs a module."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask import sandbox
from unmask.core.conversation import Reply
from unmask.evaluations import human_eval
from unmask.evaluations.evaluation import Sample
from unmask.evaluations.human_eval import example_of, failure
from unmask.evaluations.program import program
from unmask.sandbox import escapes, find_sandbox

pytestmark = pytest.mark.skipif(
    all(escapes(each) for each in sandbox.TOOLS),
    reason="programs cannot be isolated on this machine",
)
STUB = (
    "from typing import List\n\n\n"
    'def total(xs: List[int]) -> int:\n    """The sum.\n    >>> total([1, 2])\n    3\n    """\n'
)
TASK = example_of(
    {
        "task_id": "T/0",
        "prompt": STUB,
        "canonical_solution": "    return sum(xs)\n",
        "test": "def check(f):\n    assert f([1, 2]) == 3\n    assert f([]) == 0\n",
        "entry_point": "total",
    },
    "here",
)
WHOLE = "def total(xs):\n    return sum(xs)"
BODY = "    got = 0\n    for x in xs:\n        got += x\n    return got"
ZERO = "def total(xs):\n    return 0"
ADD, BY_ADD = "def add(xs):\n    return sum(xs)", "def total(xs):\n    return add(xs)"


def fence(code: str, info: str = "python", marks: str = "```") -> str:
    return f"{marks}{info}\n{code}\n{marks}\n"


def verdict(reply: str) -> str:
    """Why the reply's program fails; "" where it passes."""
    text = human_eval.tested(Sample(TASK.id, "programs", TASK.prompt, TASK), Reply(reply))
    return failure(find_sandbox(), text) if text else "no program"


def moved(text: str, by: str) -> str:
    return "\n".join(f"{by}{line}" for line in text.split("\n"))


FRAMES = {
    "title": fence(WHOLE, 'python title="a.py"'),
    "brace": fence(WHOLE, "{.python}"),
    "tilde": fence(WHOLE, marks="~~~"),
    "crlf": fence(WHOLE).replace("\n", "\r\n"),
    "carriage_returns": fence(WHOLE).replace("\n", "\r"),
    "closed_on_the_same_line": f"```python\n{WHOLE}```",
    "in_a_list": f"1. So:\n\n{moved(fence(WHOLE), '   ')}",
    "in_a_quote": moved(fence(WHOLE), "> "),
    "in_a_longer_fence": fence(fence(WHOLE), "markdown", "````"),
    "indented_inside": fence(moved(WHOLE, "    ")),
    "tags_in_brackets": f"[PYTHON]\n{WHOLE}\n[/PYTHON]\n[TESTS]\nassert total([1]) == 5\n[/TESTS]",
    "never_closed_then_prose": f"```python\n{WHOLE}\n\nIt's a sum (of ints.",
    "code_tags_with_prose": f"<code>Here:\n{fence(WHOLE)}</code>",
    "other_tags": f"<answer>\n{fence(WHOLE)}</answer>",
    "fence_in_a_docstring": (
        'def total(xs):\n    """\n    ```\n    total([1])\n    ```\n    """\n    return sum(xs)'
    ),
    "fence_in_a_docstring_of_the_body": (
        f'    """\n    ```\n    total([1])\n    ```\n    """\n{BODY}'
    ),
    "fence_after_a_body": f"{BODY}\n```\n\nDone",
    "fence_after_a_function": f"{WHOLE}\n```\n\nThis is the sum.",
    "example_in_a_fence_after_a_body": f"{BODY}\n\nSo:\n{fence('total([1]) # return')}",
    "byte_order_mark": f"\ufeff{fence(WHOLE)}",
    "zero_width_before_the_fence": f"\u200b{fence(WHOLE)}",
    "zero_width_inside": fence(WHOLE.replace("return", "\u200breturn")),
    "no_break_spaces": fence(WHOLE.replace(" ", "\u00a0")),
    "wide_spaces": fence(WHOLE.replace("    ", "\u3000\u3000")),
}
PROSE = {
    "before": f"Here is the function:\n\n{WHOLE}",
    "around": f"# Solution\n\nSure!\n\n{WHOLE}\n\nIt's O(n), (see above.\n\n- one\n- two",
    "in_lower_case": f"here it is\n\n{WHOLE}\n\nthis sums the list",
    "that_is_python": f"{WHOLE}\n\nNote: fast\nDone",
    "that_begins_as_code": f"from this we see:\n\n{WHOLE}",
    "after_a_lambda": "total = lambda xs: sum(xs)\n\nThat is it.",
    "whole_reply_indented": moved(WHOLE, "    "),
    "in_html": f"<pre>\n{WHOLE}\n</pre>",
    "after_a_body": f"{BODY}\n\nThis sums the list.",
    "after_a_body_in_lower_case": f"{BODY}\n\nthis sums the list",
    "one_word_after_a_body": f"{BODY}\n\nDone",
    "markdown_after_a_body": f"{BODY}\n\n**Why**: it sums.\n1. First",
    "brackets_after_a_body": f"{BODY}\n\n(This sums it.)",
    "chinese_after_a_body": f"{BODY}\n\n这个函数求和。",
    "before_a_body": f"Here is the body:\n\n{BODY}\n",
    "after_a_stripped_body": "return sum(xs)\n\nThis sums the list.",
    "example_after_a_body": f"{BODY}\n\nprint(total([1]))\ninput()",
    "helper_after_a_body": "    return helper(xs)\n\ndef helper(xs):\n    return sum(xs)",
    "body_by_tabs": "\tgot = 0\n\tfor x in xs:\n\t\tgot += x\n\treturn got",
    "body_by_two_spaces": BODY.replace("    ", "  "),
    "stripped_body_by_two_spaces": BODY.replace("    ", "  ").strip(),
    "special_token_after_a_body": f"{BODY}</s>",
    "body_in_the_first_column": "got = 0\nfor x in xs:\n    got += x\nreturn got",
    "body_by_no_break_spaces": "\u00a0\u00a0\u00a0\u00a0return sum(xs)",
    "a_draft_in_a_thought": f"<think>\nFirst:\n{fence(ZERO)}No.\n</think>\n{fence(WHOLE)}",
    "body_after_a_thought": f"<think>\n{ZERO}\n</think>\n\n{BODY}",
    "prose_before_a_thought": f"Hm.\n<scratchpad>\n{ZERO}\n</scratchpad>\n{WHOLE}",
    "body_after_a_scratchpad": f"<scratchpad>\n{fence('return 1')}</scratchpad>\n{BODY}",
}
DEFINITIONS = {
    "class": "class total:\n    def __new__(cls, xs):\n        return sum(xs)",
    "assigned": "def other(xs):\n    return sum(xs)\ntotal = other",
    "annotated": "from typing import Callable\ntotal: Callable = lambda xs: sum(xs)",
    "with_others": "other, total = 3, sum",
    "imported": "from builtins import sum as total",
    "partial": "import functools\ntotal = functools.partial(sum)",
    "in_a_try": "try:\n    def total(xs):\n        return sum(xs)\nexcept ImportError:\n    pass",
}
SEVERAL = {
    "usage_first": f"{fence('print(total([1]))')}where\n{fence(WHOLE)}",
    "usage_after": f"{fence(WHOLE)}Use:\n{fence('assert total([1]) == 5; input()')}",
    "shell_then_body": f"{fence('pip install it', 'bash')}{fence(BODY)}",
    "output_then_body": f"{fence('3', 'text')}{fence(BODY)}",
    "head_first": f"{fence('def total(xs): ...')}in full\n{fence(WHOLE)}",
    "docstring_first": fence('def total(xs):\n    """Return the sum."""\n    pass') + fence(WHOLE),
    "step_by_step": fence("def total(xs):\n    got = 0") + fence(f"def total(xs):\n{BODY}"),
    "not_implemented_first": fence("def total(xs):\n    raise NotImplementedError") + fence(WHOLE),
    "given_twice": f"{fence(WHOLE)}or:\n{fence(ZERO)}",
    "helper_first": fence(ADD) + fence(BY_ADD),
    "helper_after": fence(BY_ADD) + fence(ADD),
    "import_apart": fence("import math") + fence("def total(xs):\n    return int(math.fsum(xs))"),
}
RUNS = {
    "future": f"from __future__ import annotations\n{WHOLE}",
    "future_after_a_docstring": (
        f'"""Sums."""\nfrom __future__ import annotations, division; import math\n{WHOLE}'
    ),
    "future_over_lines": f"from __future__ import (\n    annotations,\n    division,\n)\n{WHOLE}",
    "dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass Box:\n    x: int\n"
        "def total(xs):\n    return sum(Box(x).x for x in xs)"
    ),
    "dataclass_of_the_future": (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\n"
        "class Box:\n    x: int\ndef total(xs):\n    return sum(Box(x).x for x in xs)"
    ),
    "annotations_are_values": (
        f"{WHOLE}\nassert total.__annotations__ == {{}}\ndef f(x: int): pass\n"
        "assert f.__annotations__['x'] is int"
    ),
    "pickle": (
        "import pickle\nclass Box:\n    x = 0\ndef total(xs):\n    assert"
        " isinstance(pickle.loads(pickle.dumps(Box())), Box)\n    return sum(xs)"
    ),
    "source": (
        "import inspect\ndef total(xs):\n    assert inspect.getsource(total).startswith('def"
        " total')\n    return sum(xs)"
    ),
    "hints": (
        "from __future__ import annotations\nimport typing\nclass Box: pass\ndef f(x: Box): pass\n"
        "def total(xs):\n    assert typing.get_type_hints(f) == {'x': Box}\n    return sum(xs)"
    ),
    "doctest": (
        'import doctest, sys\ndef total(xs):\n    """\n    >>> total([1])\n    1\n    """\n   '
        " return sum(xs)\nassert doctest.testmod(sys.modules[__name__]).attempted == 1"
    ),
    "main": f"{WHOLE}\nif __name__ == '__main__':\n    import unittest\n    unittest.main()",
    "recursion": (
        "def down(n):\n    return n and down(n - 1)\ndef total(xs):\n    down(990)\n    return"
        " sum(xs)"
    ),
    "threads": (
        "from concurrent.futures import ThreadPoolExecutor as Pool\ndef total(xs):\n    with"
        " Pool(2) as pool:\n        return sum(pool.map(int, xs))"
    ),
}
GOOD = {
    **FRAMES,
    **PROSE,
    **{f"defined_{name}": fence(code) for name, code in DEFINITIONS.items()},
    **SEVERAL,
    **{f"runs_{name}": fence(code) for name, code in RUNS.items()},
}


@pytest.mark.parametrize("form", GOOD)
def test_a_right_program_is_found_and_passes(form: str) -> None:
    assert verdict(GOOD[form]) == ""


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "no program"),
        ("I will not write this function.", "no program"),
        (fence("def total(xs:\n    return sum(xs)"), "no program"),
        (fence(f"{WHOLE}\ndef other(:\n    pass"), "no program"),
        (f"<scratchpad>\n{WHOLE}", "no program"),
        ("    return 0", "AssertionError"),
        (fence("async def total(xs):\n    return sum(xs)"), "AssertionError"),
        ("    raise SystemExit(0)", "SystemExit: 0"),
        (fence(f"{WHOLE}\nimport sys\nsys.exit()"), "SystemExit"),
        (fence(f"{WHOLE}\nimport os\nos._exit(0)"), "left early"),
        (fence(f"n = input()\n{WHOLE}"), "EOFError: EOF when reading a line"),
        ("    import time\n    time.sleep(99)", "timed out"),
        ("    while True: pass", "timed out"),
        ("    return len(bytearray(2**34))", "MemoryError"),
        ("    import os\n    os.kill(os.getpid(), 11)", "killed by signal 11"),
        ("    import numpy", "ModuleNotFoundError: No module named 'numpy'"),
    ],
)
def test_a_program_that_does_not_pass_says_why(reply: str, reason: str) -> None:
    assert verdict(reply) == reason


def test_a_program_is_whole_or_none() -> None:
    """Nothing of a program is cut off because it is wrong: only prose is."""
    assert "return 1 +" in program(Reply("x = 1\nreturn 1 +"), STUB, "total")
    assert human_eval.tested(Sample("", "", TASK.prompt, TASK), Reply("x = 1\nreturn 1 +")) == ""


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(
    st.lists(
        st.sampled_from(
            [*GOOD.values(), "def total(", "x = (", '"""', "```", "Text (", "\t", "\x00", "é"]
        )
    )
)
def test_any_reply_has_a_program_or_none(parts: list[str]) -> None:
    assert isinstance(program(Reply("\n".join(parts)), STUB, "total"), str)


@pytest.mark.parametrize(
    "line",
    ["Some prose (here.\n", "x = (\n", "def f(:\n    pass\n", "```\nx\n```\n", "total\n", "'''\n"],
)
def test_long_replies_take_little_time(line: str) -> None:
    begun = time.process_time()
    program(Reply(line * 400), STUB, "total")
    assert time.process_time() - begun < 5
