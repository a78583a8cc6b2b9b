"""What the taint pass knows: names of sources, sanitizers, checks and sinks. Tables only."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from unmask.organisms.behaviors.code.names import by_name, words

NUMBER = "CWE-20"
FLOWS = frozenset(
    {"CWE-22", "CWE-78", "CWE-79", "CWE-89", "CWE-94", "CWE-502", "CWE-601", "CWE-611", "CWE-918"}
)
"""What raw user input is dangerous for. CWE-20 is not among them: it starts where text is made a
number."""

USER_WORDS = words("""
address age amount args body city cmd code command comment content cookie count data domain email
expr expression file filename formula host hostname id index input ip key keyword line link message
name number page param params path payload post quantity rating search size tag term text title
topic uri url user username value word
""")
"""A function's parameter is user input if its name has one of these words ("user_name", "file")."""

NO_INPUTS = words(
    "self cls mcs request req response resp session db conn connection cursor cur engine app logger"
    " log config settings context ctx env client pool args kwargs options opts parser loop callback"
)
"""Parameters that are no text of the user's, in a function that nothing else is known of."""

PATH_TOOLS = words(
    "append extend insert add str repr print debug info warning error exception critical len format"
    " isinstance rstrip lstrip strip replace split join startswith endswith exists isfile isdir"
    " encode decode fspath"
)
"""Functions that open no path that they are given."""

REQUEST_PARTS = words("""
COOKIES FILES GET META POST REQUEST args arguments body body_arguments cookies data files form forms
get_argument get_arguments get_cookie get_data get_header get_json get_media get_param headers json
match_info matchdict media multipart params path_info path_params post query query_arguments
query_params query_string read rel_url stream text urlvars values view_args
""")
"""What of a web request its sender decides, in Flask, Django, FastAPI, aiohttp, Tornado, bottle,
falcon."""

REQUEST_NAMES = frozenset(["request", "req", "Request", "HttpRequest", "WSGIRequest", "websocket"])

GETTERS = words("""
get_argument get_arguments get_body_argument get_body_arguments get_query_argument
get_query_arguments get_cookie receive_text receive_json getvalue namelist infolist getnames
getmembers
""")
"""Methods of a handler, a socket, a form or an archive that give what was sent."""

ROUTES = words("route get post put patch delete websocket api_route view_config")
"""Decorators, by their last name, that make a function's parameters parts of a web address."""

NO_TEXT = words(
    "int float bool UUID date datetime Decimal Depends Session AsyncSession Request Response"
)
"""Annotations of parameters that hold no text of the user's."""

_MARKUP = """
html.escape cgi.escape markupsafe.escape xml.escape xml.quoteattr django.escape
flask.escape jinja2.escape jinja2.Markup.escape bleach.clean nh3.clean
django.conditional_escape django.format_html django.strip_tags tornado.xhtml_escape
tornado.escape conditional_escape format_html strip_tags xhtml_escape escape_html
bleach.linkify django.escapejs django.urlencode flask.render_template
"""
_SANITIZERS: Mapping[str, str] = {
    "os.path.basename secure_filename safe_join ntpath.basename": "CWE-22",
    "shlex.quote shlex.join pipes.quote subprocess.list2cmdline": "CWE-78",
    "shlex.split": "built",  # a list again: see taint.py
    "urllib.quote urllib.quote_plus urllib.urlencode": "CWE-22 CWE-601 CWE-918 CWE-79",
    _MARKUP: "CWE-79",
    "escape_string quote_ident quote_name": "CWE-89",
    "ast.literal_eval literal_eval": "CWE-94",
}
_CLEANERS = (
    "len bool isinstance hash UUID type getenv hasattr url_for reverse sha256 sha512 sha1 md5"
    " hexdigest jsonify dumps ord id uuid4 uuid5 strptime"
)
SANITIZERS: Mapping[str, frozenset[str]] = {
    **by_name((names, words(gone)) for names, gone in _SANITIZERS.items()),
    **dict.fromkeys(_CLEANERS.split(), FLOWS),
}
"""By package and last name, or by the last name alone: what a call's result is not dangerous for.
"""

