#!/usr/bin/env python3
"""Whether an accepted start runs, once, when the primary fails: clients' records beside what the apps executed.

    python3 tests/e2e/starts.py [--faults kill,freeze,503,plain503,403,reset,flap] [--hubs shared,per_region]
                                [--lengths short,long] [--peers direct,gateway] [--rate 10 --seconds 40]
                                [--fault-at 8 --fault-for 12] [--jobs 2] [--json | --markdown] [--keep FOLDER] [--bin FOLDER]

Real processes: the proxy, two stand-in apps, one storage account or one each; with `gateway` also a front end
before each app, which gives its client up with 502 while the app goes on. Half of the starts choose their
id, a quarter come by a custom starter. Clients do as they are told: 202 is polled once a second at exactly
the URL of the answer until it is final. At the end reconcile.py compares. Exit code 1 when a start failed, was
a ghost, a duplicate, lost, stranded or not completed, a poll got 404, or a URL was not the proxy's; 2 for
wrong use.

Faults of the primary: kill (and started again), freeze, 503 (`Function host is not running`), plain503 (which
proves nothing), 403 (the page of a stopped app), reset (of every connection), flap (frozen and killed in turn,
2 s each, 2 s between). The ledger's waits are shortened, and the first line says to what. Standard library only.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import http.client
import json
import multiprocessing
import os
import pathlib
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import outage
import reconcile
import support
from reconcile import ACCEPTED, FAILED, REFUSED, UNKNOWN

FAULTS = ("kill", "freeze", "503", "403", "reset", "flap")  # of the matrix; there are `plain503` and `none` too
GATEWAY_FAULTS = ("freeze", "reset")
HUBS = ("shared", "per_region")
LENGTHS = {"short": (1000, 3000), "long": (15000, 20000)}  # milliseconds that an orchestration takes
STEPS = 5
FINAL = ("Completed", "Failed", "Terminated", "Canceled")
BUILT_IN = "/runtime/webhooks/durabletask/orchestrators/Order"
CUSTOM = "/api/orchestrators/Order"
FLAP_PHASE = 2.0
TOO_LATE_MS = 500.0
QUIET = 2.0  # nothing was executed for so long: nothing more will be


@dataclasses.dataclass(frozen=True)
class Cell:
    """One run of the matrix."""

    fault: str
    hub: str = "shared"
    length: str = "short"
    peers: str = "direct"

    def __str__(self):
        return f"{self.fault}-{self.hub}-{self.length}-{self.peers}"


@dataclasses.dataclass(frozen=True)
class Settings:
    rate: float = 10
    seconds: float = 40
    fault_at: float = 8
    fault_for: float = 12
    settle_after: str = "1s"
    # Behind a front end only the wait tells a function that goes on from one that never ran: it must be longer
    # than the fault, as the default of 240 s is longer than a function may take. "" is 3 s more than the fault.
    gateway_settle_after: str = ""
    answer_after: str = "2s"
    healthy_for: str = "10s"
    patience: float = 10  # of a client with any one request, seconds
    final_within: float = 90  # of the heal or the last start
    repeat: bool = False  # what was refused, after its Retry-After, under the same id
    keep: str = ""  # folder for what a run leaves

    def settle(self, peers: str) -> str:
        return self.settle_after if peers == "direct" else self.gateway_settle_after or f"{self.fault_for + 3:g}s"

    def gateway_cut(self) -> str:
        return f"{max(1.0, self.fault_for / 3):g}s"


class Scene(outage.Stage):
    """What one run needs: storage, apps, front ends, and before them the proxy or whatever `front` makes of the
    scene (something with `url` and `close`)."""

    def __init__(self, cell: Cell, settings: Settings, front=None, durable: dict | None = None):
        self.cell, self.settings = cell, settings
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="understudy-starts-"))
        self.started: list = []
        self.storages: dict[str, str] = {}
        self.proxy_logs: list[str] = []  # of proxies that have ended
        self.ports = {"proxy": support.free_port()}
        self.urls: dict[str, str] = {}
        try:
            for name in ("primary", "secondary"):
                self.ports[name] = support.free_port()
                self.start_app(name)
                self.urls[name] = self.start_gateway(name) if cell.peers == "gateway" else self.app_url(name)
            self.config = self.folder / "understudy.json"
            self.config.write_text(json.dumps(self.proxy_config(durable or {}), indent=2))
            self.front = front(self) if front else self.start_proxy()
            if front:
                self.started.append(self.front)
            else:
                self.wait_online()
        except BaseException:
            self.close()
            raise

    def app_url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def start_app(self, name: str):
        account = "shared" if self.cell.hub == "shared" else name
        if account not in self.storages:
            key = f"storage-{account}"
            self.ports[key] = support.free_port()
            self.start(key, "understudy-storage", "--db", self.folder / f"{key}.db")
            self.storages[account] = f"http://127.0.0.1:{self.ports[key]}"
        # The storage may take its time on a busy machine: that is not the fault of this run.
        app = self.start(name, "understudy-app", "--storage", self.storages[account], "--name", name, "--storage-timeout", "8s")
        setattr(self, name, app)

    def start_gateway(self, name: str) -> str:
        key = f"gateway-{name}"
        self.ports[key] = support.free_port()
        self.start(key, "understudy-gateway", "--app", self.app_url(name), "--cut-after", self.settings.gateway_cut())
        return f"http://127.0.0.1:{self.ports[key]}"

    def proxy_config(self, durable: dict) -> dict:
        cell, settings = self.cell, self.settings
        failback = {"healthy_for": settings.healthy_for}
        if cell.fault == "flap":  # or the failback would come in half an hour
            failback["flap_max"] = f"{2 * float(settings.healthy_for.rstrip('s')):g}s"
        return {
            "profile": "starts",
            "listen": [{"address": f"127.0.0.1:{self.ports['proxy']}"}],
            "admin": {"address": "127.0.0.1:0"},
            "log": {"access": bool(settings.keep)},
            "probe": {"preset": "responsive", "path": "/api/health"},
            "stickiness": {"ttl": "0s"},
            "failback": failback,
            "durable": {
                "task_hub": cell.hub,
                "start_routes": [{"route": "POST /api/orchestrators/{function}", "via": "built-in"}],
                "ledger": {"mode": "durable", "path": str(self.folder / "ledger.db"),
                           "answer_after": settings.answer_after, "settle_after": settings.settle(cell.peers)},
                **durable},
            "endpoints": [{"name": name, "url": self.urls[name], "region": f"{name}-region", "priority": priority,
                           "peer": cell.peers, "auth": "none"}
                          for priority, name in enumerate(("primary", "secondary"), 1)]}

    def start_proxy(self) -> support.Proxy:
        self.proxy = support.Proxy([str(self.config)])
        self.started.append(self.proxy)
        return self.proxy

    def wait_online(self):
        support.wait_until(lambda: all(e["monitorStatus"] == "Online" for e in self.proxy.status()["endpoints"]), 15,
                           "both endpoints online")

    def begin(self, fault: str, lasts: float):
        if fault == "none":
            return lambda: None
        if fault == "503":
            self.control("state/offline")
            return lambda: self.control("state/running")
        if fault == "plain503":
            return super().begin("503", lasts)
        if fault == "flap":
            return self.flap(lasts)
        return super().begin(fault, lasts)

    def flap(self, lasts: float):
        ends, healed = time.monotonic() + lasts, threading.Event()

        def loop():
            frozen_next = True
            while time.monotonic() < ends:
                heal = super(Scene, self).begin("freeze" if frozen_next else "kill", 0)
                healed.wait(min(FLAP_PHASE, max(0.0, ends - time.monotonic())))
                heal()
                healed.wait(min(FLAP_PHASE, max(0.0, ends - time.monotonic())))
                frozen_next = not frozen_next

        pool = concurrent.futures.ThreadPoolExecutor(1)
        played = pool.submit(loop)

        def heal():
            played.result()
            pool.shutdown()

        return heal

    def executions(self) -> list[reconcile.Execution]:
        """Everything that was ever accepted by a task hub of this scene, by payload."""
        found = []
        for hub, url in self.storages.items():
            inputs = {one["id"]: number_in(one["input"]) for one in self.pages(url, "instances")}
            found += [reconcile.Execution(inputs.get(one["id"]), one["id"], hub, one["status"])
                      for one in self.pages(url, "executions")]
        return found

    @staticmethod
    def pages(url: str, what: str):
        after = 0
        while True:
            answer = support.request("GET", f"{url}/hubs/TestHub/{what}?top=5000&after={after}", timeout=30)
            if answer.status != 200:
                raise AssertionError(f"the storage at {url} answered {answer.status} {answer.text}")
            page = answer.json()
            yield from page[what]
            after = page["next"]
            if not after:
                return

    def settled_executions(self) -> list[reconcile.Execution]:
        """Once there are no new ones any more."""
        last, since = self.executions(), time.monotonic()
        limit = since + 30
        pause = threading.Event()
        while time.monotonic() < min(limit, since + QUIET):
            pause.wait(0.25)
            now = self.executions()
            if len(now) != len(last):
                last, since = now, time.monotonic()
        return self.executions()

    def possible_duplicates(self) -> int:
        """As the proxy that is running now counts them."""
        if not isinstance(self.front, support.Proxy) or not self.proxy.running():
            return 0
        return int(self.proxy.metric("understudy_ledger_possible_duplicates_total"))

    def keep(self, starts: list[reconcile.Start], verdict: reconcile.Verdict):
        if not self.settings.keep:
            return
        into = pathlib.Path(self.settings.keep)
        into.mkdir(parents=True, exist_ok=True)
        told = [{**dataclasses.asdict(s), "polls": {str(k): n for k, n in s.polls.items()}, "words": sorted(verdict.of[s.number]),
                 "runs": [dataclasses.asdict(run) for run in verdict.runs.get(s.number, [])]} for s in starts]
        (into / f"{self.cell}.starts.json").write_text(json.dumps(told, indent=1))
        logs = self.proxy_logs + [p.text for p in self.started if isinstance(p, support.Proxy)]
        (into / f"{self.cell}.proxy.log").write_text("\n".join(logs))


def number_in(payload: str) -> int | None:
    try:
        number = json.loads(payload)["start"]
    except (ValueError, KeyError, TypeError):
        return None
    return number if isinstance(number, int) else None


def object_in(answer: support.Response) -> dict:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


class Client:
    """One start and its polls, as a good client does them, on a thread of its own."""

    def __init__(self, scene: Scene, number: int, go_home: threading.Event):
        self.scene, self.origin, self.go_home = scene, scene.front.url, go_home
        self.start = reconcile.Start(number, given_id=f"order-{number:05d}" if self.chooses_id(number) else "")
        self.payload = {"start": number, "steps": STEPS, "stepMilliseconds": self.milliseconds(number) // STEPS}
        self.status_url = ""
        self.error: Exception | None = None  # of the harness itself
        self.thread = threading.Thread(target=self.run_guarded, daemon=True)
        self.thread.start()

    def chooses_id(self, number: int) -> bool:
        return number % 2 == 1

    def milliseconds(self, number: int) -> int:
        least, most = LENGTHS[self.scene.cell.length]
        return least + (most - least) * (number % 5) // 4

    def run_guarded(self):
        try:
            self.run()
        except Exception as error:
            self.error = error

    def run(self):
        began = time.monotonic()
        while self.send() == REFUSED and self.scene.settings.repeat:
            if self.go_home.wait(self.retry_after):
                break
            self.start.requests += 1
        self.start.answer_ms = (time.monotonic() - began) * 1000
        self.follow()

    def follow(self):
        while self.start.said == ACCEPTED and not self.start.final and not self.go_home.is_set():
            self.poll()
            if not self.start.final:
                self.go_home.wait(1)

    def path(self) -> str:
        if self.start.given_id:
            return f"{BUILT_IN}/{self.start.given_id}"
        return CUSTOM if self.start.number % 4 == 0 else BUILT_IN

    def post(self, headers: dict | None = None):
        return support.request("POST", self.origin + self.path(), self.payload, headers, timeout=self.scene.settings.patience)

    def send(self) -> str:
        try:
            self.take(self.post())
        except (OSError, http.client.HTTPException) as error:
            self.start.said, self.start.detail = FAILED, type(error).__name__
        return self.start.said

    def take(self, answer: support.Response):
        start = self.start
        outcome = answer.headers["X-Understudy-Outcome"] or ""
        start.detail = f"{answer.status} {outcome}".strip()
        self.check_urls(answer)
        said = object_in(answer)
        if answer.status in (200, 201, 202) and "id" in said and "statusQueryGetUri" in said:
            start.said, start.unconfirmed = ACCEPTED, outcome == "unconfirmed"
            start.id, self.status_url = said["id"], said["statusQueryGetUri"]
        elif outcome == "unknown":
            start.said = UNKNOWN
        elif outcome == "not_run" or (answer.status == 503 and answer.headers["Retry-After"]):
            start.said = REFUSED
            self.retry_after = float(answer.headers["Retry-After"] or 1)
        else:
            start.said = FAILED

    def poll(self):
        start, began = self.start, time.monotonic()
        try:
            answer = support.request("GET", self.status_url, timeout=self.scene.settings.patience)
        except (OSError, http.client.HTTPException) as error:
            self.poll_failed(error)
            return
        start.slowest_poll_ms = max(start.slowest_poll_ms, (time.monotonic() - began) * 1000)
        start.polls[answer.status] += 1
        start.stale += bool(answer.headers["X-Understudy-Stale"])
        self.check_urls(answer)
        if answer.status == 200:
            status = object_in(answer).get("runtimeStatus")
            start.final = status if status in FINAL else ""

    def poll_failed(self, error: Exception):
        self.start.polls[type(error).__name__] += 1

    def check_urls(self, answer: support.Response):
        urls = [answer.headers["Location"]] if answer.headers["Location"] else []
        urls += [value for key, value in object_in(answer).items() if key.lower().endswith("uri") and isinstance(value, str)]
        self.start.wrong_urls += [url for url in urls if not url.startswith(self.origin + "/")]


class Load:
    """Starts at a steady rate, each due at its time whatever became of the others."""

    def __init__(self, scene: Scene, make=Client):
        self.scene, self.make = scene, make
        self.clients: list[Client] = []
        self.go_home = threading.Event()
        self.late_ms = 0.0  # how late a start was at worst: tells of a machine that is too busy for this

    def run(self, seconds: float, rate: float, stop: threading.Event | None = None):
        stop = stop or self.go_home
        began = time.monotonic()
        for number in range(int(seconds * rate)):
            if stop.wait(max(0.0, began + number / rate - time.monotonic())):
                return
            self.late_ms = max(self.late_ms, (time.monotonic() - began - number / rate) * 1000)
            self.clients.append(self.make(self.scene, number, self.go_home))

    def finish(self, within: float) -> list[reconcile.Start]:
        limit = time.monotonic() + within
        for client in self.clients:
            client.thread.join(max(0.0, limit - time.monotonic()))
        self.go_home.set()
        for client in self.clients:
            client.thread.join(2 * self.scene.settings.patience)
            if client.error or client.thread.is_alive():
                raise AssertionError(f"the client of start {client.start.number} did not end well") from client.error
        return [client.start for client in self.clients]


COLUMNS = ("fault", "hub", "length", "peers", "started", "accepted", "unconfirmed", "refused", "unknown", "failed", "ghosts",
           "duplicates", "lost", "polls", "polls 404", "completed", "possible duplicates", "p50 ms", "p99 ms", "slowest ms", "verdict")


@dataclasses.dataclass
class Row:
    cell: Cell
    verdict: reconcile.Verdict
    possible_duplicates: int = 0
    late_ms: float = 0.0

    def misses(self) -> list[str]:
        return self.verdict.misses()

    def spoken(self) -> str:
        misses = self.misses()
        if not misses:
            return "ok"
        busy = f" (the machine was busy: a start was sent {self.late_ms:.0f} ms late)" if self.late_ms > TOO_LATE_MS else ""
        return "MISSED: " + "; ".join(misses) + busy

    def values(self) -> dict:
        verdict, cell = self.verdict, self.cell
        counts = verdict.counts()
        values = (cell.fault, cell.hub, cell.length, cell.peers, len(verdict.starts), verdict.accepted(),
                  sum(start.unconfirmed for start in verdict.starts.values()), counts["refused"], counts["unknown"], counts["failed"],
                  counts["ghost"], counts["duplicate"], counts["lost"], sum(verdict.polls.values()), verdict.not_found_polls(),
                  counts["completed"], self.possible_duplicates, *(round(verdict.answer_ms(share)) for share in (0.5, 0.99)),
                  round(verdict.slowest_ms()), self.spoken())
        return dict(zip(COLUMNS, values, strict=True))

    def json(self) -> dict:
        return {**self.values(), "words": self.verdict.counts(), "pollAnswers": {str(k): n for k, n in self.verdict.polls.items()},
                "misses": self.misses(), "loadLateMs": round(self.late_ms)}

    def line(self, markdown: bool = True) -> str:
        values = self.values().values()
        if markdown:
            return "| " + " | ".join(map(str, values)) + " |"
        return "  ".join(str(value).rjust(max(len(name), 6)) for name, value in zip(COLUMNS, values))


def header(markdown: bool = True) -> str:
    if markdown:
        return "| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS)
    return "  ".join(name.rjust(max(len(name), 6)) for name in COLUMNS)


def measure(cell: Cell, settings: Settings = Settings(), front=None) -> Row:
    scene = Scene(cell, settings, front)
    try:
        load = Load(scene)
        began = time.monotonic()

        def play():
            load.go_home.wait(settings.fault_at)
            heal = scene.begin(cell.fault, settings.fault_for)
            load.go_home.wait(max(0.0, began + settings.fault_at + settings.fault_for - time.monotonic()))
            heal()

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            fault = pool.submit(play)
            load.run(settings.seconds, settings.rate)
            fault.result()
        starts = load.finish(settings.final_within)
        executions = scene.settled_executions()
        verdict = reconcile.reconcile(starts, executions)
        row = Row(cell, verdict, scene.possible_duplicates(), load.late_ms)
        scene.keep(starts, verdict)
        return row
    finally:
        scene.close()


def matrix(faults, hubs, lengths, peers) -> list[Cell]:
    """Everything with direct peers; with gateways only what looks different through one."""
    cells = [Cell(fault, hub, length, "direct") for fault in faults for hub in hubs for length in lengths if "direct" in peers]
    return cells + [Cell(fault, hub, length, "gateway") for fault in faults if fault in GATEWAY_FAULTS
                    for hub in hubs for length in lengths if "gateway" in peers]


def measure_all(cells: list[Cell], settings: Settings, jobs: int):
    """The rows in the order of the cells, as they come in; every run in a process of its own."""
    if jobs == 1 or len(cells) == 1:
        yield from (measure(cell, settings) for cell in cells)
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=context, initializer=use_bin, initargs=(support.BIN,)) as pool:
        yield from pool.map(measure, cells, [settings] * len(cells))


def use_bin(folder: pathlib.Path):
    support.BIN = folder


def words(allowed):
    def parse(text: str) -> list[str]:
        given = text.split(",")
        odd = [word for word in given if word not in allowed]
        if odd:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(odd)}; there are {', '.join(allowed)}")
        return given

    return parse


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--faults", type=words((*FAULTS, "plain503", "none")), default=",".join(FAULTS))
    parser.add_argument("--hubs", type=words(HUBS), default=",".join(HUBS))
    parser.add_argument("--lengths", type=words(tuple(LENGTHS)), default=",".join(LENGTHS))
    parser.add_argument("--peers", type=words(("direct", "gateway")), default="direct,gateway")
    for field in dataclasses.fields(Settings):
        option = "--" + field.name.replace("_", "-")
        if field.type == "bool":
            parser.add_argument(option, action="store_true", help="repeat what was refused, after its Retry-After")
        else:
            parser.add_argument(option, type={"float": float, "str": str}[field.type], default=field.default)
    parser.add_argument("--jobs", type=int, choices=range(1, 9), default=2, help="runs at the same time")
    parser.add_argument("--bin", type=pathlib.Path, help="folder of the executables ($UNDERSTUDY_BIN, build/release/bin)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    if options.bin:
        support.BIN = options.bin.resolve()
    settings = Settings(**{field.name: getattr(options, field.name) for field in dataclasses.fields(Settings)})
    cells = matrix(options.faults, options.hubs, options.lengths, options.peers)
    if not cells:
        parser.error("no such run in the matrix: gateways only play " + " and ".join(GATEWAY_FAULTS))
    if not options.json:
        print(f"{settings.rate:g} starts/s for {settings.seconds:g} s, each polled every second at the URL of its answer; the primary is "
              f"away from second {settings.fault_at:g} to {settings.fault_at + settings.fault_for:g}. Shortened: answer_after "
              f"{settings.answer_after}, settle_after {settings.settle('direct')} direct and {settings.settle('gateway')} behind gateways, "
              f"which give up after {settings.gateway_cut()}.\n\n{header(options.markdown)}", flush=True)
    rows = []
    try:
        for row in measure_all(cells, settings, options.jobs):
            rows.append(row)
            if not options.json:
                print(row.line(options.markdown), flush=True)
    except unittest.SkipTest as missing:
        parser.error(str(missing))
    if options.json:
        print(json.dumps([row.json() for row in rows], indent=2))
    return 1 if any(row.misses() for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
