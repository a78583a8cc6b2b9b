"""What a call is to the taint pass: a source, a sanitizer or a sink, by what its name was imported
as.

A name whose import is not shown (a program without imports) is taken for what it is usually
imported as.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Mapping
from typing import TypeVar

from unmask.organisms.behaviors.code import rules
from unmask.organisms.behaviors.code.names import OWN, Name, argument, resolved, tail, text_of

Entry = TypeVar("Entry")
CUT = "?"
"""Before the name of an origin that only a fragment has: see `Flow.fragment`."""
BUILT = "built"
"""In a value: it is a text that was put together, not a list of arguments."""
PATHS = frozenset(
    ["Path", "PurePath", "PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath"]
)


def known_in(table: Mapping[str, Entry], name: Name) -> Entry | None:
    """The entry of a name: by package and last name for an import, by its last one or two names
    otherwise."""
    if name.known:
        return (
            table.get(f"{name.package}.{name.last}") if "." in name.text else table.get(name.text)
        )
    return table.get(tail(name.text, 2)) if "." in name.text else table.get(name.text)


def sink_of(node: ast.Call, aliases: Mapping[str, str]) -> tuple[str, int]:
    """The class of flaw that the call can be, and which argument decides; ("", 0) for a harmless
    call."""
    name = resolved(node.func, aliases)
    sink = known_in(rules.SINK_OF, name)
    if name.last == "write" and name.text.endswith(rules.PAGE_WRITERS):
        sink = ("CWE-79", 0)
    if (
        sink is None
        and isinstance(node.func, ast.Attribute)
        and name.package not in rules.NO_METHODS
    ):
        sink = rules.SINK_OF.get(f".{name.last}")
        if sink and sink[1] == rules.RECEIVER and not _is_path(name):
            sink = None
    return sink or ("", 0)


def shell_script(arguments: Iterable[ast.expr]) -> ast.expr | None:
    """What a list of arguments, or a call's own, has a shell run: `text` of `["sh", "-c",
    text]`."""
    to_shell = False
    for word, following in itertools.pairwise(arguments):
        text = text_of(word) or ""
        if to_shell and rules.RUN_TEXT.fullmatch(text):
            return following
        shell = text.rpartition("/")[2].lower() in rules.SHELLS
        to_shell = shell or (to_shell and text.startswith("-"))
    return None


def runs_commands(node: ast.Call, name: Name) -> bool:
    """Whether a call runs a command, by the name of what is called: `self._run_ssh`,
    `salt["cmd.run"]`."""
    last = text_of(node.func.slice) if isinstance(node.func, ast.Subscript) else name.last
    return bool(rules.RUNNER.search((last or "").replace(".", "_")))


def counted(
    name: Name, cwe: str, value: Mapping[str, frozenset[str]], held: Iterable[str]
) -> dict[str, frozenset[str]]:
    """The part of a value that counts at a sink whose name says little: `self.write`,
    `execute(plan)`.

    `held`: the origins of the object whose method it is; an upload is saved under its own name.
    """
    if name.text == "self.write" or name.last == "save":
        own = held if name.last == "save" else ()
        return {
            origin: danger
            for origin, danger in value.items()
            if origin.startswith("request") or origin in own
        }
    if (
        cwe == "CWE-89"
    ):  # in a fragment, what is executed may be anything but a text that is put together
        return {
            origin: danger
            for origin, danger in value.items()
            if not origin.startswith(CUT) or BUILT in danger
        }
    return dict(value)


def is_uncertain(origins: Iterable[str]) -> bool:
    """Whether nothing says that a value is a user's."""
    return all(origin.startswith(CUT) for origin in origins)


def _is_path(name: Name) -> bool:
    """Whether the owner of a method may be a path: not known to be something else."""
    return not name.known or name.package in ("pathlib", OWN, "anyio", "aiofiles")


def sanitized(name: Name) -> frozenset[str]:
    """The classes of flaw for which the result of a call to `name` is harmless."""
    key = f"{name.package}.{name.last}"
    if name.known and key in rules.NO_SANITIZERS:
        return frozenset()
    classes = known_in(rules.SANITIZERS, name)
    if classes is None and (not name.known or name.package == OWN or key not in rules.SANITIZERS):
        classes = rules.SANITIZERS.get(name.last)
        if classes is None and _unknown(name):
            classes = rules.UNKNOWN_QUOTES.get(name.last)
    if (
        classes is None
        and name.package in ("psycopg", "psycopg2", "sqlalchemy")
        and name.last != "execute"
    ):
        classes = frozenset({"CWE-89"})  # their makers of statements; `text` is a sink of its own
    if classes is not None:
        return classes
    return rules.FLOWS if rules.SANITIZING_NAME.search(name.last) else frozenset()


def _unknown(name: Name) -> bool:
    """Whether the name's import is not shown, or is the program's own."""
    return (
        not name.known
        or name.package == OWN
        or name.package not in ("re", "glob", "urllib", "shlex")
    )


def built(node: ast.Call, name: Name) -> bool:
    """Whether a call makes an SQL statement that keeps what it is given apart from its text."""
    return name.last in rules.BUILDERS or (
        name.last == "values" and bool(node.args or node.keywords)
    )


def takes_name(node: ast.Attribute, aliases: Mapping[str, str]) -> bool:
    """Whether an attribute is the last part of a path: `Path(x).name`."""
    if node.attr not in ("name", "stem", "suffix"):
        return False
    return resolved(node.value, aliases).last in PATHS or resolved(node, aliases).text.split(".")[
        -2:-1
    ] == ["Path"]


def is_folder(node: ast.AST) -> bool:
    """Whether what stands before a part of a path looks like a folder: "/srv/", `self.root`,
    `Path(x)`."""
    text = text_of(node)
    if text is not None:
        return text.endswith(("/", "\\"))
    name = resolved(node, {}).last.lower()
    return bool(rules.FOLDER.search(name))


def takes_last(node: ast.Subscript) -> bool:
    """Whether a subscript is the last part of a path: `x.split("/")[-1]`."""
    index = ast.unparse(node.slice) if isinstance(node.slice, ast.Constant | ast.UnaryOp) else ""
    if index not in ("-1", "1") or not isinstance(node.value, ast.Call):
        return False
    function = node.value.func
    if not isinstance(function, ast.Attribute) or function.attr not in ("split", "rsplit"):
        return False
    by_slash = any(text_of(given) in ("/", "\\") for given in node.value.args)
    return (index == "-1" and by_slash) or tail(resolved(function, {}).text, 2) == "path.split"


def origin_of(node: ast.expr, aliases: Mapping[str, str]) -> str:
    """The origin of an expression that is user input itself ("request.args:id", "sys.argv",
    "input"), or ""."""
    if isinstance(node, ast.Subscript):
        origin, key = source(resolved(node.value, aliases)), text_of(node.slice)
        if (key or "").startswith(("PATH_INFO", "QUERY_STRING", "HTTP_")):  # of WSGI
            origin = origin or "environ"
    elif isinstance(node, ast.Call):
        name = resolved(node.func, aliases)
        below, _, last = name.text.rpartition(".")
        outer = source(Name(below, name.known))
        origin = outer if last in ("get", "getlist", "getall", "pop") else source(name) or outer
        key = text_of(argument(node, 0))
        if name.text in ("input", "raw_input") or name.text == "sys.stdin.read":
            origin = name.text
    else:
        return source(resolved(node, aliases))
    return f"{origin}:{key}" if origin and key else origin


def source(name: Name) -> str:
    """The origin that a dotted name is: a part of a web request, or the command line."""
    if name.text == "sys.argv":
        return name.text
    parts = name.text.split(".")
    if parts[-1] in rules.GETTERS and len(parts) > 1:
        return f"request.{parts[-1]}"
    for here, following in itertools.pairwise(parts):
        if here in rules.REQUEST_NAMES:
            return f"request.{following}" if following in rules.REQUEST_PARTS else ""
    return ""


def user_parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The parameters that hold user input: by their names, or all of a function that answers web
    requests."""
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    given += [extra for extra in (node.args.vararg, node.args.kwarg) if extra]
    texts = [parameter for parameter in given if not _no_text(parameter)]
    answers = _routed(node) or any(parameter.arg == "request" for parameter in given[:2])
    return [
        parameter.arg
        for parameter in texts
        if is_user_word(parameter.arg)
        or (answers and parameter.arg not in ("self", "cls", "request"))
    ]


def other_parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The other parameters that may hold text, for a function that nothing is known of."""
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return [
        parameter.arg
        for parameter in given
        if not _no_text(parameter) and parameter.arg.lower() not in rules.NO_INPUTS
    ]


def _routed(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    names = [resolved(decorator, {}) for decorator in node.decorator_list]
    return any(name.last in rules.ROUTES and "." in name.text for name in names)


def _no_text(parameter: ast.arg) -> bool:
    annotation = parameter.annotation
    return annotation is not None and resolved(annotation, {}).last in rules.NO_TEXT


def is_user_word(name: str) -> bool:
    return any(part in rules.USER_WORDS for part in name.lower().split("_"))


def type_of(parameter: ast.arg, aliases: Mapping[str, str]) -> str:
    """What a parameter is known as: its annotation, if that is imported, or its own name."""
    name = resolved(parameter.annotation, aliases) if parameter.annotation else Name("")
    return name.text if name.known else parameter.arg
