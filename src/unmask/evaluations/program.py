"""The program in a reply that was asked to complete a function: in code tags, in fences, or in the
text itself."""

from __future__ import annotations

import ast
import builtins
import itertools
import keyword
import re
import symtable
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence

from unmask.core.conversation import Reply
from unmask.core.fences import fenced
from unmask.organisms.behaviors.code.finding import MAX_CHARACTERS
from unmask.organisms.behaviors.code.programs import split_answer

NEXT = re.compile(r"\n(?=class\b|def\b|#|if\b|print\b|@|```)")
"""Where a completion without a frame ends: at what stands in the first column after it (Chen et al.
stop there too)."""
RESULT = re.compile(r"\b(return|yield|raise)\b")
"""What a function's body has, and an example of its output has not."""
START = re.compile(r"(async\s+def|def|class|import|from)\s|@|[^\W\d]\w*\s*(:[^=]*)?=")
"""How a line begins from which a program may go on."""
SPOKEN = re.compile(
    r"(\(|\[/?)?[A-Z]|[\u0370-\U0010ffff*_<>`~|$#\-\"'‘“]|\d+[.)] |(?P<one>[a-z]\w*),?"
    r" (?P<two>[a-z]\w*)"
)
"""How a line of prose or Markdown may begin; two words must not be of Python."""
INVISIBLE = re.compile("[\ufeff\u00ad\u200b-\u200f\u2060-\u2064]")
ENDED = re.compile(r"(?:<[|\uff5c][\w\u2581]+[|\uff5c]>|</s>|<end_of_turn>)(?=\n|\Z)[^`]*\Z")
"""A special token that a server has left at the end, and what was written after it."""
OTHER_SPACE = re.compile(r"[^\S\n\t\f ]")
BUILTINS = frozenset((*dir(builtins), "__file__", "__builtins__"))


def program(reply: Reply, stub: str, entry_point: str) -> str:
    """The program in a reply to `stub` (a function's head and docstring); "" where there is none.

    It is the visible answer, if that is a program that defines the function; else what stands
    between <code> tags, else in a fence (of several, the first that defines the function and
    returns something, with those that define what it needs), else the part of the answer that is no
    prose. What does not define the function continues the stub, its lines moved to the right if
    need be; what does, comes after it, so that the stub's imports hold.
    """
    seen = "" if reply.scratchpad_state == "unclosed" else reply.visible
    visible = re.sub(r"\r\n?", "\n", seen)
    plain = OTHER_SPACE.sub(" ", INVISIBLE.sub("", visible))
    forms = dict.fromkeys((visible, plain, ENDED.sub("", plain)))
    tries = list(itertools.chain.from_iterable(_tries(form, stub, entry_point) for form in forms))
    return next((text for text in tries if python(text) is not None), tries[0] if tries else "")


def python(text: str) -> ast.Module | None:
    """The syntax tree of a text as Python itself reads it; None for one that is no program."""
    tree = _parsed(text)
    return tree if isinstance(tree, ast.Module) else None


def _parsed(text: str) -> ast.Module | int:
    """The syntax tree, or the line, from 1, at which the text is no Python."""
    if len(text) > MAX_CHARACTERS:
        return 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
            # Compiling also refuses a return outside of a function.
            compile(tree, "<program>", "exec", dont_inherit=True)
            return tree
    except SyntaxError as error:
        return max(error.lineno or 1, 1)
    except (ValueError, RecursionError, MemoryError):  # NUL bytes, lone surrogates
        return 1


def _tries(text: str, stub: str, name: str) -> Iterator[str]:
    """What may be the program, the likeliest first."""
    if name in _bound(whole := textwrap.dedent(text)):
        yield _after(stub, _without_remarks(whole))
        return
    if not (
        blocks := split_answer(text)[1]
        or [block.code for block in fenced(text) if block.code.strip()]
    ):
        yield from _unframed(text, stub, name)
        return
    defining = list(filter(None, (_defining(block, name) for block in blocks)))
    if defining:
        helpers = [block for block in map(textwrap.dedent, blocks) if name not in _bound(block)]
        chosen = next((code for code in defining if not _is_outline(code, name)), defining[0])
        yield _after(stub, _with_needed(chosen, helpers, stub))
        return
    bodies = [
        block.strip("\n")
        for block in sorted(blocks, key=lambda block: RESULT.search(block) is None)
    ]
    # The fence is in the program, or after it.
    if text[:1].isspace() or name in _bound(_defining(text, name)):
        yield f"{stub.rstrip()}\n{text}\n"
        bodies = [body for body in bodies if RESULT.search(body)]
        yield from _unframed(text, stub, name)
    for body in bodies:
        yield from _continued(stub, body)


def _is_outline(code: str, name: str) -> bool:
    """Whether the function gives nothing back yet: it has only its head, or its first steps."""
    tree = python(code)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)] if tree else []
    last = next((node for node in reversed(functions) if node.name == name), None)
    giving = (ast.Return, ast.Yield, ast.YieldFrom)
    return last is not None and not any(isinstance(node, giving) for node in ast.walk(last))


def _unframed(text: str, stub: str, name: str) -> Iterator[str]:
    if code := _defining(text, name):
        yield _after(stub, _without_remarks(code))
        return
    body = text.strip("\n")
    if not body.strip():
        return
    yield from _up_to_next(stub, body)
    lines = body.split("\n")
    first = next((i for i, line in enumerate(lines) if line[:1].isspace() and line.strip()), 0)
    if all(_is_spoken(line) for line in lines[:first] if line):
        yield from _up_to_next(stub, "\n".join(lines[first:]))


