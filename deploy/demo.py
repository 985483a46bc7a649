#!/usr/bin/env python3
"""The main job on one machine: the proxy in front of two stand-in function apps on one shared task hub.

    ./dev demo           starts everything, prints the commands to try, shows events until Ctrl-C
    ./dev demo --auto    plays outage, failover and failback by itself, ends with a table; exit code 0 or 1

Standard library only. It ends the processes that it started, by their ids, and no others.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEALTHY_FOR = "3s"  # instead of the preset's 10s, so that nobody waits long for the failback
TTL = "2s"
STEPS, STEP_TIME = 16, "250ms"  # an orchestration takes 4 s: long enough to lose its app half-way
LEASE = "1.5"  # after this long without a word from one app the other goes on with its orchestrations
COLOURS = sys.stdout.isatty() and "NO_COLOR" not in os.environ


class DemoError(Exception):
    """Something that the demo needs is not there; the message says what to do."""


def bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if COLOURS else text


def usable_port(wanted: int) -> int:
    """The wanted port, or any free one when it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return probe.getsockname()[1]
            except OSError:
                continue
    raise DemoError("no free port on 127.0.0.1")


def call(method: str, url: str, timeout: float = 5.0):
    """(status, headers, body) of one request on a new connection."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        connection.request(method, parts.path + ("?" + parts.query if parts.query else ""))
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def wait_for(predicate, limit: float, what: str, interval: float = 0.05):
    """Polls until `predicate` returns something true, and returns that."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        value = predicate()
        if value:
            return value
        time.sleep(interval)
    raise DemoError(f"waited {limit:g} s in vain for {what}")


class Child:
    """A process of ours: its output is read, and it is ended by its id."""

    def __init__(self, name: str, args: list[str], ready: str, on_line=None):
        self.name, self.args = name, [str(a) for a in args]
        self.lines: list[str] = []
        self._ready = threading.Event()
        self._pattern, self._on_line = re.compile(ready), on_line
        # A session of its own: Ctrl-C reaches the demo alone, which then ends things in order.
        self.popen = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, bufsize=1, start_new_session=True)
        threading.Thread(target=self._read, daemon=True).start()
        if not self._ready.wait(15) or self.popen.poll() is not None:
            self.end()
            raise DemoError(f"{name} did not start:\n" + "\n".join(self.lines[-10:]))

    def _read(self):
        for line in self.popen.stdout:
            line = line.rstrip("\n")
            self.lines.append(line)
            if self._pattern.search(line):
                self._ready.set()
            if self._on_line:
                self._on_line(line)
        self._ready.set()

    @property
    def pid(self) -> int:
        return self.popen.pid

    def kill(self):
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()

    def end(self):
        if self.popen.poll() is not None:
            return
        self.popen.terminate()
        try:
            self.popen.wait(6)
        except subprocess.TimeoutExpired:
            self.kill()


