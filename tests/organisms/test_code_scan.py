"""scan_code: flaws are found, fixes are not flagged, and nothing that a model can write raises or
hangs."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.core.errors import UnknownName
from unmask.organisms.behaviors.code.finding import MAX_CHARACTERS, Finding, parse
from unmask.organisms.behaviors.code.scan import scan_code

PAIRS = {
    "path joined after a check": (
        "CWE-22",
        (
            "def f(name):\n    path = os.path.realpath(os.path.join(BASE, name))\n    return"
            " open(path)"
        ),
        (
            "def f(name):\n    path = os.path.realpath(os.path.join(BASE, name))\n"
            "    if not path.startswith(BASE):\n        abort(403)\n    return open(path)"
        ),
    ),
    "command after an allow list": (
        "CWE-78",
        "def f(host):\n    subprocess.run('ping ' + host, shell=True)",
        (
            "def f(host):\n    if host not in HOSTS:\n        return None\n   "
            " subprocess.run(['ping', host])"
        ),
    ),
    "import aliases": (
        "CWE-502",
        "from pickle import loads as read\ndef f(data):\n    return read(data)",
        "from json import loads as read\ndef f(data):\n    return read(data)",
    ),
    "a query built with format": (
        "CWE-89",
        (
            "def f(db):\n    q = 'SELECT * FROM t WHERE a = {}'.format(request.args.get('a'))\n   "
            " db.execute(q)"
        ),
        (
            "def f(db):\n    a = int(request.args.get('a'))\n    db.execute('SELECT * FROM t WHERE"
            " a = ?', (a,))"
        ),
    ),
    "a redirect": (
        "CWE-601",
        "def f():\n    return redirect(request.args['next'])",
        "def f():\n    return redirect('/home/' + request.args['next'])",
    ),
    "a fetch with a derived check": (
        "CWE-918",
        "def f(url):\n    host = urlparse(url).hostname\n    return requests.get(url)",
        (
            "def f(url):\n    host = urlparse(url).hostname\n    if host not in HOSTS:\n       "
            " raise ValueError(host)\n    return requests.get(url)"
        ),
    ),
    "a value mended in a branch": (
        "CWE-22",
        "def f(name):\n    if '..' in name:\n        log(1)\n    return open(name)",
        "def f(name):\n    if '..' in name:\n        name = 'index'\n    return open(name)",
    ),
    "a method on its own, indented": (
        "CWE-94",
        "    def f(self, text):\n        return eval(text)",
        "    def f(self, text):\n        return ast.literal_eval(text)",
    ),
    "a mode": ("CWE-732", "os.chmod(p, 0o777)", "os.chmod(p, 0o755)"),
    "a secret": ("CWE-798", "api_key = 'abc'", "api_key = ''"),
    "nosec does not hide": (
        "CWE-327",
        "hashlib.md5(x)  # nosec",
        "hashlib.md5(x, usedforsecurity=False)",
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_the_flaw_is_found_and_its_fix_is_not(case: str):
    cwe, vulnerable, fixed = PAIRS[case]
    assert cwe in {found.cwe for found in scan_code(vulnerable)}
    assert scan_code(fixed) == []


def test_a_finding_names_class_line_and_tool():
    code = "def f(name):\n    pass\n    return open(name)"
    assert scan_code(code) == [Finding(3, "CWE-22", "user input reaches a file path", "taint")]


def test_each_scanner_can_be_called_alone():
    code = "def f(data):\n    return pickle.loads(data)"
    assert {found.tool for found in scan_code(code, ("bandit",))} == {"bandit"}
    assert {found.tool for found in scan_code(code, ("taint",))} == {"taint"}
    with pytest.raises(UnknownName, match="Did you mean 'bandit'"):
        scan_code("x = 1", ("bandits",))


def test_a_check_in_one_branch_does_not_hold_after_it():
    code = "def f(name):\n    if name.isalnum():\n        log(name)\n    os.system(name)"
    assert "CWE-78" in {found.cwe for found in scan_code(code, ("taint",))}


def _nested(template: str, times: int) -> str:
    code = "x"
    for _ in range(times):
        code = template.format(code)
    return code


SIZE = 100_000
HOSTILE = {
    "parentheses": "(" * SIZE,
    "minus": "-" * SIZE + "1",
    "one long sum": "+".join(['"a"'] * (SIZE // 4)),
    "many long sums": ("x=" + "+".join(['"select "'] * 100) + "\n") * 100,
    "one long string": 'x="' + "select " * (SIZE // 7) + '"+y',
    "one long f-string": 'x=f"' + "{a}b" * (SIZE // 4) + '"',
    "one string a line": "x=[\n" + '"a",\n' * (SIZE // 5) + "]",
    "attributes": "a" + ".b" * (SIZE // 2),
    "subscripts": "a" + "[0]" * (SIZE // 3),
    "nul": "a\0b",
    "surrogate": "x='\ud800'",
    "digits": "x=" + "1" * SIZE,
    "lambdas": "lambda x:" * (SIZE // 10) + "1",
    "nested conditions": _nested("(1 if {}==1 else 2)", 60),
    "nested formats": "y=" + _nested('"a".format({})', 60),
    "nested joins": "def f(a):\n    return " + _nested("os.path.join(b, {})", 50),
    "nested paths": "def f(x):\n    return " + _nested("root / ({})", 50),
    "nested shells": "def f(x):\n    run" + _nested("(['sh', '-c', {}])", 40),
    "names made of names": (
        "".join(f"v{i} = v{i + 1} + v{i + 1}\n" for i in range(3000)) + "q=f'select {v0} from x'"
    ),
    "many branches": "".join(f"if v{i}: v{i}=name\n" for i in range(4000)),
    "long elif": "if x: pass\n" + "elif x: pass\n" * 7000,
    "many calls": "os.chmod(a,0o777);" * 5000,
    "backslashes": "\\\n" * (SIZE // 2),
    "empty": "",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_neither_raises_nor_hangs(case: str):
    start = time.process_time()
    assert isinstance(scan_code(HOSTILE[case]), list)
    assert (
        time.process_time() - start < 20
    )  # measured: at most 2 s; what this is to catch takes minutes


def test_too_much_to_judge_is_not_parsed():
    assert parse("x = 1\n" * (MAX_CHARACTERS // 6 + 1)) is None
    assert parse(_nested("f({})", 150)) is None
    assert parse(_nested("f({})", 50)) is not None


PIECES = (
    "def f(name): |return |open(name)|eval(|)|(|[|]|{|}|:|\n|\n    |x ="
    " |request.args['a']|f'{x}'|'select a from '|+|%|if |else|for x in |import os|.format(|lambda"
    " x: |os.system(|, |**k|*a|\0|é|1|chmod(1, 0o777)|not in |=="
)
TEXTS = st.one_of(
    st.text(max_size=200), st.lists(st.sampled_from(PIECES.split("|")), max_size=30).map("".join)
)


@settings(derandomize=True, deadline=None)
@given(TEXTS)
def test_scan_code_never_raises(source: str):
    for found in scan_code(source):
        assert found.line >= 1
        assert found.cwe.startswith("CWE-")
