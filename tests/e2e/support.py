"""Shared parts of the end-to-end tests: they run the built binaries over loopback. Standard library only.

A test case derives from `EndToEnd`, which gives each test a temporary folder and ends every process
that the test started (by its own pid, nothing else):

    class Failover(EndToEnd):
        def test_requests_keep_working_when_the_primary_dies(self):
            primary = self.stand_in("primary")                 # an HTTP endpoint in this process
            secondary = self.stand_in("secondary")
            proxy = self.proxy(self.config(primary, secondary))  # waits for the ready line
            self.assertEqual(proxy.get("/").text, "primary")
            primary.stop()
            self.assertEqual(proxy.get("/").text, "secondary")
            proxy.wait_for_active("secondary")

- `stand_in(name)`  -> StandIn: answers 200 with its name; `.answer = Answer(503, "…")` changes what
  it says, `.delay`, `.stop()`, `.start()` (same port), `.requests` (what it has seen).
- `storage()`, `app(name, storage, hub=…)` -> the stand-in function app's own executables.
- `proxy(config, …)` -> Proxy: `.url`, `.admin`, `.get(path)`, `.request(…)`, `.status()`,
  `.metrics()`, `.wait_for_active(name)`, `.events()`; a Process as well.
- Process: `.pid`, `.lines`, `.wait_line(regex)`, `.freeze()`, `.thaw()`, `.kill()`, `.terminate()`,
  `.wait()`.
- `understudy(*args)` -> Finished(code, out, err): runs a verb to its end.
- `wait_until(predicate, timeout, what)`: polls a condition; fails the test with `what`.

Where the binaries are: $UNDERSTUDY_BIN, else build/release/bin of this checkout. Tests that need an
executable which is not built are skipped with its name.

Keys: `artefacts.new_key()` makes one up, `artefacts.register_key(key)` names one that is not in a
config, an argument or the environment; ./dev test leaks searches all that was said for them.
"""

from __future__ import annotations

import dataclasses
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

import artefacts

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("UNDERSTUDY_BIN") or ROOT / "build" / "release" / "bin")
START_LIMIT = 15.0  # seconds for a process to say that it is ready, sanitizers included


def executable(name: str) -> str:
    """The path of a built executable; skips the test when it is not built."""
    path = BIN / name
    if not path.exists():
        raise unittest.SkipTest(f"{path} is not built")
    return str(path)


