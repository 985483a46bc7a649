"""What a run of the end-to-end tests leaves for the search for leaked keys (leaks.py).

Nothing happens unless UNDERSTUDY_ARTEFACTS names a folder. Then `support` keeps there, below kept/,
the output of every proxy and verb, each proxy's metrics, status, events and page as they were when
the test ended, its log files, and every problem document that a client got. keys.jsonl lists the
keys that the tests used: those in a config, in a process's environment or arguments are found by
themselves; a test that makes up a key in another place says so with `register_key`, or takes it
from `new_key`.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import pathlib
import re
import secrets
import threading
import urllib.request

SHORTEST = 12  # a shorter text would be found by chance

test = "outside a test"  # the id of the test that is running
_lock = threading.Lock()
_numbers = itertools.count(1)
_registered: set[str] = set()


def folder() -> pathlib.Path | None:
    name = os.environ.get("UNDERSTUDY_ARTEFACTS")
    return pathlib.Path(name) if name else None


def register_key(key: str) -> str:
    """Says that `key` must not be found in anything that is kept; returns it."""
    into = folder()
    if into and len(key) >= SHORTEST:
        with _lock:
            if key not in _registered:
                _registered.add(key)
                into.mkdir(parents=True, exist_ok=True)
                with open(into / "keys.jsonl", "a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": key, "test": test}) + "\n")
    return key


def new_key() -> str:
    """A random key that needs escaping in URLs, JSON and HTML. Its beginning must not leak either."""
    key = secrets.token_hex(10) + '/+"&' + secrets.token_hex(10) + "=="
    register_key(key[:16])
    return register_key(key)


def register_config(config):
    """The keys written in a config; ${VARIABLES} and files are not."""

    def walk(node, name=""):
        if isinstance(node, dict):
            for key, value in node.items():
                inside = name in ("keys", "cookie_keys") or (name == "secret_header" and key == "value")
                walk(value, "secret" if inside else key)
        elif isinstance(node, list):
            for value in node:
                walk(value, "secret" if name in ("keys", "cookie_keys") else name)
        elif isinstance(node, str) and name in ("secret", "key", "token") and "${" not in node:
            if "/" not in node or not os.path.exists(node):  # a TLS key is a file name
                register_key(node)

    if folder() and isinstance(config, dict):
        walk(config)


def register_process(arguments, environment):
    """Keys given to a process: after --...key..., or in a variable named like one."""
    if not folder():
        return
    for name, value in (environment or {}).items():
        if re.search(r"KEY|SECRET|TOKEN", name):
            register_key(str(value))
    arguments = [str(a) for a in arguments]
    for option, value in zip(arguments, arguments[1:] + [""]):
        name, _, joined = option.partition("=")
        if not re.match(r"--\S*(key|secret|token)", name):
            continue
        value = joined or value
        if os.path.exists(value):
            register_key_file(value)
            continue
        if not value.startswith("--"):
            register_key(value.rpartition("=")[2] if re.match(r"[\w./-]+=", value) else value)


def register_key_file(path: str):
    """Every text in a JSON file with keys; a file of another kind holds none of these."""

    def walk(node):
        if isinstance(node, str):
            register_key(node)
        for inside in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            walk(inside)

    try:
        walk(json.loads(pathlib.Path(path).read_text(encoding="utf-8")))
    except ValueError:
        pass


def keep(name: str, content: str | bytes):
    into = folder()
    if not into or not content:
        return
    plain = re.sub(r"[^\w.-]+", "_", f"{test.rpartition('.')[2]}-{name}")[:150]
    (into / "kept").mkdir(parents=True, exist_ok=True)
    path = into / "kept" / f"{os.getpid()}-{next(_numbers):05d}-{plain}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))


def keep_pages(name: str, admin: str):
    """What a proxy's admin listener shows just now; a page that cannot be had is left out."""
    if not folder():
        return
    for page in ("/metrics", "/api/status", "/api/events", "/"):
        try:
            with urllib.request.urlopen(admin + page, timeout=2) as answer:
                keep(f"{name}{page}", answer.read(64 << 20))
        except (OSError, http.client.HTTPException):
            pass


def keep_answer(name: str, status: int, headers, body: bytes):
    """A problem document: the proxy's own words to a client, who is entitled to no key in them."""
    if folder() and status >= 400 and "problem+json" in (headers.get("Content-Type") or ""):
        keep(f"{name}-{status}", str(headers).encode() + body)


def keep_files(where: pathlib.Path):
    """Logs, reports and the proxy's own database in a test's folder; not its configs and key files."""
    if not folder():
        return
    for path in sorted(where.rglob("*")):
        wanted = path.suffix in (".log", ".html", ".xml", ".md") or re.search(r"(ledger|directory)\S*\.db", path.name)
        if wanted and path.is_file() and path.stat().st_size:
            keep(path.name, path.read_bytes())