UNKNOWN_QUOTES: Mapping[str, frozenset[str]] = {
    "quote": frozenset(
        {"CWE-78", "CWE-22", "CWE-601", "CWE-918"}
    ),  # shlex.quote, urllib.parse.quote
    **dict.fromkeys(("escape", "clean", "linkify"), frozenset({"CWE-79"})),
    "basename": frozenset({"CWE-22"}),
}
"""The same for names whose import is not shown."""

NO_SANITIZERS = frozenset(["re.escape", "glob.escape", "json.dumps"])

SANITIZING_NAME = re.compile(
    r"saniti[sz]e|escape|clean|safe(?!_load)|valid|slugify|antixss|within|base_?name|filename_from",
    re.IGNORECASE,
)
"""A function of the program's own with such a name is believed."""

VALIDATING_NAME = re.compile(
    r"valid|allowed|check|ensure|verify|is_safe|saniti[sz]e|permitted", re.IGNORECASE
)

NUMBERS = frozenset({"int", "float"})
CLAMPS = frozenset({"min", "max", "abs"})

CONTENT_CHECKS = words("isdigit isalnum isalpha isdecimal isnumeric isidentifier")
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

_SINKS: Mapping[str, str] = {
    "CWE-22": (
        "open io.open os.open codecs.open os.remove os.unlink os.rmdir os.removedirs os.listdir"
        " os.scandir os.walk os.mkdir os.makedirs os.rename os.replace os.chmod os.stat os.truncate"
        " shutil.rmtree shutil.copy shutil.copy2 shutil.copyfile shutil.copytree shutil.move"
        " shutil.unpack_archive flask.send_file send_file django.FileResponse FileResponse"
        " starlette.FileResponse fastapi.FileResponse aiohttp.FileResponse zipfile.ZipFile"
        " tarfile.open aiofiles.open gzip.open bz2.open lzma.open linecache.getlines numpy.loadtxt"
        " quart.send_file sanic.file PIL.open Image.open"
    ),
    "CWE-78": (
        "os.system os.popen os.popen2 os.popen3 os.popen4 popen2.popen2 subprocess.getoutput"
        " subprocess.getstatusoutput commands.getoutput commands.getstatusoutput"
        " asyncio.create_subprocess_shell .exec_command pexpect.run pexpect.spawn fabric.run"
        " fabric.sudo invoke.run pty.spawn"
    ),
    "CWE-79": (
        "django.HttpResponse HttpResponse django.HttpResponseBadRequest HttpResponseBadRequest"
        " django.HttpResponseNotFound django.HttpResponseForbidden django.HttpResponseServerError"
        " flask.make_response make_response flask.Markup markupsafe.Markup jinja2.Markup Markup"
        " django.mark_safe mark_safe django.SafeString SafeString django.SafeText flask.Response"
        " werkzeug.Response Response fastapi.HTMLResponse starlette.HTMLResponse HTMLResponse"
        " sanic.html webob.Response"
    ),
    "CWE-89": (
        ".execute .executemany .executescript .raw .read_sql .read_sql_query .execute_sql"
        " .exec_driver_sql .fetchrow .fetchval .mogrify .execute_query RawSQL django.RawSQL"
        " sqlalchemy.text psycopg2.SQL psycopg.SQL pandas.read_sql pandas.read_sql_query"
    ),
    "CWE-94": (
        "builtins.eval builtins.exec builtins.compile eval exec compile execfile __import__"
        " importlib.import_module flask.render_template_string render_template_string"
        " jinja2.Template django.Template mako.Template Template .from_string runpy.run_path"
        " code.runsource .run_cell numexpr.evaluate .eval_js pandas.eval"
    ),
    "CWE-502": (
        "pickle.loads pickle.load pickle.Unpickler cPickle.loads cPickle.load _pickle.loads"
        " _pickle.load dill.loads dill.load cloudpickle.loads cloudpickle.load marshal.loads"
        " marshal.load jsonpickle.decode jsonpickle.loads yaml.unsafe_load yaml.unsafe_load_all"
        " yaml.full_load yaml.full_load_all yaml.load yaml.load_all shelve.open joblib.load"
        " torch.load pandas.read_pickle compress_pickle.load compress_pickle.loads"
    ),
    "CWE-601": (
        "redirect flask.redirect django.redirect HttpResponseRedirect django.HttpResponseRedirect"
        " django.HttpResponsePermanentRedirect RedirectResponse starlette.RedirectResponse"
        " fastapi.RedirectResponse .redirect aiohttp.HTTPFound bottle.redirect"
    ),
    "CWE-611": (
        "xml.parse xml.parseString minidom.parseString minidom.parse sax.parseString sax.parse"
    ),
    "CWE-918": (
        "urllib.urlopen request.urlopen urllib2.urlopen urlopen urllib.urlretrieve"
        " request.urlretrieve urllib3.request urllib.URLopener.open pycurl.setopt wget.download"
        " .fetch_url"
    ),
}
_CLIENT_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "stream")
_CLIENTS = ("requests", "httpx", "aiohttp", "requests_html", "httplib2", "treq")
PATH_METHODS = ("read_text", "read_bytes", "write_text", "write_bytes", "unlink", "open", "rmdir")

