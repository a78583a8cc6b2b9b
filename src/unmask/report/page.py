"""What makes the page one file that asks the network for nothing: scripts inside, a policy that
forbids the rest."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import importlib.resources
import json
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

PLOTLY = "plotly/plotly-basic.min.js"


def source(name: str) -> str:
    """A file that comes with this package."""
    return importlib.resources.files("unmask.report").joinpath(name).read_text(encoding="utf-8")


def inline(script: str) -> str:
    """A script that can stand between tags: it may not close its own tag, and line ends are as a
    parser leaves them."""
    return (
        script.replace("\r\n", "\n")
        .replace("\r", "\n")
        .replace("</script", "<\\/script")
        .replace("<!--", "<\\!--")
    )


def inert(value: Any) -> Markup:
    """JSON that no HTML parser can take for anything else."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def policy(scripts: Sequence[str]) -> str:
    """Nothing from anywhere; only these very scripts run; styles and drawn images may be inside the
    page."""
    digests = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts
    ]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:;"
        " base-uri 'none'; form-action 'none'"
    )


@functools.cache
def plotly() -> tuple[str, Markup]:
    """Plotly's script, and the same as the page carries it: compressed, as base64, which the page's
    script unpacks."""
    script = inline(source(PLOTLY))
    return script, Markup(base64.b64encode(gzip.compress(script.encode(), 9, mtime=0)).decode())