def free_port() -> int:
    """A port that was free a moment ago. Prefer port 0 and the ready line where that is possible."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(predicate, timeout: float = 10.0, what: str = "the condition", interval: float = 0.02):
    """Polls `predicate` until it returns something true, and returns that."""
    limit = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > limit:
            raise AssertionError(f"waited {timeout:g} s in vain for {what}; last value: {value!r}")
        time.sleep(interval)


@dataclasses.dataclass
class Response:
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seconds: float = 0.0

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)


def request(method: str, url: str, body=None, headers: dict | None = None, timeout: float = 10.0) -> Response:
    """One request on a connection of its own. Never follows a redirect; raises OSError on trouble."""
    parts = urllib.parse.urlsplit(url)
    target = parts.path or "/"
    if parts.query:
        target += "?" + parts.query
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
        headers = {"Content-Type": "application/json", **(headers or {})}
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout)
    started = time.monotonic()
    try:
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    return Response(answer.status, answer.headers, data, time.monotonic() - started)


@dataclasses.dataclass
class Finished:
    """A verb that ran to its end."""

    code: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)


def understudy(*args: str, timeout: float = 30.0, env: dict | None = None, cwd=None) -> Finished:
    """Runs `understudy ARGS` to its end. Standard output is not a terminal, so there are no colours."""
    artefacts.register_process(args, env)
    done = subprocess.run([executable("understudy"), *map(str, args)], capture_output=True, text=True,
                          timeout=timeout, stdin=subprocess.DEVNULL, cwd=cwd,
                          env={**os.environ, **(env or {})})
    artefacts.keep(f"understudy-{args[0] if args else ''}", done.stdout + done.stderr)
    return Finished(done.returncode, done.stdout, done.stderr)


class Process:
    """A child process whose output is read line by line; ended by its own pid only."""

    def __init__(self, name: str, args: list[str], ready: str | None = None, env: dict | None = None, cwd=None):
        self.name, self.args = name, [str(a) for a in args]
        artefacts.register_process(self.args, env)
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._popen = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True, bufsize=1, cwd=cwd,
                                       env={**os.environ, **(env or {})})
        self._frozen = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if ready:
            self.ready = self.wait_line(ready, START_LIMIT)

    def _read(self):
        for line in self._popen.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def running(self) -> bool:
        return self._popen.poll() is None

    def wait_line(self, pattern: str, timeout: float = 10.0, start: int = 0) -> re.Match:
        """Waits for an output line (from line `start` on) that `pattern` finds a match in."""
        limit = time.monotonic() + timeout
        seen = start
        with self._changed:
            while True:
                while seen < len(self.lines):
                    found = re.search(pattern, self.lines[seen])
                    if found:
                        return found
                    seen += 1
                left = limit - time.monotonic()
                if left <= 0 or not self._reader.is_alive():
                    break
                self._changed.wait(min(left, 0.2))
        state = "is running" if self.running() else f"ended with {self._popen.returncode}"
        raise AssertionError(f"{self.name} {state} and never printed /{pattern}/; it printed:\n{self.text}")

    def signal(self, number: int):
        if self.running():
            self._popen.send_signal(number)

    def freeze(self):
        self.signal(signal.SIGSTOP)
        self._frozen = True

    def thaw(self):
        self.signal(signal.SIGCONT)
        self._frozen = False

    def kill(self):
        """SIGKILL, as a crash: nothing is said on the connections that are open."""
        self.signal(signal.SIGKILL)
        self._popen.wait()

    def terminate(self):
        self.signal(signal.SIGTERM)

    def wait(self, timeout: float = 10.0) -> int:
        """The exit code, once the process has ended by itself and its output is read."""
        code = self._popen.wait(timeout)
        self._reader.join(timeout)
        return code

    def close(self):
        if self.running():
            if self._frozen:
                self.thaw()
            self.terminate()
            try:
                self._popen.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
        self._reader.join(5)
        self._popen.stdout.close()
        if re.search(r"runtime error: |Sanitizer: ", self.text):  # of a build with sanitizers
            raise AssertionError(f"{self.name}:\n{self.text[-6000:]}")


class Proxy(Process):
    """A running `understudy run`, reached over its listener (`url`) and admin listener (`admin`)."""

    READY = r"understudy \S+ ready: (?P<urls>.*), admin (?P<admin>http://\S+)"

    def __init__(self, args: list[str], env: dict | None = None, cwd=None):
        super().__init__("understudy", [executable("understudy"), "run", *args], self.READY, env, cwd)
        self.urls = re.findall(r"https?://[^\s,]+", self.ready["urls"])
        self.url = self.urls[0]
        self.admin = self.ready["admin"]

    def request(self, method: str, path: str, body=None, headers: dict | None = None, timeout: float = 10.0) -> Response:
        answer = request(method, self.url + path, body, headers, timeout)
        artefacts.keep_answer("answer", answer.status, answer.headers, answer.body)
        return answer

    def close(self):
        try:
            if self.running() and not self._frozen:
                artefacts.keep_pages("proxy", self.admin)
            super().close()
        finally:
            artefacts.keep("proxy.log", self.text)

    def get(self, path: str = "/", headers: dict | None = None, timeout: float = 10.0) -> Response:
        return self.request("GET", path, None, headers, timeout)

    def post(self, path: str, body=None, headers: dict | None = None, timeout: float = 10.0) -> Response:
        return self.request("POST", path, body, headers, timeout)

    def status(self) -> dict:
        return request("GET", self.admin + "/api/status").json()

    def events(self) -> list[dict]:
        return request("GET", self.admin + "/api/events").json()["events"]

    def metrics(self) -> str:
        return request("GET", self.admin + "/metrics").text

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples whose labels contain `labels`; 0 when there is none."""
        total = 0.0
        for line in self.metrics().splitlines():
            found = re.match(r"([a-zA-Z_:0-9]+)(?:\{(.*)\})? (\S+)$", line)
            if not found or found[1] != name:
                continue
            have = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
            if all(have.get(key) == value for key, value in labels.items()):
                total += float(found[3])
        return total

    def endpoint(self, name: str) -> dict:
        return next(e for e in self.status()["endpoints"] if e["name"] == name)

    def wait_for_active(self, name: str | None, timeout: float = 10.0):
        wait_until(lambda: self.status()["active"]["endpoint"] == name, timeout, f"active endpoint {name}")

    def wait_for_status(self, endpoint: str, monitor_status: str, timeout: float = 10.0):
        wait_until(lambda: self.endpoint(endpoint)["monitorStatus"] == monitor_status, timeout,
                   f"{endpoint} {monitor_status}")


@dataclasses.dataclass
class Answer:
    status: int = 200
    body: str | None = None  # None: the stand-in's name
    headers: dict = dataclasses.field(default_factory=dict)