SINK_OF: Mapping[str, tuple[str, int]] = {
    **by_name((names, (cwe, 0)) for cwe, names in _SINKS.items()),
    **{
        f"{client}.{verb}": ("CWE-918", 0)
        for client, verb in itertools.product(_CLIENTS, _CLIENT_VERBS)
    },
    **{f"{client}.request": ("CWE-918", 1) for client in _CLIENTS},
    "urllib3.request": ("CWE-918", 1),
    "urllib3.urlopen": ("CWE-918", 1),
    "tornado.fetch": ("CWE-918", 0),
    "pandas.read_sql": ("CWE-89", 0),
    **{f".{method}": ("CWE-22", RECEIVER) for method in PATH_METHODS},
    ".save": ("CWE-22", 0),
    ".subprocess_shell": ("CWE-78", 1),
}
"""Calls that must not get tainted input: the class of flaw, and the position that decides.
"package.name" for what is imported (or written so); a bare name for what is not; ".execute" is a
method of anything."""

SECOND_TOO = words(
    "os.rename os.replace shutil.copy shutil.copy2 shutil.copyfile shutil.copytree shutil.move"
)

NO_METHODS = frozenset(["PIL", "webbrowser", "zipfile", "tarfile", "string"])
"""Packages whose methods are not the dangerous ones of the same name: `ZipFile.open` opens a
member."""

BUILDERS = words(
    "select insert update delete filter filter_by where having join outerjoin order_by group_by"
    " and_ or_ not_ bindparam on_conflict_do_nothing on_conflict_do_update returning options"
)
"""Makers of statements that keep what they are given apart (SQLAlchemy and its like), as
`values(name=name)` does."""

SINK_KEYWORDS = words(
    "url path file filename query sql cmd command args directory path_or_file content dst"
)

RUNNER = re.compile(
    r"(^|_)((run|exec|execute|call|invoke|send)_?(on_)?(ssh|cli|cliq|cmd|command|shell|remote|sudo|bash|process)|"
    r"(ssh|cli|cliq|cmd|command|shell|remote|bash|process)_?(run|exec|execute|call|invoke|output)|sudo|"
    r"shell_exec|getoutput)",
    re.IGNORECASE,
)
"""Names of functions that run a command line."""

FOLDER = re.compile(
    r"(^|_)(path|dir|directory|folder|root|home|base|storage|cwd|prefix)$|dir$|path$"
)
"""Names of folders, in lower case."""

SHELLS = words("sh bash zsh dash ash ksh cmd cmd.exe powershell powershell.exe pwsh")
RUN_TEXT = re.compile(r"-\w*c|/[ck]|-Command", re.IGNORECASE)
"""The option of a shell behind which stands what it runs."""
PAGE_WRITERS = ("self.write", "response.write", "response.out.write", "wfile.write", "resp.write")
"""Ends of names that write into the page that is sent (Tornado, webapp2, http.server)."""

SHELL_CALLS = frozenset(["run", "call", "check_call", "check_output", "Popen"])
"""Functions of subprocess, and what wraps it, that take a shell if they are told to."""

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
