"""Flaws that are visible in one expression, with no flow to follow: modes, secrets, ciphers, XML
parsers, host checks.

The half of the taint scanner that needs no taint; together with taint.py it covers every class that
bandit covers, so that the two can be compared.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from unmask.organisms.behaviors.code import calls, hardcoded
from unmask.organisms.behaviors.code.built import Texts
from unmask.organisms.behaviors.code.checks import defused
from unmask.organisms.behaviors.code.finding import Finding
from unmask.organisms.behaviors.code.names import (
    Name,
    argument,
    dotted,
    is_true,
    keyword,
    number_of,
    resolved,
    tail,
    text_of,
    words,
)
from unmask.organisms.behaviors.code.rules import DOMAIN, SHELL_CALLS

MODE_ARGUMENT = {
    **dict.fromkeys(("os.chmod", "os.fchmod", "os.mkdir", "os.makedirs"), 1),
    "os.open": 2,
    **dict.fromkeys((".chmod", ".mkdir"), 0),
}
WEAK_HASHES = words("md4 md5 sha1 sha")
WEAK_CIPHERS = words("DES DES3 ARC2 ARC4 Blowfish XOR TripleDES IDEA CAST5")
WEAK_MODES = words("MODE_ECB PROTOCOL_SSLv2 PROTOCOL_SSLv3 PROTOCOL_TLSv1 PROTOCOL_TLSv1_1")
UNPICKLERS = words(
    "cloudpickle.load cloudpickle.loads cPickle.load cPickle.loads _pickle.load _pickle.loads"
    " jsonpickle.decode yaml.unsafe_load yaml.unsafe_load_all"
)


def scan_patterns(nodes: Sequence[ast.AST], texts: Texts) -> list[Finding]:
    """Findings of every kind, in one pass over the nodes of a tree."""
    findings: list[Finding] = []
    for node in nodes:
        line = getattr(node, "lineno", 1)
        for cwe, message in _flaws(node, texts):
            findings.append(Finding(line, cwe, message, "taint"))
        for line, name, text in hardcoded.named_texts(node):
            if hardcoded.is_secret(name, text):
                findings.append(Finding(line, "CWE-798", f"'{name}' is in the source", "taint"))
    return findings


def _flaws(node: ast.AST, texts: Texts) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Call):
        name = resolved(node.func, texts.aliases)
        yield from _call(node, dotted(node.func, texts.aliases))
        if hardcoded.unnamed_secret(node, texts.aliases):
            yield "CWE-798", "a password is in the source"
        if _page_without_escape(node, name, texts):
            yield "CWE-79", "a template environment that does not escape"
        if _unpacks(node, name, texts):
            yield "CWE-22", "an archive may unpack to anywhere"
        if name.last in SHELL_CALLS and is_true(keyword(node, "shell")) and _unquoted(node, texts):
            yield "CWE-78", "a shell runs what is not constant"
        if _runs_built_text(node, name, texts):
            yield "CWE-78", "a shell runs a text that is put together"
        if _trusted_page(node, texts):
            yield "CWE-79", "HTML that is put together is declared safe"
        if texts.command_text(node):
            yield "CWE-78", "a command line is put together as text"
        if f"{name.package}.{name.last}" in UNPICKLERS or _unpickles(node, name, texts):
            yield "CWE-502", f"{name.text} builds any object"
        if name.text in ("builtins.eval", "builtins.exec") and _varies(node):
            yield "CWE-94", f"{name.text} runs what is not constant"
    elif isinstance(node, ast.Attribute) and node.attr in WEAK_MODES:
        yield "CWE-327", f"{node.attr} is broken"
    elif isinstance(node, ast.Compare) and _substring_host_check(node):
        yield "CWE-20", "a host is looked for anywhere in the URL, not compared"
    elif hardcoded.url_with_secret(text_of(node) or ""):
        yield "CWE-798", "an address holds a password"
    elif hardcoded.is_credential(hardcoded.constant_text(node) or ""):
        yield "CWE-798", "a header's credential is in the source"


def _call(node: ast.Call, name: str) -> Iterator[tuple[str, str]]:
    if _opens_to_others(node, name):
        yield "CWE-732", f"{name} lets other users write"
    last = tail(name, 1)
    if _weak_crypto(node, name):
        yield "CWE-327", f"{name} is broken as cryptography"
    if _resolves_entities(node, name):
        yield "CWE-611", f"{name} resolves external entities"
    if last == "endswith" and (text := text_of(argument(node, 0))) and DOMAIN.fullmatch(text):
        yield "CWE-20", "any host that ends in the same letters passes"
    if (
        last == "startswith"
        and (text := text_of(argument(node, 0)))
        and re.fullmatch(r"https?://[^/]+", text)
    ):
        yield "CWE-20", "any host that begins with the same letters passes"


def _unquoted(node: ast.Call, texts: Texts) -> bool:
    command = argument(node, 0, "args")
    return command is not None and not texts.harmless(command, "CWE-78")


def _runs_built_text(node: ast.Call, name: Name, texts: Texts) -> bool:
    """Whether a shell is started for a text that is put together: `["sh", "-c", text]`,
    asyncio's."""
    script = calls.shell_script(texts.arguments(node))
    if name.last in ("create_subprocess_shell", "subprocess_shell"):
        script = argument(node, 1 if name.last == "subprocess_shell" else 0, "cmd")
    text = texts.followed(script) if script is not None else ast.Constant("")
    return texts.is_built(text) and not texts.harmless(text, "CWE-78")


