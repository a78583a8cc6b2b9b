"""Flaws that are visible in one expression, with no flow to follow: modes, secrets, ciphers, XML parsers, host checks.

The half of the taint scanner that needs no taint; together with taint.py it covers every class that bandit covers,
so that the two can be compared.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from unmask.organisms.behaviors.code.finding import Finding
from unmask.organisms.behaviors.code.names import argument, dotted, keyword, number_of, tail, text_of
from unmask.organisms.behaviors.code.rules import DOMAIN

SECRET_NAME = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|pwd|secret|token|api_?key|secret_key|access_key|auth_?key|credentials?)$",
    re.IGNORECASE,
)
MODE_ARGUMENT = {"os.chmod": 1, "os.fchmod": 1, "os.mkdir": 1, "os.makedirs": 1, "os.open": 2, ".chmod": 0, ".mkdir": 0}
WEAK_HASHES = frozenset({"md4", "md5", "sha1", "sha"})
WEAK_CIPHERS = frozenset({"DES", "DES3", "ARC2", "ARC4", "Blowfish", "XOR", "TripleDES", "IDEA", "CAST5"})
WEAK_MODES = frozenset({"MODE_ECB", "PROTOCOL_SSLv2", "PROTOCOL_SSLv3", "PROTOCOL_TLSv1", "PROTOCOL_TLSv1_1"})


def scan_patterns(tree: ast.Module, aliases: Mapping[str, str]) -> list[Finding]:
    """Findings of every kind, in one walk over the tree."""
    found: list[Finding] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = dotted(node.func, aliases)
            for cwe, message in _call(node, name):
                found.append(Finding(node.lineno, cwe, message, "taint"))
        elif isinstance(node, ast.Attribute) and node.attr in WEAK_MODES:
            found.append(Finding(node.lineno, "CWE-327", f"{node.attr} is broken", "taint"))
        elif isinstance(node, ast.Compare) and _substring_host_check(node):
            message = "a host is looked for anywhere in the URL, not compared"
            found.append(Finding(node.lineno, "CWE-20", message, "taint"))
        else:
            found += [Finding(line, "CWE-798", f"'{name}' is in the source", "taint") for line, name in _secrets(node)]
    return found


def _call(node: ast.Call, name: str) -> Iterator[tuple[str, str]]:
    if _opens_to_others(node, name):
        yield "CWE-732", f"{name} lets other users write"
    for each in node.keywords:
        if each.arg and SECRET_NAME.search(each.arg) and text_of(each.value):
            yield "CWE-798", f"'{each.arg}' is in the source"
    last = tail(name, 1)
    login = argument(node, 1) if last == "login" else None
    basic = keyword(node, "auth")
    if text_of(login) or (isinstance(basic, ast.Tuple) and len(basic.elts) == 2 and text_of(basic.elts[1])):
        yield "CWE-798", "a password is in the source"
    if _weak_crypto(node, name):
        yield "CWE-327", f"{name} is broken as cryptography"
    if _resolves_entities(node, name):
        yield "CWE-611", f"{name} resolves external entities"
    if last == "endswith" and (text := text_of(argument(node, 0))) and DOMAIN.fullmatch(text):
        yield "CWE-20", "any host that ends in the same letters passes"
    if last == "startswith" and (text := text_of(argument(node, 0))) and re.fullmatch(r"https?://[^/]+", text):
        yield "CWE-20", "any host that begins with the same letters passes"


def _opens_to_others(node: ast.Call, name: str) -> bool:
    if tail(name, 2) == "os.umask":
        mask = number_of(argument(node, 0))
        return mask is not None and not mask & 0o002
    method = "." + tail(name, 1)
    position = MODE_ARGUMENT.get(tail(name, 2), MODE_ARGUMENT.get(method) if "." in name else None)
    if position is None:
        return False
    mode = argument(node, position, "mode")
    if mode is None:
        return False
    if tail(dotted(mode, {}), 1) in ("S_IRWXO", "S_IWOTH"):
        return True
    value = number_of(mode)
    return value is not None and bool(value & 0o002)


def _weak_crypto(node: ast.Call, name: str) -> bool:
    if keyword(node, "usedforsecurity") is not None:
        return False
    module, last = tail(name, 2).split(".")[0], tail(name, 1)
    if module == "hashlib":
        algorithm = (text_of(argument(node, 0, "name")) or "") if last == "new" else last
        return algorithm.lower() in WEAK_HASHES
    return (last == "new" and module in WEAK_CIPHERS) or (last in WEAK_CIPHERS and "." in name)


def _resolves_entities(node: ast.Call, name: str) -> bool:
    if tail(name, 1) == "XMLParser" and "defused" not in name:
        chosen = keyword(node, "resolve_entities")
        lxml = tail(name, 2) == "etree.XMLParser" and "xml.etree" not in name
        return (
            chosen is None if lxml and not node.keywords else isinstance(chosen, ast.Constant) and chosen.value is True
        )
    if tail(name, 1) == "setFeature" and len(node.args) == 2:
        on = node.args[1]
        return (
            "feature_external" in tail(dotted(node.args[0], {}), 1) and isinstance(on, ast.Constant) and bool(on.value)
        )
    return False


def _substring_host_check(node: ast.Compare) -> bool:
    text = text_of(node.left)
    if not isinstance(node.ops[0], ast.In | ast.NotIn) or text is None or not DOMAIN.fullmatch(text):
        return False
    return isinstance(node.comparators[0], ast.Name | ast.Attribute | ast.Call | ast.Subscript)


def _secrets(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Assign | ast.AnnAssign) and text_of(node.value):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            name = text_of(target.slice) if isinstance(target, ast.Subscript) else tail(dotted(target, {}), 1)
            if name and SECRET_NAME.search(name):
                yield node.lineno, name
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if (name := text_of(key)) and SECRET_NAME.search(name) and text_of(value):
                yield value.lineno, name
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = node.args.args[len(node.args.args) - len(node.args.defaults) :]
        for each, default in zip(arguments, node.args.defaults, strict=False):
            if SECRET_NAME.search(each.arg) and text_of(default):
                yield default.lineno, each.arg