class Demo:
    def __init__(self, binaries: pathlib.Path, show_events: bool):
        self.binaries, self.show_events = binaries, show_events
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="understudy-demo-"))
        self.children: list[Child] = []
        self.apps: dict[str, Child] = {}
        self.ports = {name: usable_port(port) for name, port in
                      {"proxy": 8080, "admin": 8081, "primary": 7071, "secondary": 7072, "storage": 7070}.items()}
        self.url = f"http://127.0.0.1:{self.ports['proxy']}"
        self.admin = f"http://127.0.0.1:{self.ports['admin']}"
        self.config = self.folder / "understudy.json"

    def binary(self, name: str) -> str:
        path = self.binaries / name
        if not path.exists():
            raise DemoError(f"{path} is not built; run ./dev build")
        return str(path)

    def start_child(self, name: str, args: list[str], ready: str, on_line=None) -> Child:
        child = Child(name, args, ready, on_line)
        self.children.append(child)
        return child

    def app_command(self, name: str) -> list[str]:
        return [self.binary("understudy-app"), "--listen", f"127.0.0.1:{self.ports[name]}", "--storage",
                f"http://127.0.0.1:{self.ports['storage']}", "--name", name, "--hub", "Demo", "--steps", str(STEPS),
                "--step-time", STEP_TIME, "--lease-seconds", LEASE]

    def start_app(self, name: str):
        self.apps[name] = self.start_child(name, self.app_command(name), "listening on")

    def start(self):
        self.config.write_text(json.dumps({
            "profile": "demo",
            "listen": [{"address": f"127.0.0.1:{self.ports['proxy']}"}],
            "admin": {"address": f"127.0.0.1:{self.ports['admin']}"},
            "log": {"access": False},
            "stickiness": {"ttl": TTL},
            "failback": {"healthy_for": HEALTHY_FOR},
            "durable": {
                "task_hub": "shared",
                "start_routes": [{"route": "POST /api/orchestrators/{function}", "via": "built-in"}],
                "ledger": {"path": str(self.folder / "ledger.db")}},
            "endpoints": [
                {"name": name, "url": f"http://127.0.0.1:{self.ports[name]}", "priority": priority}
                for priority, name in enumerate(("primary", "secondary"), 1)],
        }, indent=2))
        self.start_child("storage", [self.binary("understudy-storage"), "--listen",
                                     f"127.0.0.1:{self.ports['storage']}", "--db", str(self.folder / "storage.db")],
                         "listening on")
        self.start_app("primary")
        self.start_app("secondary")
        self.proxy = self.start_child("understudy", [self.binary("understudy"), "run", str(self.config)],
                                      r"understudy \S+ ready", self.on_proxy_line if self.show_events else None)

    def on_proxy_line(self, line: str):
        if re.search(r" (health|routing|alert|command|reload|lifecycle) ", line):
            print(line, flush=True)

    def status(self) -> dict:
        return json.loads(call("GET", self.admin + "/api/status")[2])

    def endpoint(self, name: str) -> dict:
        return next(e for e in self.status()["endpoints"] if e["name"] == name)

    def close(self):
        for child in reversed(self.children):
            child.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def print_commands(self):
        understudy = f"{self.binary('understudy')}"
        at = "" if self.ports["admin"] == 8081 else f" --admin 127.0.0.1:{self.ports['admin']}"
        print(f"""
{bold('Running')}: proxy {self.url}, status page {self.admin}/
  primary   http://127.0.0.1:{self.ports['primary']}  pid {self.apps['primary'].pid}
  secondary http://127.0.0.1:{self.ports['secondary']}  pid {self.apps['secondary'].pid}
  proxy     pid {self.proxy.pid}, config {self.config} (failback.healthy_for shortened to {HEALTHY_FOR})

{bold('Try in another terminal')}
  watch it:                {understudy} status --watch{at}
  start an orchestration:  curl -si -X POST {self.url}/api/orchestrators/hello
                           then curl the statusQueryGetUri of the answer: it points at the proxy
  who answers:             curl -si {self.url}/api/echo | grep -i x-served-by
  kill the primary:        kill -9 {self.apps['primary'].pid}
                           (requests go on; the orchestration completes on the secondary)
  start it again:          {' '.join(self.app_command('primary'))}
                           (failback {HEALTHY_FOR} after its last required pass)
  stay on the secondary:   {understudy} hold --for 10m{at}    and    {understudy} release{at}
  take one out:            {understudy} drain primary{at}    and    {understudy} drain primary --undo{at}
  the promise:             {understudy} explain {self.config}

{bold('Events')} (Ctrl-C ends the demo and what it started)""", flush=True)

    def run_until_interrupted(self):
        self.print_commands()
        while self.proxy.popen.poll() is None:
            time.sleep(0.2)
        raise DemoError("the proxy ended by itself:\n" + "\n".join(self.proxy.lines[-10:]))


