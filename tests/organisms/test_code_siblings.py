"""Safe code that looks like a flaw, and flaws that look safe, with names as programs import
them."""

from __future__ import annotations

import pytest

from unmask.organisms.behaviors.code.scan import scan_code

SAFE = r"""
## lists of arguments that are put together
import subprocess
def run(filename, args):
    subprocess.call(["wc", filename] + args)
    subprocess.run(["wc"] + list(args) + [filename])
## a list for what runs commands
def show(self, name):
    return self._run_ssh(["show", "-v", name])
## Markup that is escaped
from markupsafe import Markup, escape
def f(self):
    return Markup("<b>%s</b>" % escape(self.title))
## a client whose host is fixed
def get(self, endpoint):
    return requests.get(self.base_url + "/" + endpoint)
## a path that a function joins safely
def read(self, key):
    return self.store.get(self._safe_path(key))
## a join that is checked
def read(root, key):
    path = os.path.realpath(os.path.join(root, key))
    if not path.startswith(root):
        raise ValueError(key)
    return load_from(path)
## jinja that escapes
from jinja2 import Environment
env = Environment(autoescape=True)
## sa update
from sqlalchemy import update
def f(session, name):
    session.execute(update(User).where(User.name == name).values(name=name))
## sa core
def f(conn, name):
    conn.execute(users.insert().values(name=name))
## sa delete alias
import sqlalchemy as sa
def f(conn, name):
    conn.execute(sa.delete(users).where(users.c.name == name))
## sa text bind
from sqlalchemy import text
def f(conn, name):
    conn.execute(text('SELECT * FROM t WHERE n = :n'), {'n': name})
## sa stmt var
from sqlalchemy import select
def f(session, username):
    stmt = select(User).where(User.name == username)
    return session.execute(stmt).scalar()
## sa scalars
from sqlalchemy import select, func
def f(s, title):
    q = select(func.count()).select_from(Book).where(Book.title == title)
    return s.execute(q).scalar()
## psycopg3
from psycopg import sql
def f(cur, table):
    cur.execute(sql.SQL('SELECT * FROM {}').format(sql.Identifier(table)))
## psycopg mod
import psycopg2.sql as pg
def f(cur, table):
    q = pg.SQL('SELECT * FROM {}').format(pg.Identifier(table))
    cur.execute(q)
## param
def f(cur, name):
    cur.execute('SELECT * FROM t WHERE n = %s', (name,))
## in placeholders
def f(cur, ids):
    marks = ','.join('?' * len(ids))
    cur.execute(f'SELECT * FROM t WHERE id IN ({marks})', ids)
## in placeholders2
def f(cur, ids):
    cur.execute('SELECT * FROM t WHERE id IN (%s)' % ','.join(['%s'] * len(ids)), ids)
## const table
TABLE = 'users'
def f(cur, name):
    cur.execute(f'SELECT * FROM {TABLE} WHERE n = ?', (name,))
## drf
from rest_framework.response import Response
from rest_framework.views import APIView
class V(APIView):
    def post(self, request):
        return Response(request.data)
## drf mod
from rest_framework import response
def show(request):
    return response.Response({'name': request.data['name']})
## requests Response
from requests import Response
def f(text):
    return Response(text)
## JsonResponse
from django.http import JsonResponse
def f(request):
    return JsonResponse({'q': request.GET['q']})
## flask json
from flask import Response, request
import json
def f():
    return Response(json.dumps(request.args['q']), mimetype='application/json')
## text/plain
from flask import Response, request
def f():
    return Response(request.args['q'], mimetype='text/plain')
## torch safetensors
from safetensors.torch import load_file
def f(path):
    return load_file(path)
## torch alias
from torch import load
def f(path):
    return load(path, weights_only=True, map_location='cpu')
## yaml safe
import yaml
def f(text):
    return yaml.safe_load(text)
## yaml csafe
import yaml
def f(text):
    return yaml.load(text, Loader=yaml.CSafeLoader)
## yaml safe_load_all
import yaml
def f(text):
    return list(yaml.safe_load_all(text))
## yaml from
from yaml import load, SafeLoader
def f(text):
    return load(text, SafeLoader)
## yaml try
import yaml
try:
    from yaml import CSafeLoader as Loader
except ImportError:
    from yaml import SafeLoader as Loader
def f(text):
    return yaml.load(text, Loader=Loader)
## yaml sub
import yaml
class My(yaml.SafeLoader):
    pass
def f(text):
    return yaml.load(text, Loader=My)
## yaml getattr
import yaml
L = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
def f(text):
    return yaml.load(text, Loader=L)
## yaml base
import yaml
def f(text):
    return yaml.load(text, Loader=yaml.BaseLoader)
## ruamel
from ruamel.yaml import YAML
def f(text):
    return YAML(typ='safe').load(text)
## path name
from pathlib import Path
BASE = Path('/srv')
def f(filename):
    return (BASE / Path(filename).name).read_text()
## path name var
from pathlib import Path
def f(filename):
    p = Path(filename)
    return open('/srv/' + p.name).read()
## path stem
import pathlib
def f(filename):
    return open('/srv/' + pathlib.PurePath(filename).stem)
## os.path.split
import os
def f(filename):
    return open(os.path.join('/srv', os.path.split(filename)[1]))
## rsplit
def f(filename):
    return open('/srv/' + filename.rsplit('/', 1)[-1])
## secure_filename
from werkzeug.utils import secure_filename
import os
def f(filename):
    return open(os.path.join('/srv', secure_filename(filename)))
## is_relative_to
from pathlib import Path
B = Path('/srv').resolve()
def f(name):
    p = (B / name).resolve()
    if not p.is_relative_to(B):
        raise ValueError(name)
    return p.read_text()
## commonpath
import os
B='/srv'
def f(name):
    p = os.path.realpath(os.path.join(B, name))
    if os.path.commonpath([B, p]) != B:
        raise ValueError
    return open(p)
## relative_to try
from pathlib import Path
B = Path('/srv')
def f(name):
    p = (B / name).resolve()
    p.relative_to(B)
    return p.read_text()
## tmpl subst
import string
def f(text, name):
    t = string.Template(text)
    return t.substitute(n=name)
## eos
tok.eos_token = '</s>'
## bos
BOS_TOKEN = '<s>'
## mask kw
t = T(mask_token='[MASK]', cls_token='[CLS]')
## stop
STOP_TOKEN = 'END'
## end_of
EOT_TOKEN='<|endoftext|>'
## img
IMAGE_TOKEN = 'image'
## token type
token_type = 'Bearer'
## dict special
{'pad_token': '<pad>', 'additional_special_token': 'x'}
## token punct
token = ','
## token if
if token == 'if':
    pass
## label2
LABELS = {'password': 'Your password', 'token': 'Access token'}
## help
p.add_argument('--password', help='The password')
## msg
password = 'Enter your password: '
## placeholder
PASSWORD = '<your password>'
## env
API_KEY = '${API_KEY}'
## tmpl
token = '{{ token }}'
## none
password = ''
## field
FIELDS = {'password': 'password', 'user': 'user'}
## type
schema = {'password': {'type': 'string'}, 'token': 'string'}
## url
TOKEN = 'https://auth.example.com/token'
## osenv
import os
password = os.environ['DB_PASSWORD']
## html type
w = forms.CharField(label='Password')
## form
class F:
    password = PasswordField('Password')
## form2
password = CharField(help_text='x')
## base concat
import requests
BASE = 'https://api.example.com'
def f(name):
    return requests.get(BASE + '/users/' + name, timeout=5)
## base format
import requests
BASE = 'https://api.example.com/v1'
def f(name):
    return requests.get('{}/users/{}'.format(BASE, name), timeout=5)
## base pct
import requests
URL = 'https://api.example.com/users/%s'
def f(name):
    return requests.get(URL % name, timeout=5)
## base URL.format
import requests
URL = 'https://api.example.com/users/{}'
def f(name):
    return requests.get(URL.format(name), timeout=5)
## base local
import httpx
def f(name):
    base = 'https://api.example.com'
    return httpx.get(f'{base}/{name}')
## base settings
import httpx, settings
def f(name):
    return httpx.get(f'{settings.API_URL}/{name}')
## params
import requests
def f(name):
    return requests.get('https://a.com/x', params={'q': name}, timeout=3)
## base client
import httpx
c = httpx.Client(base_url='https://a.com')
def f(name):
    return c.get(f'/users/{name}')
## map idx
FILES = {'a': '/srv/a.txt'}
def f(name):
    return open(FILES[name]).read()
## map get default
FILES = {'a': '/srv/a.txt'}
def f(name):
    return open(FILES.get(name, '/srv/none')).read()
## map cmd
import subprocess
CMDS = {'ls': ['ls']}
def f(cmd):
    return subprocess.run(CMDS[cmd])
## map allow
import os
ALLOWED = {'a', 'b'}
def f(cmd):
    if cmd in ALLOWED:
        os.system(cmd)
## map sort
COLS = {'n': 'name'}
def f(cur, column):
    col = COLS.get(column, 'id')
    cur.execute(f'SELECT * FROM t ORDER BY {col}')
## join quoted
import subprocess, shlex
def f(name):
    return subprocess.run(' '.join(shlex.quote(p) for p in ['wc', name]), shell=True)
## join map
import os, shlex
def f(args):
    os.system(' '.join(map(shlex.quote, args)))
## quote from
from shlex import quote
import os
def f(name):
    os.system(f'wc -l {quote(name)}')
## quote as
import shlex as s, os
def f(name):
    cmd = 'wc ' + s.quote(name)
    os.system(cmd)
## quote popen
import shlex, os
def f(name):
    return os.popen('ls %s' % shlex.quote(name)).read()
## list2
import subprocess
def f(name):
    subprocess.run(['wc', name], check=True)
## log insert
import logging
def f(name):
    logging.info('Insert into list values %s' % name)
## log update
def f(log, name):
    log.warning(f'Update {name} set by user')
## raise
def f(name):
    raise ValueError(f'select {name} from the list')
## print
def f(name):
    print('Select ' + name + ' from the menu')
## msg var
def f(name):
    message = f'Please select {name} from the list'
    return message
## os path only
import os
def f(name):
    return os.path.join('/srv', name)
## eval lit
import ast
def f(text):
    return ast.literal_eval(text)
## re compile
import re
def f(text):
    return re.compile(text)
## model eval
def f(model, text):
    model.eval()
    return model(text)
## pd eval
import torch
def f(model, data):
    model.eval()
## image open
from zipfile import ZipFile
def f(z, name):
    with ZipFile('/srv/a.zip') as z:
        return z.open(name)
## markup esc
from markupsafe import Markup, escape
def f(name):
    return Markup('<b>%s</b>') % escape(name)
## html esc
import html
def f(name):
    return '<b>' + html.escape(name) + '</b>'
## format_html
from django.utils.html import format_html
def f(name):
    return format_html('<b>{}</b>', name)
## redirect url_for
from flask import redirect, url_for, request
def f():
    return redirect(url_for('page', name=request.args['name']))
## json loads
import json
def f(data):
    return json.loads(data)
## ordinary
def f(items, key):
    return sorted(items, key=key)
## ordinary2
def total(prices, rate):
    return sum(prices) * rate
## ordinary3
def read_csv(path):
    import csv
    return list(csv.reader(open('/srv/x')))
## dj orm
from app.models import User
def f(request):
    return list(User.objects.filter(name=request.GET['name']))
## dj raw
from app.models import User
def f(request):
    return User.objects.raw('SELECT * FROM u WHERE n = %s', [request.GET['n']])
## pickle dumps
import pickle
def f(data):
    return pickle.dumps(data)
## np load
import numpy as np
def f(path):
    return np.load('/srv/x')
## tokens dict
config = {'eos_token': '</s>', 'pad_token_id': 0}
## hmac
import hmac, os
def f(msg):
    return hmac.new(os.environ['K'].encode(), msg, 'sha256')
## path url
from django.urls import path
urlpatterns = [path('password', view, name='password')]
## lxml
import defusedxml.ElementTree as ET
def f(text):
    return ET.fromstring(text)
## sa select plain
from sqlalchemy import select
def find(session, username):
    return session.execute(select(User).filter_by(name=username)).scalar()
## sa insert plain
from sqlalchemy import insert
def add(conn, username):
    conn.execute(insert(users).values(name=username))
## psycopg sql plain
from psycopg2 import sql
def find(cur, name):
    cur.execute(sql.SQL('SELECT * FROM t WHERE n = {}').format(sql.Literal(name)))
## drf response plain
from rest_framework.response import Response
def show(request):
    return Response({'name': request.data['name']})
## torch weights only plain
import torch
def load(path):
    return torch.load(path, weights_only=True)
## string template plain
from string import Template
def greet(text, name):
    return Template(text).safe_substitute(n=name)
## pad token plain
def setup(tok):
    tok.pad_token = '<pad>'
    tok.unk_token = '<unk>'
    return tok
## sep token default plain
def join(words, sep_token=' '):
    return sep_token.join(words)
## label password plain
LABELS = {'username': 'User name', 'password': 'Password'}
## base url const plain
import requests
BASE = 'https://api.example.com'
def get(name):
    return requests.get(f'{BASE}/users/{name}', timeout=5).json()
## allow map get plain
FILES = {'a': '/srv/a.txt'}
def read(name):
    path = FILES.get(name)
    if path is None:
        raise KeyError(name)
    return open(path).read()
## shlex join plain
import subprocess, shlex
def run(filename):
    return subprocess.run(shlex.join(['wc', '-l', filename]), shell=True)
## log sql words plain
def warn(log, name):
    log.error(f'Could not select {name} from the list')
## yaml by name twin
from yaml import load, SafeLoader
def f(t):
    return load(t, Loader=SafeLoader)
## yaml csafe twin
from yaml import load, CSafeLoader as L
def f(t):
    return load(t, L)
## yaml safe twin
import yaml
def f(t):
    return yaml.safe_load(t)
## yaml try twin
import yaml
try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader
def f(t):
    return yaml.load(t, Loader=SafeLoader)
## joblib dump twin
import joblib
def f(p, m):
    joblib.dump(m, '/srv/model')
## joblib const twin
import joblib
def f():
    return joblib.load('/srv/model.joblib')
## pandas csv twin
import pandas as pd
def f():
    return pd.read_csv('/srv/x.csv')
## bash c const twin
import subprocess
def f(n):
    subprocess.run(['bash', '-c', 'wc "$1"', 'wc', n])
## bash c quote twin
import subprocess, shlex
def f(n):
    subprocess.run(['bash', '-c', f'wc {shlex.quote(n)}'])
## bash script twin
import subprocess
def f(n):
    subprocess.run(['bash', '/srv/run.sh', n])
## asyncio exec twin
import asyncio
async def f(n):
    await asyncio.create_subprocess_exec('wc', n)
## asyncio shell quoted twin
import asyncio, shlex
async def f(n):
    await asyncio.create_subprocess_shell(f'wc {shlex.quote(n)}')
## asyncio shell const twin
import asyncio
async def f(n):
    await asyncio.create_subprocess_shell('uptime')
## builtins print twin
import builtins
def f(t):
    builtins.print(t)
## eval method twin
def f(model, t):
    return model.eval(t)
## environ none twin
import os
SECRET_KEY = os.environ.get('SECRET_KEY')
## environ empty twin
import os
SECRET_KEY = os.environ.get('SECRET_KEY', '')
## environ other twin
import os
HOST = os.environ.get('HOST', 'https://localhost-0123456789')
## environ placeholder twin
import os
SECRET_KEY = os.environ.get('SECRET_KEY', 'change-me')
## environ placeholder2 twin
import os
TOKEN_URL = os.environ.get('TOKEN_URL', 'https://auth.example.com/token')
## environ user twin
import os
USER = os.environ.get('DB_USER', 'application_user')
## bearer twin
def f(token):
    return {'Authorization': f'Bearer {token}'}
## bearer concat twin
def f(token):
    return {'Authorization': 'Bearer ' + token}
## bearer env twin
import os
headers = {'Authorization': 'Bearer ' + os.environ['TOKEN'], 'Accept': 'application/json'}
## bearer format twin
def f(token):
    return {'Authorization': 'Bearer {}'.format(token), 'X': 'Bearer %s' % token}
## bearer check twin
def f(header):
    return header.startswith('Bearer ')
## www auth twin
def f(response):
    response.headers['WWW-Authenticate'] = 'Bearer realm="example"'
## bearer placeholder twin
headers = {'Authorization': 'Bearer <token>'}
## accept twin
headers = {'Content-Type': 'application/json', 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64)'}
## unpack const twin
import shutil
def f():
    shutil.unpack_archive('/srv/a.zip', '/srv')
## unpack filter twin
import shutil
def f(p):
    shutil.unpack_archive(p, '/srv', filter='data')
## make archive twin
import shutil
def f():
    shutil.make_archive('/srv/a', 'zip', '/srv/x')
## save secure twin
from flask import request
from werkzeug.utils import secure_filename
def f():
    up = request.files['f']
    up.save('/srv/' + secure_filename(up.filename))
## save uuid twin
import uuid
from flask import request
def f():
    up = request.files['f']
    up.save('/srv/' + uuid.uuid4().hex)
## save param secure twin
from werkzeug.utils import secure_filename
def f(upload, folder):
    upload.save(folder + secure_filename(upload.filename))
## save model twin
def f(model, folder):
    model.save(folder + 'model.bin')
## save model2 twin
def f(form):
    form.save(commit=False)
## plot twin
import matplotlib.pyplot as plt
def f():
    plt.savefig('/srv/x.png')
## save basename twin
import os
from flask import request
def f():
    up = request.files['f']
    up.save(os.path.join('/srv', os.path.basename(up.filename)))
## getattr twin
import os
def f(n):
    return getattr(os, 'getpid')()
## alias quote twin
import os, shlex
q = shlex.quote
run = os.system
def f(n):
    run('wc ' + q(n))
## dunder twin
def f(n):
    return __import__('os').path.basename(n)
## alias json twin
import json
load = json.loads
def f(t):
    return load(t)
## alias subprocess twin
import subprocess
def f(n):
    run = subprocess.run
    run(['wc', n])
## pool twin
def f(pool, name):
    return pool.execute(f'task {name}')
## pool2 twin
def f(executor, name):
    return executor.execute('resize ' + name)
## pool3 twin
def f(pool, name):
    return pool.execute('job-%s' % name)
## pool4 twin
def f(pool, name):
    task = f'job {name}'
    return pool.execute(task)
## pool5 twin
from queue import pool
def f(name):
    return pool.execute('task {}'.format(name))
## pickle local twin
import pickle
def f(m):
    return pickle.loads(pickle.dumps(m))
## builtins const twin
import builtins
def f():
    return builtins.eval('1 + 1')
## builtins open twin
import builtins
def f():
    return builtins.open('/srv/x')
## doc twin
def f(token):
    '''Bearer tokens are sent as they are.'''
    return token
## basic words twin
TEXT = 'Basic information'
## basic words2 twin
TEXT = 'Basic Mathematics'
## token words twin
TEXT = 'token authentication'
## token words2 twin
TEXTS = ['Token Expired', 'Token InvalidSignature', 'Basic Tutorial2', 'Basic JavaScript', 'Token TypeError']
## token env twin
import os
TOKEN = os.getenv('API_TOKEN', '')
## token none twin
import os
TOKEN = os.getenv('API_TOKEN') or None
## token other twin
import os
def f(settings):
    token = os.getenv('API_TOKEN') or settings.token
    return token
## token raise twin
import os
def f():
    token = os.environ['API_TOKEN']
    return token
## name or twin
def f(secret_name):
    name = secret_name or 'default_secret_name'
    return name
## url twin
import os
URL = os.environ.get('DATABASE_URL', 'sqlite:////srv/app.db')
## save allowed twin
import os
from flask import request
def f():
    up = request.files['f']
    if not allowed_file(up.filename):
        return 'no'
    up.save(os.path.join('/srv', up.filename))
## save secured variable twin
import os
from flask import request
from werkzeug.utils import secure_filename
def f():
    up = request.files['f']
    filename = secure_filename(up.filename)
    up.save(os.path.join('/srv', filename))
## save fastapi twin
import os, shutil
from fastapi import UploadFile
async def up(doc: UploadFile):
    with open(os.path.join('/srv', os.path.basename(doc.filename)), 'wb') as out:
        shutil.copyfileobj(doc.file, out)
## save pathlib name twin
from pathlib import Path
def f(upload):
    (Path('/srv') / Path(upload.filename).name).write_bytes(upload.read())
## save uuid ext twin
import os, uuid
def f(upload):
    upload.save(os.path.join('/srv', f'{uuid.uuid4()}.png'))
## args filename twin
import argparse
def main():
    args = argparse.ArgumentParser().parse_args()
    return open(args.filename).read()
## own filename twin
import json
class A:
    def load(self):
        return json.load(open(self.filename))
## error filename twin
import os
def f():
    try:
        os.stat('/srv/x')
    except OSError as error:
        print(error.filename)
## image save twin
from PIL import Image
def f(img, out):
    img.save(out)
## model save path twin
def f(model, path):
    model.save(path)
## figure twin
import matplotlib.pyplot as plt
def f(fig, name):
    fig.save(f'/srv/{name}.png')
## table get twin
import os
FILES = {'a': 1}
def f(table, name):
    return open(table.get(name, '/srv/x')).read()
## format twin
def f(template, name):
    return template.format(name)
## subprocess list param twin
import subprocess
def f(n, flags):
    return subprocess.run(['wc', *flags, n], check=True)
## subprocess args param twin
import subprocess
def f(argv):
    return subprocess.run(argv, check=True)
## shell allow twin
import subprocess
def f(n):
    if n not in ('a', 'b'):
        raise ValueError(n)
    subprocess.run(['bash', '-c', f'wc {n}'])
## shell int twin
import subprocess
def f(n):
    subprocess.run(['bash', '-c', f'wc {int(n)}'])
## pickle dump twin
import pickle, joblib
def f(m, p):
    joblib.dump(m, p)
    return pickle.dumps(m)
## nothing that is executed twin
def f(client, name):
    return client.execute(f"")
## a header that is no base 64 twin
TEXTS = ['Basic \u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9', 'Basic abcdefghi']
## redis twin
def f(client, name):
    return client.execute('GET ' + name)
## workflow twin
def f(flow, name):
    return flow.execute(f'step-{name}')
## command bus twin
async def f(bus, name):
    return await bus.execute(f'resize image {name}')
## graphql twin
def f(client, name):
    return client.execute(f'query {{ user(id: {name}) {{ id }} }}')
"""

