#!/usr/bin/env python3
"""What polls of accepted instances see when the primary of two regions with a hub each is away.

    python3 tests/e2e/polls.py [--faults kill,freeze,503,403,reset] [--starts 400 --rate 10]
                               [--fault-at 8 --fault-for 12] [--bin FOLDER]

Starts go to the built-in route and to a custom starter in turn; each accepted one is polled once a
second at exactly the URL of its answer, until it is final. Two storage accounts, two apps, one proxy
with task_hub per_region and the `responsive` preset. Exit code 1 when a poll got 404 or another
refusal than 503, when a URL in an answer was not the proxy's, or when an accepted instance did not
complete. Standard library only.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import dataclasses
import http.client
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
from outage import Stage

FAULTS = ("kill", "freeze", "503", "403", "reset")
FINAL = ("Completed", "Failed", "Terminated", "Canceled")


class Regions(Stage):
    """A storage account per region; the faults of `outage.Stage` on the primary."""

    def __init__(self):
        self.storages = {}
        super().__init__(flapping=False, healthy_for="10s", hub="per_region")

    def start_app(self, name: str):
        if name not in self.storages:
            port = support.free_port()
            self.storages[name] = f"http://127.0.0.1:{port}"
            process = support.Process(f"storage of {name}", [
                support.executable("understudy-storage"), "--listen", f"127.0.0.1:{port}", "--db",
                str(self.folder / f"{name}.db")], r"listening on")
            self.started.append(process)
        app = self.start(name, "understudy-app", "--storage", self.storages[name], "--name", name)
        setattr(self, name, app)


@dataclasses.dataclass
class Instance:
    status_url: str
    next_poll: float
    final: str = ""
    busy: bool = False


@dataclasses.dataclass
class Row:
    fault: str
    accepted: int = 0
    refused: int = 0
    polls: int = 0
    stale: int = 0
    completed: int = 0
    answers: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    wrong_urls: list[str] = dataclasses.field(default_factory=list)
    slowest_ms: float = 0.0

    def misses(self) -> list[str]:
        found = []
        odd = {status: n for status, n in self.answers.items() if status not in (200, 202, 503)}
        if odd:
            found.append(f"polls answered {odd}")
        if self.wrong_urls:
            found.append(f"{len(self.wrong_urls)} wrong URLs ({self.wrong_urls[0]})")
        if self.completed != self.accepted or not self.accepted:
            found.append(f"{self.accepted - self.completed} accepted instances did not complete")
        return found

    def line(self) -> str:
        misses = self.misses()
        return (f"| {self.fault} | {self.accepted} | {self.refused} | {self.polls} | {self.answers[404]} | {self.stale} | "
                f"{self.answers[503]} | {len(self.wrong_urls)} | {self.slowest_ms:.0f} | {self.completed} | "
                f"{'ok' if not misses else 'MISSED: ' + '; '.join(misses)} |")


HEADER = ("| fault | starts accepted | starts not accepted | polls | of them 404 | last known status (stale) | 503 | wrong-host URLs "
          "| slowest poll, ms | completed | verdict |\n|---|---|---|---|---|---|---|---|---|---|---|")


class Clients:
    def __init__(self, stage: Regions, row: Row):
        self.origin, self.row = stage.proxy.url, row
        self.instances: list[Instance] = []
        self.lock = threading.Lock()
        self.pool = concurrent.futures.ThreadPoolExecutor(64)

    def check_urls(self, answer: support.Response, payload: bool):
        urls = [answer.headers["Location"]] if answer.headers["Location"] else []
        if payload:
            urls += [value for value in answer.json().values() if isinstance(value, str) and "://" in value]
        wrong = [url for url in urls if not url.startswith(self.origin + "/")]
        with self.lock:
            self.row.wrong_urls += wrong

    def start(self, number: int):
        route = "/runtime/webhooks/durabletask/orchestrators/Order" if number % 2 else "/api/orchestrators/Order"
        plan = {"steps": 5, "stepMilliseconds": 200 + number % 5 * 100}
        try:
            answer = support.request("POST", self.origin + route, plan, timeout=30)
        except (OSError, http.client.HTTPException):
            answer = None
        with self.lock:
            if answer is None or answer.status != 202:
                self.row.refused += 1
                return
            self.row.accepted += 1
        self.check_urls(answer, payload=True)
        with self.lock:
            self.instances.append(Instance(answer.json()["statusQueryGetUri"], time.monotonic()))

    def poll(self, instance: Instance):
        began = time.monotonic()
        try:
            answer = support.request("GET", instance.status_url, timeout=30)
            status = answer.status
        except (OSError, http.client.HTTPException) as error:
            answer, status = None, type(error).__name__
        with self.lock:
            self.row.polls += 1
            self.row.answers[status] += 1
            self.row.slowest_ms = max(self.row.slowest_ms, (time.monotonic() - began) * 1000)
            if answer is not None and answer.headers["X-Understudy-Stale"]:
                self.row.stale += 1
            if status == 200:
                instance.final = answer.json()["runtimeStatus"]
                self.row.completed += instance.final == "Completed"
            instance.next_poll = time.monotonic() + 1
            instance.busy = False
        if answer is not None:
            self.check_urls(answer, payload=False)

    def poll_due(self) -> bool:
        """True while any instance is not final."""
        now = time.monotonic()
        with self.lock:
            due = [i for i in self.instances if not i.final and not i.busy and i.next_poll <= now]
            for instance in due:
                instance.busy = True
            open_ones = any(not i.final for i in self.instances)
        for instance in due:
            self.pool.submit(self.poll, instance)
        return open_ones


def measure(fault: str, starts: int = 400, rate: float = 10, fault_at: float = 8, fault_for: float = 12) -> Row:
    stage, row = Regions(), Row(fault)
    clients = Clients(stage, row)
    try:
        began = time.monotonic()
        faulted = healed = None
        heal = None
        sent = 0
        while True:
            now = time.monotonic() - began
            if sent < starts and now >= sent / rate:
                clients.pool.submit(clients.start, sent)
                sent += 1
            if faulted is None and now >= fault_at:
                faulted, heal = now, stage.begin(fault, fault_for)
            if healed is None and faulted is not None and now >= faulted + fault_for:
                heal()
                healed = now
            open_ones = clients.poll_due()
            last = max(starts / rate, fault_at + fault_for)
            if healed is not None and sent == starts and ((not open_ones and now > last + 3) or now > last + 60):
                break
            time.sleep(0.01)
        clients.pool.shutdown(wait=True)
        return row
    finally:
        clients.pool.shutdown(wait=True, cancel_futures=True)
        stage.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--faults", default="kill,freeze,503,403,reset")
    parser.add_argument("--starts", type=int, default=400)
    parser.add_argument("--rate", type=float, default=10)
    parser.add_argument("--fault-at", type=float, default=8)
    parser.add_argument("--fault-for", type=float, default=12)
    parser.add_argument("--bin", type=pathlib.Path, help="folder of the executables ($UNDERSTUDY_BIN, build/release/bin)")
    options = parser.parse_args()
    if options.bin:
        support.BIN = options.bin.resolve()
    print(f"{options.starts} starts at {options.rate:g}/s, each polled every second at the URL of its answer; hubs per region, the "
          f"primary is away from second {options.fault_at:g} to {options.fault_at + options.fault_for:g}\n\n{HEADER}", flush=True)
    missed = False
    for fault in options.faults.split(","):
        row = measure(fault, options.starts, options.rate, options.fault_at, options.fault_for)
        print(row.line(), flush=True)
        missed = missed or bool(row.misses())
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