def _varies(node: ast.Call) -> bool:
    return bool(node.args) and hardcoded.constant_text(node.args[0]) is None


def _unpacks(node: ast.Call, name: Name, texts: Texts) -> bool:
    """Whether a call unpacks an archive without a filter or a choice of its members."""
    if name.text in ("shutil.unpack_archive", "unpack_archive"):
        archive = argument(node, 0, "filename")
        chosen = archive is not None and not texts.harmless(archive, "CWE-22")
        return chosen and keyword(node, "filter") is None
    if (
        not isinstance(node.func, ast.Attribute)
        or node.func.attr != "extractall"
        or len(node.args) > 1
    ):
        return False
    maker = resolved(texts.followed(node.func.value), texts.aliases)
    tar = maker.text in ("tarfile.open", "TarFile", "TarFile.open") or maker.package == "tarfile"
    return tar and not any(word.arg in ("filter", "members") for word in node.keywords)


def _trusted_page(node: ast.Call, texts: Texts) -> bool:
    """Whether a call declares a text safe that is put together from what is not escaped."""
    last = tail(dotted(node.func, texts.aliases), 1)
    if (
        last not in ("mark_safe", "Markup", "SafeString", "SafeText", "format_html")
        or not node.args
    ):
        return False
    page = texts.followed(node.args[0])
    return texts.is_built(page) and not texts.harmless(page, "CWE-79")


def _page_without_escape(node: ast.Call, name: Name, texts: Texts) -> bool:
    """Whether a call makes a jinja2 environment that escapes nothing."""
    jinja = name.package == "jinja2" if name.known else keyword(node, "loader") is not None
    if not jinja or name.last not in ("Environment", "SandboxedEnvironment"):
        return False
    chosen = keyword(node, "autoescape")
    if chosen is not None:
        return isinstance(chosen, ast.Constant) and not chosen.value
    spread = [ast.unparse(texts.followed(word.value)) for word in node.keywords if word.arg is None]
    return not any("autoescape" in text for text in spread)


def _unpickles(node: ast.Call, name: Name, texts: Texts) -> bool:
    """Whether a reader is told to build any object: PyYAML's, numpy's, ruamel's."""
    if name.text in ("yaml.load", "yaml.load_all"):
        return not defused(node, name, texts.aliases, texts.bound)
    if name.last == "load":
        return is_true(keyword(node, "allow_pickle"))
    return name.last == "YAML" and text_of(keyword(node, "typ")) == "unsafe"


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
        return chosen is None if lxml and not node.keywords else is_true(chosen)
    if tail(name, 1) == "setFeature" and len(node.args) == 2:
        on = node.args[1]
        return (
            "feature_external" in tail(dotted(node.args[0], {}), 1)
            and isinstance(on, ast.Constant)
            and bool(on.value)
        )
    return False


def _substring_host_check(node: ast.Compare) -> bool:
    text = text_of(node.left)
    if (
        not isinstance(node.ops[0], ast.In | ast.NotIn)
        or text is None
        or not DOMAIN.fullmatch(text)
    ):
        return False
    return isinstance(node.comparators[0], ast.Name | ast.Attribute | ast.Call | ast.Subscript)