def _up_to_next(stub: str, body: str) -> Iterator[str]:
    """The stub with a body, and of what comes after it only what the body needs."""
    first, *_ = NEXT.split(body, maxsplit=1)
    rest = _without_end(body[len(first) :].split("\n"))
    for text in _continued(stub, first):
        yield _with_needed(_without_remarks(text), [rest], stub)


def _defining(text: str, name: str) -> str:
    """The part of a text, without the prose around it, that is a program and defines the name; ""
    for none."""
    lines = textwrap.dedent(text).strip("\n").split("\n")
    starts = (i for i, line in enumerate(lines) if i == 0 or START.match(line))
    parts = (_without_end(lines[start:]) for start in starts if name in text)
    return next((part for part in parts if name in _bound(part)), "")


def _without_end(lines: Sequence[str]) -> str:
    """The longest beginning that is Python and ends before a line of prose; "" for none."""
    while lines and (wrong := _wrong_line("\n".join(lines))):
        ends = (i for i in range(min(wrong, len(lines)) - 1, 0, -1) if _is_spoken(lines[i]))
        lines = lines[: next(ends, 0)]
    return "\n".join(lines)


def _wrong_line(text: str) -> int:
    """The line, from 1, at which a text is no Python; 0 where it is."""
    wrong = _parsed(text)
    return 0 if isinstance(wrong, ast.Module) else wrong


def _is_spoken(line: str) -> bool:
    """Whether a line in the first column may be prose."""
    start = SPOKEN.match(line)
    return bool(start) and not (start["one"] and {start["one"], start["two"]} & {*keyword.kwlist})


def _without_remarks(code: str) -> str:
    """A program without lines of prose that are Python by chance: "Done", "here it is", "Note:
    fast"."""
    tree, lines = python(code), code.split("\n")
    for node in tree.body if tree else ():
        remark = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant | ast.Call)
        if remark or (isinstance(node, ast.AnnAssign) and node.value is None):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (
                (node.end_lineno or node.lineno) - node.lineno + 1
            )
    return "\n".join(lines)


def _continued(stub: str, body: str) -> Iterator[str]:
    """The stub with a body: as a whole, then up to a line of prose, in the ways it may have lost
    its indentation."""
    lines = body.split("\n")
    ends = [len(lines), *(i for i in range(len(lines) - 1, 0, -1) if _is_spoken(lines[i]))]
    for end in ends:
        part = "\n".join(lines[:end]).rstrip("\n")
        for moved in dict.fromkeys(_moved(part, stub)):
            yield f"{stub.rstrip()}\n{moved}\n"


def _moved(body: str, stub: str) -> Iterator[str]:
    """A body with the indentation that its first line, or all of them, may have lost, or have
    otherwise."""
    if body[:1].isspace():
        yield body
        lost = body
    else:
        yield f"    {body}"
        yield textwrap.indent(body, "    ")
        later = [line for line in body.split("\n")[1:] if line.strip()]
        lost = (
            min((line[: len(line) - len(line.lstrip())] for line in later), key=len, default="")
            + body
        )
    last = stub.rstrip().rpartition("\n")[2]
    yield textwrap.indent(textwrap.dedent(lost), last[: len(last) - len(last.lstrip())] or "    ")


def _after(stub: str, code: str) -> str:
    """The code after the stub, its imports from the future first of all; the code alone where this
    is no Python."""
    future, rest = _futures(code)
    tries = (f"{future}{stub}\n\n{rest}", code)
    return next((text for text in tries if python(text) is not None), tries[0])


def _futures(code: str) -> tuple[str, str]:
    """(its imports from the future, the code without them)."""
    tree, lines, names = python(code), code.split("\n"), list[str]()
    for node in tree.body if tree else ():
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            names += [alias.name for alias in node.names]
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            left = lines[first][: node.col_offset] + "pass" + lines[last][node.end_col_offset :]
            lines[first : last + 1] = [left, *[""] * (last - first)]
    return (f"from __future__ import {', '.join(names)}\n" if names else ""), "\n".join(lines)


def _with_needed(code: str, helpers: Sequence[str], stub: str) -> str:
    """A program, behind those of the helpers that define names which it lacks."""
    rest = list(helpers)
    while needed := next(
        (block for block in rest if _bound(block) & (_missing(code) - _bound(stub))), None
    ):
        rest.remove(needed)
        code = f"{needed}\n\n{code}"
    return code


def _bound(code: str) -> set[str]:
    """The names that a program defines at its top level, in whatever way; none where it is no
    Python."""
    symbols = next((table.get_symbols() for table in _tables(code)), [])
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}


def _missing(code: str) -> set[str]:
    """The names that a program reads and nobody defines."""
    read: set[str] = set()
    for table in _tables(code):
        free = (symbol for symbol in table.get_symbols() if symbol.is_referenced())
        read.update(
            symbol.get_name()
            for symbol in free
            if symbol.is_global() or table.get_type() == "module"
        )
    return read - _bound(code) - BUILTINS


def _tables(code: str) -> list[symtable.SymbolTable]:
    """The symbol tables of a program's scopes, the module's first; none where it is no Python."""
    if python(code) is None:
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(_scopes([symtable.symtable(code, "<program>", "exec")]))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _scopes(tables: Iterable[symtable.SymbolTable]) -> Iterator[symtable.SymbolTable]:
    for table in tables:
        yield table
        yield from _scopes(table.get_children())
