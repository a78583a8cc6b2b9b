"""Secrets in the source: which names hold one, and which texts are one and not a label or a
placeholder."""

from __future__ import annotations

import ast
import base64
import re
from collections.abc import Iterator, Mapping

from unmask.organisms.behaviors.code.names import (
    argument,
    bindings,
    dotted,
    resolved,
    tail,
    text_of,
    words,
)

WORD = re.compile(
    r"pass(?:word|wd|phrase)|pwd|secret|token|api_?key|credential|passcode", re.IGNORECASE
)
SECRET_NAME = re.compile(
    r"(?:^|_|(?<=[a-z]))(?:password|passwd|passphrase|passcode|pwd|secret|token|api_?key|secret_?key|"
    r"access_?key|auth_?key|private_?key|signing_?key|encryption_?key|credentials?)$",
    re.IGNORECASE,
)
SPECIAL_TOKEN = re.compile(
    r"(?:^|_)(?:pad|unk|unknown|sep|separator|eos|bos|eot|eod|cls|mask|stop|start|begin|end|special|next|prev|"
    r"previous|current|first|last|image|audio|video|blank|space|newline|delimiter|word|text|prompt|think|"
    r"tool|fim|prefix|suffix|middle|reserved|additional|extra|open|close|left|right|csrf)_?tokens?$",
    re.IGNORECASE,
)
PLACEHOLDER = re.compile(
    r"[\W_]*|<.*>|\[.*\]|\{.*\}|\$.*|%.*|#.*|//?.*|\.{1,2}/.*|[a-z]+://\S*|"
    r".*[{][\w. ]*[}].*|.*%\(\w+\)s.*|your[-_ ].*|x{3,}|\*+|(?:change|replace)[-_ ]?(?:me|this).*",
    re.IGNORECASE | re.DOTALL,
)
NO_SECRETS = words(
    "none null true false str string text hidden required optional bytes bearer basic"
)
URL_WITH_SECRET = re.compile(r"\w+://(?P<user>[^:/@\s{}<>$%]*):(?P<secret>[^@/\s{}<>$%*]+)@[\w.\[]")
CREDENTIAL = re.compile(
    r"(?P<scheme>bearer|basic|token|apikey)\s+(?P<value>[\w.~+/=-]{8,})", re.IGNORECASE
)
ENVIRONMENT = re.compile(r"(^|\.)(environ\.(get|pop)|getenv|config|env(\.str)?)$")
"""Calls that look up a setting outside of the program, and take what to use without it."""
EXAMPLES = words("pass password passwd pw pwd secret")
POSITIONS: Mapping[str, int] = {
    "MySQLdb.connect": 2, "pymysql.connect": 2, "requests.HTTPBasicAuth": 1, "httpx.BasicAuth": 1,
    "aiohttp.BasicAuth": 1, "jwt.encode": 1, "jwt.decode": 1, "hmac.new": 0,
    "cryptography.Fernet": 0,
    "itsdangerous.URLSafeTimedSerializer": 0, "itsdangerous.URLSafeSerializer": 0,
}  # fmt: skip
"""Calls that take a secret without naming it, by package and last name, and its position."""


def is_secret(name: str, value: str) -> bool:
    """Whether a text that is held under a name is a secret: not a label, a placeholder or a special
    token."""
    name = name.replace("-", "_")  # of a header
    if not SECRET_NAME.search(name) or SPECIAL_TOKEN.search(name) or PLACEHOLDER.fullmatch(value):
        return False
    plain = re.sub(r"[\W_]", "", value)
    if value.lower() in NO_SECRETS or (
        plain.lower() == re.sub(r"[\W_]", "", name.lower()) and plain[0].isupper()
    ):
        return False
    if re.search(r"\s", value) and (WORD.search(value) or value.rstrip()[-1] in ":?!"):
        return False  # a label or a question
    if name.lower() == "token":  # a parser's word, more often than not
        return len(value) > 11 or any(letter.isdigit() for letter in value)
    return True


def named_texts(node: ast.AST) -> Iterator[tuple[int, str, str]]:
    """(line, name, text) for every constant text that this node puts under a name, in whatever
    way."""
    for name, value in _named(node):
        text = constant_text(value)
        text = _fallback(value) if text is None else text
        if name and text is not None:
            yield getattr(value, "lineno", 1), name, text