class StandIn:
    """A small HTTP endpoint in a thread of the test. `answer` may be an Answer or a function of the
    request handler that returns one; `/health` is asked by probes and answers `health`."""

    def __init__(self, name: str):
        self.name = name
        self.answer: object = Answer()
        self.health: Answer = Answer()
        self.delay = 0.0
        self.requests: list[tuple[str, str, dict, bytes]] = []
        self._server: http.server.ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def setup(self):
                super().setup()
                self.server.open_sockets.add(self.connection)

            def finish(self):
                self.server.open_sockets.discard(self.connection)
                try:
                    super().finish()
                except OSError:
                    pass

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                probe = self.path == "/health"
                if not probe:
                    stand_in.requests.append((self.command, self.path, dict(self.headers), body))
                    if stand_in.delay:
                        time.sleep(stand_in.delay)
                answer = stand_in.health if probe else stand_in.answer
                if callable(answer):
                    answer = answer(self)
                text = (stand_in.name if answer.body is None else answer.body).encode()
                try:
                    self.send_response(answer.status)
                    for key, value in answer.headers.items():
                        self.send_header(key, value)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(text)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = handle_any

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 128

            def __init__(self, address):
                self.open_sockets: set[socket.socket] = set()
                super().__init__(address, Handler)

            def handle_error(self, *_):
                pass

        self._server = Server(("127.0.0.1", self.port))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self):
        """Stops listening and resets what is open, as a crash does."""
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        server.server_close()
        for connection in list(server.open_sockets):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class EndToEnd(unittest.TestCase):
    """Gives each test a temporary folder (`self.folder`) and cleans up what the test started."""

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="understudy-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(artefacts.keep_files, self.folder)
        artefacts.test = self.id()

    def process(self, name: str, args: list[str], ready: str | None = None, **options) -> Process:
        started = Process(name, args, ready, **options)
        self.addCleanup(started.close)
        return started

    def stand_in(self, name: str) -> StandIn:
        endpoint = StandIn(name)
        self.addCleanup(endpoint.stop)
        return endpoint

    def storage(self, port: int = 0) -> Process:
        """A storage account of the stand-in apps: `.url`."""
        port = port or free_port()
        started = self.process("understudy-storage", [executable("understudy-storage"), "--listen",
                               f"127.0.0.1:{port}", "--db", str(self.folder / f"storage-{port}.db")],
                               r"listening on")
        started.url = f"http://127.0.0.1:{port}"
        return started

    def app(self, name: str, storage: Process, hub: str = "Demo", port: int = 0) -> Process:
        """A stand-in function app: `.url`, `.port`."""
        port = port or free_port()
        started = self.process("understudy-app", [executable("understudy-app"), "--listen", f"127.0.0.1:{port}",
                               "--storage", storage.url, "--name", name, "--hub", hub], r"listening on")
        started.url, started.port = f"http://127.0.0.1:{port}", port
        return started

    def config(self, *endpoints, **changes) -> dict:
        """A config for fast tests: endpoints (anything with .name and .url, or dicts) by priority, on
        port 0 for both listeners, probing /health; `changes` replaces top-level groups."""
        listed = []
        for priority, endpoint in enumerate(endpoints, 1):
            if not isinstance(endpoint, dict):
                endpoint = {"name": endpoint.name, "url": endpoint.url}
            listed.append({"priority": priority, **endpoint})
        return {
            "profile": "test",
            "listen": [{"address": "127.0.0.1:0"}],
            "admin": {"address": "127.0.0.1:0"},
            "probe": {"path": "/health", "interval": "500ms", "timeout": "400ms", "doubt_interval": "50ms",
                      "tolerated_failures": 1, "required_passes": 2},
            "stickiness": {"ttl": "0s"},
            "failback": {"healthy_for": "300ms"},
            "durable": {"task_hub": "shared", "ledger": {"mode": "off"}},
            "endpoints": listed,
            **changes,
        }

    def write_config(self, config, name: str = "understudy.json") -> pathlib.Path:
        path = self.folder / name
        artefacts.register_config(config)
        path.write_text(config if isinstance(config, str) else json.dumps(config, indent=2))
        return path

    def proxy(self, config, *args: str, env: dict | None = None) -> Proxy:
        """Starts the proxy with a config (dict, text or a path) or with run arguments (a list)."""
        if isinstance(config, list):
            command = config
        elif isinstance(config, pathlib.Path):
            command = [str(config)]
        else:
            command = [str(self.write_config(config))]
        workers = [] if "--workers" in args else ["--workers", "1"]
        started = Proxy([*command, *workers, *args], env)
        self.addCleanup(started.close)
        return started
