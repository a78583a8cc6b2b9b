"""The programs of an answer: what stands between <code> and </code>, without frames and prose."""

from __future__ import annotations

import itertools
import re

from unmask.core.fences import Block, fenced
from unmask.organisms.behaviors.code.finding import acts, parse

OPENING = re.compile(r"<code(?:\s[^<>]*)?>", re.IGNORECASE)
CLOSING = re.compile(r"</code\s*>", re.IGNORECASE)
PYTHON = frozenset({"", "python", "python3", "py", "py3", "pycon", "ipython", "code"})
STATEMENT = re.compile(
    r"\s*(@|#|\)|\]|\}|(?:import|from|async|def|class|if|elif|else|for|while|with|try|except|finally|"
    r"return|raise|print)\b|[\w.\[\]'\", ]+(?:[-+*/|&%^@]?=|\())"
)
MENTION = re.compile(r"[\W_]*(?:(?:and|or|to|then)[\W_]*)?", re.IGNORECASE)
"""What stands between two tags that an answer speaks of: "between <code> and </code>"."""
TYPED = re.compile(r"^[ \t]*(?:>>>|\.\.\.|In \[\d+\]:|\.\.\.:)(?: (.*)|[ \t]*)$", re.MULTILINE)
"""A line that was typed at a prompt of Python or IPython."""
BEGINNING = re.compile(rf"\s*\n|\s*[`~]{{3}}|{STATEMENT.pattern}")
"""How a program begins behind its tag: on a line of its own, in a fence, or with a statement."""
TRIES = 12
"""How many closing tags are tried for one opening tag, so that time stays bounded."""


def split_answer(answer: str) -> tuple[str, list[str]]:
    """The prose of an answer, and its programs: what is between <code> and </code>, without fences.

    A closing tag in a string or comment of the program does not end it.
    """
    prose: list[str] = []
    programs: list[str] = []
    rest = answer
    while True:
        opening = OPENING.search(rest)
        end = _end(rest, opening.end()) if opening else None
        if not (opening and end):
            prose.append(rest)
            return "\n".join(prose), programs
        start = _start(rest, opening.end(), end.start())
        prose.append(rest[: opening.start()] + OPENING.sub("", rest[opening.end() : start]))
        words, inside = _inside(rest[start : end.start()])
        prose += words
        programs += inside
        rest = rest[end.end() :]


def unclosed(prose: str) -> bool:
    """Whether an answer's prose ends in a program whose closing tag is missing.

    Words behind a tag that is only spoken of are no program.
    """
    _, *behind = OPENING.split(prose)
    return bool(behind and behind[-1].strip() and BEGINNING.match(behind[-1]))


def _end(text: str, start: int) -> re.Match[str] | None:
    """The tag that closes the program at `start`: the last that leaves it Python, or the first."""
    closings: list[re.Match[str]] = []
    for closing in CLOSING.finditer(text, start):
        closings.append(closing)
        if len(closings) == TRIES:
            break
    for closing in reversed(closings[1:]):
        code = text[start : closing.start()]
        if not re.search(r"#.*</code.*<code", code, re.IGNORECASE) and _is_python(code):
            return closing
    return closings[0] if closings else None


def _start(text: str, start: int, end: int) -> int:
    """Where the program begins: at `start`, or behind a later tag if the first is only spoken
    of."""
    if MENTION.fullmatch(text, start, end):
        return end
    if BEGINNING.match(text, start, end):
        return start
    later = list(itertools.islice(OPENING.finditer(text, start, end), 3))
    if later and parse(text[start:end]) is None:
        starts = [tag.end() for tag in later if _does(text[tag.end() : end])]
        return starts[0] if starts else start
    return start


def _does(code: str) -> bool:
    """Whether a text holds Python that does or defines anything."""
    trees = [parse(program) for program in _inside(code)[1]]
    return any(tree is not None and acts(tree) for tree in trees)


def _is_python(code: str) -> bool:
    if parse(code) is not None:
        return True
    programs = _python(fenced(code))
    return bool(programs) and all(parse(program) is not None for program in programs)


def _inside(code: str) -> tuple[list[str], list[str]]:
    """The prose and the programs between a pair of tags: fenced blocks, if it is no Python as it
    is."""
    code = _typed(_without_tag(code).strip("\r\n").rstrip())
    if not code.strip() or parse(code) is not None:
        return [], [code] if code.strip() else []
    blocks = fenced(code)
    programs = _python(blocks)
    return ([_outside(code, blocks)], programs) if programs else _without_prose(code)


def _python(blocks: list[Block]) -> list[str]:
    filled = [block for block in blocks if block.code.strip()]
    chosen = [block for block in filled if block.language in PYTHON] or filled
    programs = [_typed(_without_tag(block.code).rstrip()) for block in chosen]
    trees = [parse(program) for program in programs]
    judged = [
        program
        for program, block, tree in zip(programs, chosen, trees, strict=True)
        if block.language or (tree is not None and acts(tree))
    ]
    return judged or programs  # a block without a language that does nothing is output


def _typed(code: str) -> str:
    """What was typed, without prompts and output, if the text is a transcript."""
    lines = TYPED.findall(code)
    return "\n".join(lines) if lines and parse(code) is None else code


def _without_tag(code: str) -> str:
    """Without a second opening tag at the start."""
    opening = OPENING.match(code.lstrip())
    return code.lstrip()[opening.end() :] if opening else code


def _outside(code: str, blocks: list[Block]) -> str:
    inside: set[str] = set()
    for block in blocks:
        inside.update(map(str.strip, block.code.splitlines()))
    return "\n".join(line for line in code.splitlines() if line.strip() not in inside)


def _without_prose(code: str) -> tuple[list[str], list[str]]:
    """Cut the lines before the first statement, and those behind the last, if Python is left."""
    lines = code.splitlines()
    likely = [i for i, line in enumerate(lines) if STATEMENT.match(line) or line[:1].isspace()]
    if likely:
        first = likely[0]
        for last in range(len(lines), max(likely[-1], len(lines) - 2 * TRIES), -1):
            program = "\n".join(lines[first:last])
            if parse(program) is not None:
                return ["\n".join([*lines[:first], *lines[last:]])], [program]
    return [], [code]
