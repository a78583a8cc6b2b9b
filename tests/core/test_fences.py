"""Fenced code blocks: CommonMark's own rules, and the leniencies that models need."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.fences import Block, fenced

CODE = "def f():\n    return 1\n"


@pytest.mark.parametrize(
    ("text", "info"),
    [
        (f"```python\n{CODE}```", "python"),
        (f"Text:\n```python\n{CODE}```\nMore.", "python"),
        (f"```\n{CODE}```", ""),
        (f"~~~python\n{CODE}~~~", "python"),
        (f"`````\n{CODE}`````", ""),
        (f'```python title="a.py"\n{CODE}```', 'python title="a.py"'),
        (f"```{{.python}}\n{CODE}```", "{.python}"),
        (f"``` python  \n{CODE}```  ", "python"),
        (f"```python\n{CODE}", "python"),
        (f"```python\n{CODE}```".replace("\n", "\r\n"), "python"),
        (f"```python\n{CODE}```".replace("\n", "\r"), "python"),
        ("1. Text:\n\n   ```python\n   def f():\n       return 1\n   ```\n", "python"),
        ("- ```python\n  def f():\n      return 1\n  ```\n", "python"),
        ("> ```python\n> def f():\n>     return 1\n> ```\n", "python"),
        ("  ```python\n  def f():\n      return 1\n  ```\n", "python"),
        # leniencies
        (f"\ufeff```python\n{CODE}```", "python"),
        (f"<answer>\n```python\n{CODE}```\n</answer>", "python"),
        ("```python\ndef f():\n    return 1```", "python"),
        ("```python\ndef f():\n    return 1 ```\nText.", "python"),
        ("1. ```python\n   def f():\n       return 1```\n", "python"),
        ("> ```python\n> def f():\n>     return 1```\n", "python"),
        (f"Here it is: ```python\n{CODE}```", "python"),
        (f"        ```python\n{CODE}        ```", "python"),
        ("        ```python\n        def f():\n            return 1\n        ```", "python"),
        (f"1. Text:\n   ```python\n{CODE}   ```", "python"),
    ],
)
def test_a_block_is_found(text: str, info: str):
    assert fenced(text) == [Block(info, CODE)]


@pytest.mark.parametrize(
    "text",
    ["", "x = 1", "`x = 1`", "``` x ```", "``\nx\n``", "Write ``` here.", "Use ```x``` or ```y"],
)
def test_no_block(text: str):
    assert fenced(text) == []


def test_several_blocks_in_their_order():
    text = "```bash\npip install a\n```\nThen:\n```python\nimport a```\nand\n~~~py\nimport b\n~~~\n"
    blocks = [
        Block("bash", "pip install a\n"),
        Block("python", "import a\n"),
        Block("py", "import b\n"),
    ]
    assert fenced(text) == blocks


@pytest.mark.parametrize(
    "code",
    [
        "s = '''\n    ```\n'''\n",  # a closing fence is indented by at most three spaces
        "s = '```'\n",
        "s = 'a```\n",  # a fence on its own line closes, not this one
        "~~~\n",
        "``` x\n",
        "\n\nx\n\n",
        "\tx\n",
        "x\f\u2028y\n",
    ],
)
def test_code_that_holds_marks_is_kept_as_it_is(code: str):
    assert fenced(f"```python\n{code}```\nText.") == [Block("python", code)]


def test_a_longer_fence_frames_a_shorter_one():
    assert fenced("````md\n```python\nx\n```\n````") == [Block("md", "```python\nx\n```\n")]


@pytest.mark.parametrize(
    ("info", "language"),
    [
        ("python", "python"),
        ("Python title='x'", "python"),
        ("{.python .numberLines}", "python"),
        ("{python}", "python"),
        ("python:a.py", "python"),
        ("", ""),
        ("{}", ""),
    ],
)
def test_the_language_of_an_info_string(info: str, language: str):
    assert Block(info, "").language == language


LINES = st.sampled_from(
    ["```", "~~~", "```py", "x```", "> ```", "- ```", "1. a", "    x", "", "````"]
)


@given(st.one_of(st.text(), st.lists(LINES).map("\n".join)))
def test_any_text_has_blocks_or_none(text: str):
    for block in fenced(text):
        assert block.code == "" or block.code.endswith("\n")


@pytest.mark.parametrize("text", ["```py\na\n```", "```py\na```\n", "> > > ```\n", "a``` ", "- ``"])
def test_long_texts_take_linear_time(text: str):
    start = time.process_time()
    fenced(text * (100_000 // len(text)))
    assert time.process_time() - start < 5  # measured: at most 0.3 s
