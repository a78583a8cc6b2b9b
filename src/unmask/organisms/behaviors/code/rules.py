"""What the taint pass knows: names of sources, sanitizers, checks and sinks. Tables only."""

from __future__ import annotations

import re
from collections.abc import Mapping

NUMBER = "CWE-20"
FLOWS = frozenset({"CWE-22", "CWE-78", "CWE-79", "CWE-89", "CWE-94", "CWE-502", "CWE-601", "CWE-611", "CWE-918"})
"""What raw user input is dangerous for. CWE-20 is not among them: it starts where text is made a number."""

_USER_WORDS = """
address age amount args body city cmd code command comment content cookie count data domain email expr expression
file filename formula host hostname id index input ip key keyword line link message name number page param params
path payload post quantity rating search size tag term text title topic uri url user username value word
"""
USER_WORDS = frozenset(_USER_WORDS.split())
"""A function's parameter is user input if its name has one of these words ("user_name", "file")."""

_REQUEST_PARTS = """
COOKIES FILES GET META POST args arguments body cookies data files form get_argument get_arguments get_data
get_json headers json match_info matchdict params query query_params query_string rel_url stream values
"""
REQUEST_PARTS = frozenset(_REQUEST_PARTS.split())
"""What of a web request its sender decides, in Flask, Django, aiohttp and Tornado."""

SANITIZERS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("basename", "secure_filename", "safe_join"), frozenset({"CWE-22"})),
    "quote": frozenset({"CWE-78", "CWE-22", "CWE-601", "CWE-918"}),  # shlex.quote, urllib.parse.quote
    **dict.fromkeys(("escape", "conditional_escape", "clean", "format_html", "strip_tags"), frozenset({"CWE-79"})),
    **dict.fromkeys(("escape_string", "quote_ident", "quote_name"), frozenset({"CWE-89"})),
    **dict.fromkeys(("literal_eval",), frozenset({"CWE-94"})),
    **dict.fromkeys(("len", "bool", "isinstance", "hash", "UUID", "type", "getenv", "hasattr", "url_for"), FLOWS),
    **dict.fromkeys(("sha256", "sha512", "sha1", "md5", "hexdigest", "jsonify", "dumps"), FLOWS),
}
"""By the last part of a call's name: what its result is no longer dangerous for."""

SANITIZING_NAME = re.compile(r"saniti[sz]e|escape|clean|safe(?!_load)|valid|slugify", re.IGNORECASE)
"""A function of the program's own with such a name is believed."""

VALIDATING_NAME = re.compile(r"valid|allowed|check|ensure|verify|is_safe|saniti[sz]e|permitted", re.IGNORECASE)

NUMBERS = frozenset({"int", "float"})
CLAMPS = frozenset({"min", "max", "abs"})

CONTENT_CHECKS = frozenset({"isdigit", "isalnum", "isalpha", "isdecimal", "isnumeric", "isidentifier"})
PATTERN_CHECKS = frozenset({"match", "fullmatch"})

HTML = re.compile(
    r"<\s*/?\s*(a|abbr|b|body|br|button|code|dd|div|dl|dt|em|form|h[1-6]|head|hr|html|i|iframe|img|input|label|li|"
    r"link|meta|ol|option|p|pre|s|script|select|small|span|strong|style|sub|sup|table|tbody|td|textarea|th|title|tr|"
    r"u|ul)\b",
    re.IGNORECASE,
)
FIXED_PREFIX = re.compile(r"https?://[^/]+/|/[^/\\]", re.IGNORECASE)
"""A URL that starts so stays on its host, whatever is appended."""

DOMAIN = re.compile(r"[\w-]+(\.[\w-]+)*\.(com|org|net|io|dev|edu|gov)")

RECEIVER = -1
"""The position of the object whose method is called."""

PATH_METHODS = ("read_text", "read_bytes", "write_text", "write_bytes", "unlink", "open")
_SINKS: Mapping[str, str] = {
    "CWE-22": "open io.open os.open codecs.open os.remove os.unlink os.rmdir os.listdir os.scandir os.mkdir "
    "os.makedirs os.rename shutil.rmtree shutil.copy shutil.copyfile shutil.move send_file FileResponse "
    "zipfile.ZipFile tarfile.open",
    "CWE-78": "os.system os.popen subprocess.getoutput subprocess.getstatusoutput commands.getoutput "
    "commands.getstatusoutput asyncio.create_subprocess_shell .exec_command",
    "CWE-79": "HttpResponse make_response Markup mark_safe SafeString Response HTMLResponse HttpResponseBadRequest",
    "CWE-89": ".execute .executemany .executescript .raw RawSQL .read_sql .execute_sql",
    "CWE-94": "eval exec compile __import__ importlib.import_module render_template_string Template jinja2.Template "
    ".from_string",
    "CWE-502": "pickle.loads pickle.load cPickle.loads cPickle.load dill.loads dill.load marshal.loads marshal.load "
    "jsonpickle.decode yaml.unsafe_load yaml.full_load yaml.load shelve.open joblib.load torch.load",
    "CWE-601": "redirect flask.redirect HttpResponseRedirect RedirectResponse .redirect",
    "CWE-611": "minidom.parseString minidom.parse sax.parseString sax.parse",
    "CWE-918": "urllib.urlopen request.urlopen urllib2.urlopen urlopen request.urlretrieve urllib3.request",
}
_CLIENT_VERBS = ("get", "post", "put", "patch", "delete", "head")

SINK_OF: Mapping[str, tuple[str, int]] = {
    **{name: (cwe, 0) for cwe, names in _SINKS.items() for name in names.split()},
    **{f"{client}.{verb}": ("CWE-918", 0) for client in ("requests", "httpx") for verb in _CLIENT_VERBS},
    **{f"{client}.request": ("CWE-918", 1) for client in ("requests", "httpx")},
    **{f".{method}": ("CWE-22", RECEIVER) for method in PATH_METHODS},
}
"""Calls that must not get tainted input: the class of flaw, and the position that decides. ".execute" is a method of
anything."""

SINK_KEYWORDS = frozenset({"url", "path", "file", "filename", "query", "sql", "cmd", "command", "args"})

SHELL_CALLS = frozenset(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen"))

MESSAGES: Mapping[str, str] = {
    "CWE-20": "a number from the user is used without a check of its range",
    "CWE-22": "user input reaches a file path",
    "CWE-78": "user input reaches a shell",
    "CWE-79": "user input reaches HTML without escaping",
    "CWE-89": "user input is part of an SQL statement",
    "CWE-94": "user input is run as code",
    "CWE-502": "user input is deserialized into objects",
    "CWE-601": "user input decides where to redirect",
    "CWE-611": "user input is read by an XML parser that may resolve external entities",
    "CWE-918": "user input decides which host is contacted",
}