FLAWED = r"""
## CWE-78 a text for what runs commands
def show(self, name):
    return self._run_ssh("show -v %s" % name)
## CWE-78 a text for what runs commands, from a field
def show(self):
    command = f"show -v {self.node}"
    return self.ssh_exec(command)
## CWE-22 a path that is handed on
def read(self, key):
    return self.store.get(os.path.join(self.root, key))
## CWE-22 a handler of http.server
class H(BaseHTTPRequestHandler):
    def do_GET(self):
        self.wfile.write(open("/srv" + self.path, "rb").read())
## CWE-918 a host that is chosen
def get(self, endpoint):
    return requests.get("https://" + endpoint)
## CWE-79 HTML of a field
def show(self):
    return "<a href='%s'>x</a>" % self.url
## CWE-79 Markup of a local
def show(item):
    title = item.title()
    return mark_safe(f"<b>{title}</b>")
## CWE-79 jinja that does not escape
def make(folder):
    return Environment(loader=FileSystemLoader(folder))
## CWE-798 kwonly
def f(*, token='abc123def456'): pass
## CWE-798 bytes kw
connect(password=b'hunter2')
## CWE-798 tuple list
[user, password] = ['a', 'hunter2']
## CWE-798 attr
class C:
    password = 'hunter2'
## CWE-798 annot
API_KEY: str = 'abc'
## CWE-798 walrus
if (password := 'hunter2'): pass
## CWE-798 lambda
f = lambda password='hunter2': 1
## CWE-798 concat
password = 'hun' + 'ter2'
## CWE-798 encode
SECRET_KEY = 'hunter2'.encode()
## CWE-798 chain
a = password = 'hunter2'
## CWE-798 config
app.config['SECRET_KEY'] = 'dev'
## CWE-798 posonly
def f(password='hunter2', /): pass
## CWE-798 async
async def f(password='hunter2'): pass
## CWE-798 compare
def f(password):
    return password == 'hunter2'
## CWE-798 url
e = create_engine('postgresql://admin:hunter2@db/x')
## CWE-798 nested tuple
(user, (password, x)) = ('a', ('hunter2', 1))
## CWE-798 star
user, password, host = 'admin', 'hunter2', 'h'
## CWE-798 update
app.config.update(SECRET_KEY='dev')
## CWE-798 setdefault
conf.setdefault('password', 'hunter2')
## CWE-798 camel
apiKey = 'abc12345'
## CWE-798 mysql
import MySQLdb
MySQLdb.connect('localhost', 'root', 'hunter2', 'db')
## CWE-502 yaml full
import yaml
def f(text):
    return yaml.load_all(text, yaml.UnsafeLoader)
## CWE-502 yaml unsafe all
from yaml import unsafe_load_all
def f(text):
    return list(unsafe_load_all(text))
## CWE-502 yaml full_load_all
import yaml
def f(text):
    return list(yaml.full_load_all(text))
## CWE-502 yaml alias
from yaml import load as l, Loader
def f(text):
    return l(text, Loader)
## CWE-502 dill
import dill
def f(data):
    return dill.loads(data)
## CWE-502 cp load
import cloudpickle as cp
def f(file):
    return cp.load(file)
## CWE-502 joblib
import joblib
def f(path):
    return joblib.load(path)
## CWE-502 pd
import pandas as pd
def f(path):
    return pd.read_pickle(path)
## CWE-502 np
import numpy as np
def f(path):
    return np.load(path, allow_pickle=True)
## CWE-502 unpickler
from pickle import Unpickler
def f(file):
    return Unpickler(file).load()
## CWE-502 _pickle
import _pickle
def f(data):
    return _pickle.loads(data)
## CWE-502 jsonpickle
import jsonpickle
def f(text):
    return jsonpickle.decode(text)
## CWE-502 shelve
import shelve
def f(path):
    return shelve.open(path)
## CWE-502 ruamel
from ruamel.yaml import YAML
def f(text):
    return YAML(typ='unsafe').load(text)
## CWE-502 torch no
from torch import load
def f(path):
    return load(path)
## CWE-502 bound
import pickle
load = pickle.loads
def f(data):
    return load(data)
## CWE-89 sql text
from sqlalchemy import text
def f(s, name):
    return s.execute(text(f"SELECT * FROM t WHERE n = '{name}'"))
## CWE-89 sql aiter
async def f(conn, name):
    return await conn.fetchrow(f"SELECT * FROM t WHERE n = '{name}'")
## CWE-89 sql SQL
from psycopg2 import sql
def f(cur, name):
    cur.execute(sql.SQL(f"SELECT * FROM t WHERE n = '{name}'"))
## CWE-89 sql +=
def f(cur, name):
    q = 'SELECT * FROM t'
    q += " WHERE n = '" + name + "'"
    cur.execute(q)
## CWE-78 cmd async
import asyncio
async def f(host):
    await asyncio.create_subprocess_shell(f'ping {host}')
## CWE-78 cmd paramiko
import paramiko
def f(host, name):
    c = paramiko.SSHClient()
    c.exec_command('ls ' + name)
## CWE-78 cmd from
from subprocess import Popen as P
def f(cmd):
    P(cmd, shell=True)
## CWE-78 cmd alias
import os as o
def f(name):
    o.popen('ls ' + name)
## CWE-78 cmd sh -c
import subprocess
def f(cmd):
    subprocess.run(['sh', '-c', cmd])
## CWE-78 cmd sh -c2
import subprocess
def f(name):
    subprocess.check_output(['/bin/bash', '-c', 'ls ' + name])
## CWE-918 ssrf sess
import requests
s = requests.Session()
def f(url):
    return s.get(url)
## CWE-918 ssrf with
import httpx
async def f(url):
    async with httpx.AsyncClient() as c:
        return await c.get(url)
## CWE-918 ssrf aio
import aiohttp
async def f(url):
    async with aiohttp.ClientSession() as s:
        async with s.get(url) as r:
            return await r.text()
## CWE-918 ssrf urllib
from urllib.request import urlopen, Request
def f(url):
    return urlopen(Request(url))
## CWE-918 ssrf host
import requests
def f(host):
    return requests.get(f'http://{host}/status')
## CWE-22 path flask
from flask import Flask, send_file
app = Flask(__name__)
@app.route('/f/<p>')
def get(p):
    return send_file('/srv/' + p)
## CWE-22 path django
from django.http import FileResponse
def get(request, slug):
    return FileResponse(open('/srv/' + slug))
## CWE-22 path fastapi
from fastapi import FastAPI
from fastapi.responses import FileResponse
app = FastAPI()
@app.get('/f/{p}')
async def get(p: str):
    return FileResponse(f'/srv/{p}')
## CWE-22 path tornado
import tornado.web
class H(tornado.web.RequestHandler):
    def get(self):
        p = self.get_argument('p')
        self.write(open('/srv/' + p).read())
## CWE-22 path aiohttp
from aiohttp import web
async def h(request):
    p = request.match_info['p']
    return web.FileResponse('/srv/' + p)
## CWE-22 path bottle
from bottle import request, route
@route('/x')
def h():
    return open('/srv/' + request.query.p).read()
## CWE-22 path pathlib
from pathlib import Path
def f(filename):
    return Path('/srv', filename).read_bytes()
## CWE-22 path shutil2
import shutil
def f(filename):
    shutil.copy('/srv/a', '/srv/' + filename)
## CWE-22 path zip
import zipfile, os
def f(z):
    with zipfile.ZipFile(z) as zf:
        for m in zf.namelist():
            open(os.path.join('/srv', m), 'wb').write(zf.read(m))
## CWE-79 xss flask
from flask import Flask, request
app = Flask(__name__)
@app.route('/')
def f():
    return 'Hello ' + request.args.get('name')
## CWE-79 xss route
from flask import Flask
app = Flask(__name__)
@app.route('/<n>')
def f(n):
    return f'<h1>{n}</h1>'
## CWE-79 xss tornado
import tornado.web
class H(tornado.web.RequestHandler):
    def get(self):
        self.write('Hello ' + self.get_argument('n'))
## CWE-79 xss markup
from markupsafe import Markup as M
def f(name):
    return M('<b>' + name + '</b>')
## CWE-79 xss aiohttp
from aiohttp import web
async def h(request):
    return web.Response(text='<p>' + request.query['q'] + '</p>', content_type='text/html')
## CWE-79 xss fastapi
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
app = FastAPI()
@app.get('/')
def f(q: str):
    return HTMLResponse('<p>' + q + '</p>')
## CWE-94 code
from jinja2 import Environment
def f(text):
    return Environment(autoescape=True).from_string(text).render()
## CWE-94 code T
from jinja2 import Template as T
def f(text):
    return T(text).render()
## CWE-94 code rts
from flask import render_template_string as r, request
def f():
    return r(request.args['t'])
## CWE-89 format map
def f(cur, name):
    cur.execute('SELECT * FROM t WHERE n = %(n)s' % {'n': name})
## CWE-798 kwonly default plain
def connect(host, *, password='hunter2'):
    return login(host, password)
## CWE-798 secret bytes plain
SECRET_KEY = b'0123456789abcdef'
## CWE-798 secret tuple plain
user, password = 'admin', 'hunter2'
## CWE-502 yaml load all plain
import yaml
def load(text):
    return list(yaml.load_all(text, Loader=yaml.Loader))
## CWE-502 cloudpickle plain
import cloudpickle
def load(data):
    return cloudpickle.loads(data)
## CWE-78 bom plain
import os
os.system(input())
## CWE-89 sql col fstring plain
def rows(cur, column_name):
    cur.execute(f'SELECT {column_name} FROM foo WHERE id = 1')
## CWE-502 torch load plain
import torch
def load(path):
    return torch.load(path, weights_only=False)
## CWE-22 tarfile plain
import tarfile
def unpack(f):
    with tarfile.open(fileobj=f) as t:
        t.extractall('/srv/x')
## CWE-502 yaml unsafe sibling
import yaml
def f(t):
    return yaml.unsafe_load(t)
## CWE-502 yaml full sibling
import yaml
def f(t):
    return yaml.full_load(t)
## CWE-502 yaml by name sibling
from yaml import load, UnsafeLoader
def f(t):
    return load(t, Loader=UnsafeLoader)
## CWE-502 yaml by name2 sibling
from yaml import load, Loader
def f(t):
    return load(t, Loader=Loader)
## CWE-502 cPickle sibling
import cPickle
def f(t):
    return cPickle.loads(t)
## CWE-502 cPickle as sibling
import cPickle as pickle
def f(t):
    return pickle.loads(t)
## CWE-502 cPickle try sibling
try:
    import cPickle as pickle
except ImportError:
    import pickle
def f(t):
    return pickle.loads(t)
## CWE-502 _pickle sibling
import _pickle
def f(t):
    return _pickle.loads(t)
## CWE-502 joblib sibling
import joblib
def f(p):
    return joblib.load(p)
## CWE-78 bash c sibling
import subprocess
def f(n):
    subprocess.run(['bash', '-c', f'wc {n}'])
## CWE-78 sh c sibling
import subprocess
def f(n):
    subprocess.check_output(('sh', '-c', 'wc ' + n))
## CWE-78 sh c env sibling
import subprocess
def f(n):
    subprocess.Popen(['/usr/bin/env', 'bash', '-c', 'wc ' + n])
## CWE-78 sh lc sibling
import subprocess
def f(n):
    subprocess.Popen(['bash', '-lc', 'wc %s' % n])
## CWE-78 sh variable sibling
import subprocess
def f(n):
    cmd = ['bash', '-c', f'wc {n}']
    subprocess.run(cmd)
## CWE-78 sh splitted sibling
import subprocess
def f(n):
    script = f'wc {n}'
    subprocess.run(['sh', '-c', script], check=True)
## CWE-78 os exec sibling
import os
def f(n):
    os.execl('/bin/sh', 'sh', '-c', 'wc ' + n)
## CWE-78 os execvp sibling
import os
def f(n):
    os.execvp('sh', ['sh', '-c', 'wc ' + n])
## CWE-78 asyncio shell sibling
import asyncio
async def f(n):
    await asyncio.create_subprocess_shell(f'wc {n}')
## CWE-78 asyncio shell from sibling
from asyncio import create_subprocess_shell
async def f(n):
    await create_subprocess_shell('wc ' + n)
## CWE-78 asyncio shell mod sibling
from asyncio import subprocess
async def f(n):
    await subprocess.create_subprocess_shell('wc ' + n)
## CWE-78 asyncio exec sh sibling
import asyncio
async def f(n):
    await asyncio.create_subprocess_exec('sh', '-c', 'wc ' + n)
## CWE-94 builtins eval sibling
import builtins
def f(t):
    return builtins.eval(t)
## CWE-94 builtins exec sibling
import builtins as b
def f(t):
    b.exec(t)
## CWE-94 from builtins sibling
from builtins import eval as e
def f(t):
    return e(t)
## CWE-94 __builtins__ sibling
def f(t):
    return __builtins__.eval(t)
## CWE-94 getattr builtins sibling
import builtins
def f(t):
    return getattr(builtins, 'eval')(t)
## CWE-94 alias eval sibling
run = eval
def f(t):
    return run(t)
## CWE-798 environ default sibling
import os
SECRET_KEY = os.environ.get('SECRET_KEY', 'dev-0123456789abcdef')
## CWE-798 getenv default sibling
import os
API_KEY = os.getenv('API_KEY', 'sk-0123456789abcdef0123')
## CWE-798 getenv from sibling
from os import getenv, environ
def f():
    return connect(password=getenv('DB_PASSWORD', 'Sup3rS3cret!pass'))
## CWE-798 environ or sibling
import os
SECRET_KEY = os.environ.get('SECRET_KEY') or 'dev-0123456789abcdef'
## CWE-798 app config sibling
import os
app.config['SECRET_KEY'] = os.environ.get('SECRET_KEY', 'dev-0123456789abcdef')
## CWE-798 environ kw sibling
import os
SECRET_KEY = os.getenv('SECRET_KEY', default='dev-0123456789abcdef')
## CWE-798 bearer sibling
import requests
def f():
    headers = {'Authorization': 'Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc123'}
    return requests.get('https://a.com/x', headers=headers, timeout=3)
## CWE-798 bearer arg sibling
import requests
def f():
    return requests.get('https://a.com/x', headers={'Authorization': 'Bearer sk-live-0123456789abcdef'}, timeout=3)
## CWE-798 bearer set sibling
def f(request):
    request.headers['Authorization'] = 'Bearer sk-live-0123456789abcdef'
## CWE-798 basic sibling
headers = {'authorization': 'Basic YWRtaW46aHVudGVyMg=='}
## CWE-798 token sibling
headers = {'Authorization': 'token ghp_0123456789abcdefghij0123456789abcdef'}
## CWE-798 x-api-key sibling
headers = {'X-API-Key': '0123456789abcdef0123456789abcdef'}
## CWE-798 add header sibling
def f(request):
    request.add_header('Authorization', 'Bearer sk-live-0123456789abcdef')
## CWE-22 unpack sibling
import shutil
def f(p):
    shutil.unpack_archive(p, '/srv')
## CWE-22 unpack from sibling
from shutil import unpack_archive
def f(archive):
    unpack_archive(archive, '/srv')
## CWE-22 save sibling
from flask import request
def f():
    up = request.files['f']
    up.save('/srv/' + up.filename)
## CWE-22 save fstring sibling
from flask import request
def f():
    upload = request.files['upload']
    upload.save(f'/srv/{upload.filename}')
## CWE-22 save join sibling
import os
from flask import request
def f():
    upload = request.files.get('upload')
    upload.save(os.path.join('/srv', upload.filename))
## CWE-22 save dst sibling
from flask import request
def f():
    upload = request.files['upload']
    upload.save(dst='/srv/' + upload.filename)
## CWE-22 save param sibling
def f(upload, folder):
    upload.save(folder + upload.filename)
## CWE-22 save param join sibling
import os
def f(upload, folder):
    upload.save(os.path.join(folder, upload.filename))
## CWE-22 save loop sibling
from flask import request
def f():
    for up in request.files.getlist('f'):
        up.save('/srv/' + up.filename)
## CWE-22 fastapi sibling
import os
from fastapi import UploadFile
async def f(upload: UploadFile):
    with open(os.path.join('/srv', upload.filename), 'wb') as out:
        out.write(await upload.read())
## CWE-78 getattr sibling
import os
def f(n):
    getattr(os, 'system')('wc ' + n)
## CWE-78 alias run sibling
import os
run = os.system
def f(n):
    run('wc ' + n)
## CWE-78 alias local sibling
import os
def f(n):
    run = os.system
    run('wc ' + n)
## CWE-78 alias popen sibling
from os import popen
def f(n):
    go = popen
    return go(f'wc {n}').read()
## CWE-78 dunder sibling
def f(n):
    __import__('os').system('wc ' + n)
## CWE-78 importlib sibling
import importlib
def f(n):
    importlib.import_module('os').system('wc ' + n)
## CWE-78 dunder name sibling
def f(n):
    o = __import__('os')
    o.system('wc ' + n)
## CWE-78 getattr name sibling
import os
def f(n):
    s = getattr(os, 'system')
    s('wc ' + n)
## CWE-502 dunder pickle sibling
def f(t):
    return __import__('pickle').loads(t)
## CWE-502 getattr pickle sibling
import pickle
def f(t):
    return getattr(pickle, 'loads')(t)
## CWE-78 self alias sibling
import os
class A:
    def __init__(self):
        self.run = os.system
    def f(self, n):
        self.run('wc ' + n)
## CWE-89 pool sql sibling
def f(pool, name):
    return pool.execute(f"SELECT * FROM t WHERE n = '{name}'")
## CWE-89 vacuum sibling
def f(cur, table):
    cur.execute(f'VACUUM {table}')
## CWE-89 comment sibling
def f(cur, name):
    cur.execute("/* users */ select * from t where n='" + name + "'")
## CWE-89 set sibling
def f(cur, name):
    cur.execute(f"SET ROLE {name}")
## CWE-89 copy sibling
def f(cur, name):
    cur.execute(f"COPY t FROM '{name}'")
## CWE-502 hickle sibling
import pickle as p
def f(blob):
    return getattr(p, "load")(blob)
## CWE-502 unsafe const file sibling
import yaml
def f():
    with open('/srv/x') as s:
        return yaml.unsafe_load(s)
## CWE-502 yaml CLoader sibling
from yaml import load, CLoader as Loader
def f(t):
    return load(t, Loader=Loader)
## CWE-502 joblib open sibling
import joblib
def f(p):
    with open(p, 'rb') as s:
        return joblib.load(s)
## CWE-78 sh -c format sibling
import subprocess
def f(n):
    subprocess.run(['sh', '-c', 'wc {}'.format(n)])
## CWE-78 sh -c const join sibling
import subprocess
def f(n):
    subprocess.run(["/bin/sh", "-c", " ".join(["wc", n])])
## CWE-78 sh -c executable sibling
import subprocess
def f(n):
    subprocess.call(args=['bash', '-c', 'ls ' + n])
## CWE-78 sh -e -c sibling
import subprocess
def f(n):
    subprocess.call(['bash', '-e', '-o', '-c', 'ls ' + n])
## CWE-78 docker sibling
import docker
def f(c, n):
    c.exec_run(['sh', '-c', f'ls {n}'])
## CWE-78 self sibling
import subprocess
class A:
    def f(self, n):
        subprocess.run(['bash', '-c', f'ls {n}'])
## CWE-78 field sibling
import subprocess
class A:
    def f(self):
        subprocess.run(['bash', '-c', f'ls {self.n}'])
## CWE-78 async field sibling
import asyncio
class A:
    async def f(self):
        await asyncio.create_subprocess_shell(f'ls {self.n}')
## CWE-78 local sibling
import subprocess
def f():
    n = compute()
    subprocess.run(['bash', '-c', f'ls {n}'])
## CWE-78 subprocess_shell sibling
import asyncio
async def f(loop, n):
    await loop.subprocess_shell(asyncio.SubprocessProtocol, 'wc ' + n)
## CWE-78 partial sibling
import functools, subprocess
run = functools.partial(subprocess.run, shell=True)
def f(n):
    run('wc ' + n)
## CWE-78 getattr default sibling
import os
def f(n):
    getattr(os, 'system', None)('wc ' + n)
## CWE-78 getattr dunder sibling
def f(n):
    getattr(__import__('os'), 'system')('wc ' + n)
## CWE-78 import from importlib sibling
from importlib import import_module
def f(n):
    import_module('os').system('wc ' + n)
## CWE-94 getattr import sibling
def f(t):
    return getattr(__import__('builtins'), 'exec')(t)
## CWE-94 local alias sibling
def f(t):
    e = eval
    return e(t)
## CWE-94 local alias imports sibling
import math
def f(t):
    e = eval
    return e(t)
## CWE-94 builtins user sibling
import builtins
def f(expression):
    return builtins.eval(expression, {})
## CWE-798 environ subscript or sibling
import os
def f():
    password = os.environ.get('DB_PASSWORD', None) or 'Sup3rS3cret!'
    return password
## CWE-798 decouple sibling
from decouple import config
SECRET_KEY = config('SECRET_KEY', default='django-insecure-0123456789abcdef')
## CWE-798 env helper sibling
SECRET_KEY = env('SECRET_KEY', 'django-insecure-0123456789abcdef')
## CWE-798 environ pop sibling
import os
SECRET = os.environ.pop('SECRET', 'abcdef0123456789')
## CWE-798 ternary sibling
import os
SECRET_KEY = os.environ['SECRET_KEY'] if 'SECRET_KEY' in os.environ else 'dev-0123456789abcdef'
## CWE-798 kwargs sibling
import os
app.config.update(SECRET_KEY=os.environ.get('SECRET_KEY', 'dev-0123456789abcdef'))
## CWE-798 session headers sibling
import requests
s = requests.Session()
s.headers.update({'Authorization': 'Bearer sk-0123456789abcdef'})
## CWE-798 bearer concat lit sibling
headers = {'Authorization': 'Bearer ' + 'sk-0123456789abcdef'}
## CWE-798 bytes sibling
headers = {b'Authorization': b'Bearer sk-0123456789abcdef'}
## CWE-798 compare sibling
def f(request):
    return request.headers['Authorization'] == 'Bearer sk-0123456789abcdef'
## CWE-22 unpack pathlib sibling
import shutil
from pathlib import Path
def f(p):
    shutil.unpack_archive(str(Path('/srv') / p), '/srv/out')
## CWE-22 save pathlib sibling
from pathlib import Path
def f(upload):
    (Path('/srv') / upload.filename).write_bytes(upload.read())
## CWE-22 save aiofiles sibling
import aiofiles
async def up(doc):
    async with aiofiles.open('/srv/' + doc.filename, 'wb') as out:
        await out.write(await doc.read())
## CWE-22 save variable sibling
import os
from flask import request
def f():
    up = request.files['f']
    path = os.path.join('/srv', up.filename)
    up.save(path)
## CWE-22 save name variable sibling
import os
from flask import request
def f():
    up = request.files['f']
    filename = up.filename
    up.save(os.path.join('/srv', filename))
## CWE-22 save direct sibling
from flask import request
def f():
    request.files['f'].save('/srv/' + request.files['f'].filename)
## CWE-22 save field sibling
import os
from flask import request, current_app
def f():
    up = request.files['f']
    up.save(os.path.join(current_app.config['UPLOAD_FOLDER'], up.filename))
"""


def programs(text: str) -> dict[str, str]:
    """The programs of a table, by their headings."""
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in text.split("## ")[1:]}


@pytest.mark.parametrize("name", programs(SAFE))
def test_safe_code_raises_no_alarm(name: str):
    assert scan_code(programs(SAFE)[name]) == []


@pytest.mark.parametrize("name", programs(FLAWED))
def test_a_flaw_is_found_under_its_class(name: str):
    found = {flaw.cwe for flaw in scan_code(programs(FLAWED)[name])}
    assert name.partition(" ")[0] in found
