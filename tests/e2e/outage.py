#!/usr/bin/env python3
"""How an outage of the primary looks to clients: 50 GETs a second, real processes, one table row per fault.

    python3 tests/e2e/outage.py [--faults kill,freeze,503,403,reset,crash-loop] [--rate 50]
                                [--fault-at 8 --fault-for 12 --seconds 40] [--healthy-for 10s] [--bin FOLDER]

The load is open loop: a request starts when it is due, whatever became of the others, half of them on
kept-alive and half on new connections, each with ten seconds to be answered in full. The bounds are
what `understudy explain --json` computes from the same configuration (`responsive` preset). Exit code 1
when a GET failed or a bound was missed. Standard library only.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import http.client
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support

FAULTS = ("kill", "freeze", "503", "403", "reset", "crash-loop")
TIMEOUT = 10.0
CRASH_BOUND_MS = 100.0  # a dead process refuses connections: requests move on at once
UP_PHASE, DOWN_PHASE = 2.0, 1.0  # of the crash loop; up for less than any wait before a failback


@dataclasses.dataclass
class Sample:
    due: float
    ended: float
    served_by: str
    trouble: str  # "" for a good answer


class Load:
    """Open-loop GETs; `samples` grows while it runs."""

    def __init__(self, host: str, port: int, rate: float):
        self.host, self.port, self.rate = host, port, rate
        self.samples: list[Sample] = []
        self._kept: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(max_workers=int(rate * (TIMEOUT + 1)) + 8)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        due, number = time.monotonic(), 0
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            self._pool.submit(self._one, due, number % 2 == 0)
            due, number = due + 1 / self.rate, number + 1

    def _one(self, due: float, keep: bool):
        connection, served_by, trouble = None, "", ""
        if keep:
            with self._lock:
                connection = self._kept.pop() if self._kept else None
        if connection is None:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)
        try:
            connection.request("GET", "/api/echo")
            answer = connection.getresponse()
            answer.read()
            served_by = answer.getheader("X-Served-By") or ""
            if answer.status != 200:
                trouble = f"status {answer.status}"
        except (OSError, http.client.HTTPException) as error:
            trouble = repr(error)
        if keep and not trouble and connection.sock is not None:
            with self._lock:
                self._kept.append(connection)
        else:
            connection.close()
        ended = time.monotonic()
        if not trouble and ended - due > TIMEOUT:
            trouble = f"took {ended - due:.1f} s"
        with self._lock:
            self.samples.append(Sample(due, ended, served_by, trouble))

    def snapshot(self) -> list[Sample]:
        with self._lock:
            return list(self.samples)

    def first(self, served_by: str, due_after: float) -> float | None:
        """When the first answer of `served_by` to a request due after a time was complete."""
        times = [s.ended for s in self.snapshot() if s.served_by == served_by and s.due >= due_after and not s.trouble]
        return min(times, default=None)

    def finish(self):
        self._ended.set()
        self._thread.join()
        self._pool.shutdown(wait=True)
        for connection in self._kept:
            connection.close()


@dataclasses.dataclass
class Row:
    fault: str
    requests: int
    failed: int
    first_secondary_ms: float | None
    first_bound_ms: float
    slowest_ms: float
    back_s: float | None
    back_bound_s: float
    failovers: int
    failbacks: int
    troubles: list[str]

    def misses(self, spare_s: float = 0.0) -> list[str]:
        """What was promised and not kept; `spare_s` is for a machine that has other work to do."""
        found = []
        if self.failed:
            found.append(f"{self.failed} failed ({self.troubles[0]})")
        if self.first_secondary_ms is None or self.first_secondary_ms > self.first_bound_ms + spare_s * 1000:
            found.append("the secondary answered too late")
        if self.back_s is None or self.back_s > self.back_bound_s + spare_s:
            found.append("back too late")
        if (self.failovers, self.failbacks) != (1, 1):
            found.append("not one failover and one failback")
        return found

    def line(self) -> str:
        number = lambda value, form: "never" if value is None else format(value, form)
        misses = self.misses()
        return (f"| {self.fault} | {self.requests} | {self.failed} | {number(self.first_secondary_ms, '.0f')} | "
                f"{self.first_bound_ms:.0f} | {self.slowest_ms:.0f} | {number(self.back_s, '.1f')} | {self.back_bound_s:.1f} | "
                f"{self.failovers} | {self.failbacks} | {'ok' if not misses else 'MISSED: ' + '; '.join(misses)} |")


HEADER = ("| fault | GETs | failed | first answer of the secondary, ms | at most | slowest GET, ms | back on the primary, s after heal "
          "| at most | failovers | failbacks | verdict |\n|---|---|---|---|---|---|---|---|---|---|---|")


class Stage:
    """Storage, two apps and the proxy of one run; ends what it started."""

    def __init__(self, flapping: bool, healthy_for: str, hub: str = "shared"):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="understudy-outage-"))
        self.started: list[support.Process] = []
        self.ports = {name: support.free_port() for name in ("storage", "primary", "secondary")}
        self.start("storage", "understudy-storage", "--db", self.folder / "storage.db")
        self.start_app("primary")
        self.start_app("secondary")
        failback = {"healthy_for": healthy_for}
        if flapping:  # the penalty for each relapse is bounded, or the failback would come in half an hour
            failback["flap_max"] = f"{2 * float(healthy_for.rstrip('s')):g}s"
        self.config = self.folder / "understudy.json"
        self.config.write_text(json.dumps({
            "profile": "outage",
            "listen": [{"address": "127.0.0.1:0"}],
            "admin": {"address": "127.0.0.1:0"},
            "log": {"access": False},
            "probe": {"preset": "responsive", "path": "/api/health"},
            "stickiness": {"ttl": "0s"},
            "failback": failback,
            "durable": {"task_hub": hub, "ledger": {"path": str(self.folder / "ledger.db")}},
            "endpoints": [{"name": name, "url": f"http://127.0.0.1:{self.ports[name]}", "priority": priority}
                          for priority, name in enumerate(("primary", "secondary"), 1)]}))
        explained = support.understudy("explain", self.config, "--json")
        self.bounds = explained.json()["worst_case"]
        self.proxy = support.Proxy([str(self.config)])
        self.started.append(self.proxy)
        support.wait_until(lambda: all(e["monitorStatus"] == "Online" for e in self.proxy.status()["endpoints"]), 15,
                           "both endpoints online")

    def start(self, name: str, executable: str, *args):
        process = support.Process(name, [support.executable(executable), "--listen", f"127.0.0.1:{self.ports[name]}",
                                         *map(str, args)], r"listening on")
        self.started.append(process)
        return process

    def start_app(self, name: str):
        app = self.start(name, "understudy-app", "--storage", f"http://127.0.0.1:{self.ports['storage']}", "--name", name)
        setattr(self, name, app)

    def control(self, command: str):
        support.request("POST", f"http://127.0.0.1:{self.ports['primary']}/_control/{command}")

    def begin(self, fault: str, lasts: float):
        """Starts the fault; returns how to end it."""
        if fault == "kill":
            self.primary.kill()
            return lambda: self.start_app("primary")
        if fault == "freeze":
            self.primary.freeze()
            return lambda: self.primary.thaw()
        if fault == "503":
            self.control("fail?status=503")
            return lambda: self.control("heal")
        if fault == "403":
            self.control("state/stopped")
            return lambda: self.control("state/running")
        if fault == "reset":
            self.control("reset")
            return lambda: self.control("heal")
        if fault == "crash-loop":
            ends = time.monotonic() + lasts
            self.primary.kill()

            def loop():
                while time.monotonic() + DOWN_PHASE + UP_PHASE < ends:
                    time.sleep(DOWN_PHASE)
                    self.start_app("primary")
                    time.sleep(UP_PHASE)
                    self.primary.kill()

            thread = threading.Thread(target=loop, daemon=True)
            thread.start()

            def heal():
                thread.join()
                self.start_app("primary")

            return heal
        raise SystemExit(f"unknown fault {fault}; one of {', '.join(FAULTS)}")

    def close(self):
        for process in reversed(self.started):
            process.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def measure(fault: str, rate: float = 50, fault_at: float = 8, fault_for: float = 12, seconds: float = 40,
            healthy_for: str = "10s") -> Row:
    flapping = fault == "crash-loop"
    stage = Stage(flapping, healthy_for)
    try:
        crash = fault in ("kill", "crash-loop")
        first_bound = CRASH_BOUND_MS if crash else stage.bounds["failover_new_ms"]
        back_bound = stage.bounds["failback_flapping_ms" if flapping else "failback_new_ms"] / 1000
        load = Load("127.0.0.1", int(stage.proxy.url.rsplit(":", 1)[1]), rate)
        began = time.monotonic()
        time.sleep(fault_at)
        faulted = time.monotonic()
        heal = stage.begin(fault, fault_for)
        time.sleep(max(0.0, faulted + fault_for - time.monotonic()))
        heal()
        healed = time.monotonic()
        limit = healed + back_bound + 3
        while load.first("primary", healed) is None and time.monotonic() < limit:
            time.sleep(0.02)
        time.sleep(max(1.0, began + seconds - time.monotonic()))  # it must stay there
        load.finish()
        first, back = load.first("secondary", faulted), load.first("primary", healed)
        samples = load.snapshot()
        troubles = [s.trouble for s in samples if s.trouble]
        transitions = dict(re.findall(r'understudy_transitions_total\{[^}]*kind="(failover|failback)"[^}]*\} (\d+)', stage.proxy.metrics()))
        return Row(fault, len(samples), len(troubles), None if first is None else (first - faulted) * 1000, first_bound,
                   max((s.ended - s.due) * 1000 for s in samples), None if back is None else back - healed, back_bound,
                   int(transitions.get("failover", 0)), int(transitions.get("failback", 0)), troubles)
    finally:
        stage.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--faults", default=",".join(FAULTS))
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--fault-at", type=float, default=8)
    parser.add_argument("--fault-for", type=float, default=12)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--healthy-for", default="10s", help="failback.healthy_for; the preset's is 10s")
    parser.add_argument("--bin", type=pathlib.Path, help="folder of the executables ($UNDERSTUDY_BIN, build/release/bin)")
    options = parser.parse_args()
    if options.bin:
        support.BIN = options.bin.resolve()
    print(f"{options.rate:g} GETs/s, `responsive` preset, the primary is away from second {options.fault_at:g} to "
          f"{options.fault_at + options.fault_for:g}; crash loop: up {UP_PHASE:g} s, down {DOWN_PHASE:g} s\n\n{HEADER}", flush=True)
    missed = False
    for fault in options.faults.split(","):
        row = measure(fault, options.rate, options.fault_at, options.fault_for, options.seconds, options.healthy_for)
        print(row.line(), flush=True)
        missed = missed or bool(row.misses())
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