def _fallback(value: ast.expr | None) -> str | None:
    """The constant that stands in for a missing setting, if it is no short word for tests."""
    default = None
    if isinstance(value, ast.BoolOp) and isinstance(value.op, ast.Or):
        default = value.values[-1]
    elif isinstance(value, ast.IfExp):
        default = value.body if constant_text(value.orelse) is None else value.orelse
    elif isinstance(value, ast.Call) and ENVIRONMENT.search(dotted(value.func, {})):
        default = argument(value, 1, "default")
    text = constant_text(default) or ""
    long = len(text) >= 12 or (len(text) >= 8 and any(letter.isdigit() for letter in text))
    return text if long and not re.search(r"\s", text) else None


def _named(node: ast.AST) -> Iterator[tuple[str | None, ast.expr | None]]:
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            name = text_of(key)
            own = name == constant_text(
                value
            )  # {"password": "password"} maps a field to its own name
            yield (f"{name} field" if own else name), value
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        given = [*node.args.posonlyargs, *node.args.args]
        for parameter, default in zip(reversed(given), reversed(node.args.defaults), strict=False):
            yield parameter.arg, default
        for parameter, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
            yield parameter.arg, default
    elif isinstance(node, ast.Call):
        yield from ((given.arg, given.value) for given in node.keywords)
        if tail(dotted(node.func, {}), 1) == "setdefault" and len(node.args) == 2:
            yield text_of(node.args[0]), node.args[1]
        if _fallback(node) is not None:
            yield text_of(argument(node, 0)), node
    elif (
        isinstance(node, ast.Compare)
        and len(node.ops) == 1
        and isinstance(node.ops[0], ast.Eq | ast.NotEq)
    ):
        sides = (node.left, node.comparators[0])
        yield from ((_name(side), other) for side, other in (sides, sides[::-1]))
    else:
        yield from ((_name(target), value) for target, value in bindings([node]))


def _name(target: ast.expr) -> str | None:
    if isinstance(target, ast.Subscript):
        return text_of(target.slice)
    return tail(dotted(target, {}), 1)


def unnamed_secret(node: ast.Call, aliases: Mapping[str, str]) -> bool:
    """Whether a call takes a constant where it takes a secret, by position."""
    name = resolved(node.func, aliases)
    position = 1 if name.last == "login" else POSITIONS.get(f"{name.package}.{name.last}")
    given = node.args[position : position + 1] if position is not None else []
    for basic in (word.value for word in node.keywords if word.arg == "auth"):
        given = basic.elts[1:2] if isinstance(basic, ast.Tuple) else given
    return any(not PLACEHOLDER.fullmatch(constant_text(value) or "") for value in given)


def url_with_secret(text: str) -> bool:
    """Whether a text is an address with a password in it, and not an example of one."""
    match = URL_WITH_SECRET.match(text) if len(text) < 1000 else None
    return match is not None and match["secret"].lower() not in EXAMPLES


def is_credential(text: str) -> bool:
    """Whether a text is the whole value of an Authorization header: "Bearer eyJ..."."""
    match = CREDENTIAL.fullmatch(text) if len(text) < 10_000 else None
    if match is None or PLACEHOLDER.fullmatch(match["value"]):
        return False
    value = match["value"]
    if match["scheme"].lower() == "basic":
        return _is_user_and_password(value)
    return len(value) >= 12 and any(letter.isdigit() for letter in value)


def _is_user_and_password(value: str) -> bool:
    """Whether a text is "user:password" in base 64, as HTTP sends it."""
    try:
        return b":" in base64.b64decode(value, validate=True)
    except ValueError:  # a wrong length, or letters that are none of base 64
        return False


def constant_text(node: ast.AST | None) -> str | None:
    """The text, or bytes, that an expression is whatever happens, put together from constants or
    not."""
    if isinstance(node, ast.Constant):
        value = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
        return value if isinstance(value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = constant_text(node.left), constant_text(node.right)
        return None if left is None or right is None else left + right
    if isinstance(node, ast.JoinedStr):
        parts = [constant_text(part) for part in node.values]
        return None if None in parts else "".join(part for part in parts if part)
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "encode"
    ):
        return constant_text(node.func.value)
    return None