class Load(threading.Thread):
    """A client that sends 50 GETs a second, each on a new connection, and remembers what came back."""

    def __init__(self, url: str):
        super().__init__(daemon=True)
        self.url = url
        self.answers: list[tuple[float, str]] = []  # (when, who served it)
        self.failures: list[str] = []
        self._ended = threading.Event()

    def run(self):
        due = time.monotonic()
        while not self._ended.is_set():
            try:
                status, headers, _ = call("GET", self.url + "/api/echo", timeout=10)
                if status == 200:
                    self.answers.append((time.monotonic(), headers.get("X-Served-By") or "?"))
                else:
                    self.failures.append(f"status {status}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
            due = max(due + 0.02, time.monotonic())
            self._ended.wait(due - time.monotonic())

    def first_from(self, name: str, after: float) -> float | None:
        return next((at for at, who in list(self.answers) if at >= after and who == name), None)

    def finish(self):
        self._ended.set()
        self.join(12)


class Story:
    """What --auto plays: each step is measured, shown next to what the configuration promises."""

    def __init__(self, demo: Demo):
        self.demo = demo
        self.rows: list[tuple[str, bool, str, float | None, float | None]] = []
        self.load = Load(demo.url)

    def step(self, title: str, ok: bool, note: str = "", seconds: float | None = None, bound: float | None = None):
        within = bound is None or seconds is None or seconds <= bound
        self.rows.append((title, ok and within, note, seconds, bound))
        took = "" if seconds is None else f"  {seconds:.2f} s"
        print(f"{'ok  ' if ok and within else 'FAIL'}  {title}{took}{'  ' + note if note else ''}", flush=True)

    def play(self):
        demo = self.demo
        began = time.monotonic()
        demo.start()
        wait_for(lambda: all(e["monitorStatus"] == "Online" for e in demo.status()["endpoints"]), 10,
                 "both endpoints online")
        self.step("proxy and both apps are up", True, seconds=time.monotonic() - began)
        self.load.start()
        status_url = self.start_orchestration()
        self.outage(status_url)
        self.recovery()
        self.load.finish()
        self.step("no GET of the 50 per second failed", not self.load.failures,
                  f"{len(self.load.answers)} good, {len(self.load.failures)} failed"
                  + (f": {self.load.failures[0]}" if self.load.failures else ""))

    def start_orchestration(self) -> str:
        began = time.monotonic()
        status, headers, body = call("POST", self.demo.url + "/api/orchestrators/hello")
        uri = json.loads(body).get("statusQueryGetUri", "") if status == 202 else ""
        self.step("an orchestration starts through the proxy", status == 202, f"status {status}",
                  time.monotonic() - began)
        ours = uri.startswith(self.demo.url + "/") and (headers.get("Location") or "").startswith(self.demo.url + "/")
        self.step("its management URLs and Location point at the proxy", ours, "" if ours else f"{uri or body[:200]}")
        if not uri:
            raise DemoError("without a status URL there is nothing to follow")
        state = wait_for(lambda: json.loads(call("GET", uri)[2]).get("runtimeStatus") == "Running", 5,
                         "the orchestration to run")
        self.step("it runs, polled through the proxy", bool(state))
        return uri

    def outage(self, status_url: str):
        demo = self.demo
        bounds = demo.status()["bounds"]
        wait_for(lambda: self.load.first_from("primary", 0), 5, "an answer from the primary")
        demo.apps["primary"].kill()
        killed = time.monotonic()
        first = wait_for(lambda: self.load.first_from("secondary", killed), 15, "an answer from the secondary", 0.005)
        self.step("the primary is killed: first answer from the secondary", True, "", first - killed,
                  bounds["failoverSeconds"])
        wait_for(lambda: demo.status()["active"]["endpoint"] == "secondary", 15, "the failover")
        self.step("the secondary is active for everybody", True, demo.status()["active"]["text"],
                  demo.status()["last"]["failoverSeconds"], bounds["failoverSeconds"])
        answer: dict = {}

        def completed():
            answer.update(json.loads(call("GET", status_url)[2]))
            return answer.get("runtimeStatus") in ("Completed", "Failed", "Terminated")

        wait_for(completed, 25, "the orchestration to end", 0.1)
        self.step("the orchestration completes on the secondary", answer["runtimeStatus"] == "Completed",
                  answer["runtimeStatus"], time.monotonic() - killed)

    def recovery(self):
        demo = self.demo
        bound = demo.status()["bounds"]["failbackSeconds"]
        demo.start_app("primary")
        began = time.monotonic()
        wait_for(lambda: demo.endpoint("primary")["monitorStatus"] == "Online", 15, "the primary to be online")
        self.step("the primary is started again and online", True, "", time.monotonic() - began)
        back = wait_for(lambda: demo.status()["active"]["endpoint"] == "primary" and time.monotonic(), 25, "the failback")
        self.step("new traffic fails back to it", True, f"healthy_for {HEALTHY_FOR}", back - began, bound)
        first = wait_for(lambda: self.load.first_from("primary", began), 10, "an answer from the primary")
        self.step("a sticky client follows when its TTL ends", True, f"ttl {TTL}", first - began,
                  bound + float(TTL.rstrip("s")))
        failovers = call("GET", demo.admin + "/metrics")[2].decode()
        moves = re.findall(r'understudy_transitions_total\{kind="(failover|failback)".*\} (\S+)', failovers)
        self.step("one failover and one failback", sorted(moves) == [("failback", "1"), ("failover", "1")], f"{moves}")

    def print_table(self):
        width = max((len(row[0]) for row in self.rows), default=4)
        print(f"\n{bold('Summary')}\n{'step':<{width}}  result  {'seconds':>8}  {'at most':>8}  note")
        for title, ok, note, seconds, bound in self.rows:
            number = lambda value: "" if value is None else f"{value:.2f}"
            print(f"{title:<{width}}  {'ok' if ok else 'FAIL':<6}  {number(seconds):>8}  {number(bound):>8}  {note}")
        print(f"\n\"at most\" is what `understudy explain` computes from this configuration, whose failback.healthy_for "
              f"is shortened\nto {HEALTHY_FOR} and ttl to {TTL}. Measured on stand-ins on one machine: not Azure's times.")


def main() -> int:
    parser = argparse.ArgumentParser(description="The proxy with two stand-in function apps on a shared task hub")
    parser.add_argument("--auto", action="store_true", help="play outage, failover and failback; exit code 0 or 1")
    parser.add_argument("--bin", type=pathlib.Path, default=os.environ.get("UNDERSTUDY_BIN")
                        or ROOT / "build" / "release" / "bin", help="folder of the executables")
    options = parser.parse_args()

    def stop(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    demo = Demo(pathlib.Path(options.bin), show_events=not options.auto)
    try:
        if not options.auto:
            demo.start()
            demo.run_until_interrupted()
            return 0
        story = Story(demo)
        try:
            story.play()
        except Exception as error:  # whatever it is, the table is still wanted
            story.step("the story went on to its end", False, str(error) or repr(error))
        story.print_table()
        return 0 if all(row[1] for row in story.rows) else 1
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nending what the demo started", flush=True)
        return 130 if options.auto else 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        demo.close()


if __name__ == "__main__":
    sys.exit(main())
