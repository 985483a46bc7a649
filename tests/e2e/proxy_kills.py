#!/usr/bin/env python3
"""kill -9 of the proxy at random moments under load: nothing that it accepted is lost or repeated.

    python3 tests/e2e/proxy_kills.py [--kills 200] [--seed N] [--rate 10] [--hub shared|per_region] [--freezes] [--bin FOLDER]

The proxy is started again at once with the same ledger file and the same address. Every third start chooses its
id, every third has an Idempotency-Key: when the proxy dies on them these ask again, the same, until they are
answered, and must run once in all. Every third has neither: when the proxy dies on it nobody was told anything, and
it may run, once. Clients poll on through the deaths. With --freezes the primary is frozen for 2 s out of every 8, so
that there is always something open to be taken over. reconcile.py has the last word; exit code 1 when anything was
missed. The seed is printed and repeats the moments, though not what the machine does between them. settle_after and
answer_after are shortened, see --settle-after and --answer-after. Standard library only.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import dataclasses
import http.client
import os
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import reconcile
import starts
import support
from reconcile import ACCEPTED, FAILED, REFUSED, UNANSWERED

LONGEST_LIFE = 1.5  # seconds from a start of the proxy to its next death; it is ready after about a tenth of one
DEATHS = (ConnectionError, http.client.HTTPException)  # how a client sees that the proxy died; a timeout is something else
ASK_AGAIN = 0.1
SLOW_MS = 150  # before every answer of the apps


class DyingProxy(starts.Scene):
    """The proxy at an address that survives it."""

    def __init__(self, hub: str, settings: starts.Settings):
        super().__init__(starts.Cell("none", hub), settings, durable={"duplicate_status": 409})
        for name in ("primary", "secondary"):  # or hardly any start would be under way when the proxy dies
            support.request("POST", f"{self.app_url(name)}/_control/slow?ms={SLOW_MS}")

    def proxy_config(self, durable: dict) -> dict:
        config = super().proxy_config(durable)
        self.ports["admin"] = support.free_port()
        config["admin"] = {"address": f"127.0.0.1:{self.ports['admin']}"}
        return config

    def kill_proxy(self):
        self.proxy.kill()
        self.started.remove(self.proxy)
        if self.settings.keep:
            self.proxy_logs.append(self.proxy.text)
        self.proxy.close()

    def start_unready(self):
        """Does not wait for the ready line: it may die before."""
        self.proxy = support.Process("understudy", [support.executable("understudy"), "run", str(self.config)])
        self.started.append(self.proxy)

    def start_for_good(self):
        self.front = self.start_proxy()
        self.wait_online()


class Client(starts.Client):
    """Asks again when the proxy died on it, if it may."""

    def chooses_id(self, number: int) -> bool:
        return number % 3 == 0

    def milliseconds(self, number: int) -> int:
        # Who asks again by an own id must find it running still: a finished id is started anew, by right.
        return 10_000 if self.chooses_id(number) else 1500

    def run(self):
        start, began = self.start, time.monotonic()
        headers = {"Idempotency-Key": f"order {start.number}"} if start.number % 3 == 1 else {}
        while not self.go_home.is_set() and not self.ask(headers):
            start.requests += 1
            self.go_home.wait(ASK_AGAIN)
        start.answer_ms = (time.monotonic() - began) * 1000
        self.follow()

    def path(self) -> str:
        return f"{starts.BUILT_IN}/{self.start.given_id}" if self.start.given_id else starts.BUILT_IN

    def ask(self, headers: dict) -> bool:
        """True when there is nothing to ask again for."""
        start = self.start
        try:
            answer = self.post(headers)
        except ConnectionRefusedError:
            return False  # nothing was sent
        except DEATHS as error:
            start.said, start.detail = UNANSWERED, type(error).__name__
            return start.number % 3 == 2
        except OSError as error:
            start.said, start.detail = FAILED, type(error).__name__
            return True
        if start.requests > 1 and start.given_id and answer.status in (409, 500) and "already exists" in answer.text:
            start.said, start.detail, start.id = ACCEPTED, "exists", start.given_id
            self.status_url = f"{self.origin}/runtime/webhooks/durabletask/instances/{start.given_id}"
            return True
        self.take(answer)
        if start.said == REFUSED:
            self.go_home.wait(self.retry_after)
        return start.said != REFUSED

    def poll_failed(self, error: Exception):
        if not isinstance(error, DEATHS):
            super().poll_failed(error)


@dataclasses.dataclass
class Result:
    seed: int
    kills: int
    verdict: reconcile.Verdict
    possible_duplicates: int

    def misses(self) -> list[str]:
        return self.verdict.misses()

    def text(self) -> str:
        verdict = self.verdict
        asked_again = sum(start.requests > 1 for start in verdict.starts.values())
        deaths = collections.Counter(start.detail for start in verdict.starts.values() if start.said == UNANSWERED)
        counts = ", ".join(f"{n} {word}" for word, n in verdict.counts().items() if n)
        return (f"seed {self.seed}: {self.kills} kills, {len(verdict.starts)} starts, {verdict.accepted()} accepted, "
                f"{asked_again} asked again, {sum(deaths.values())} never answered; {counts}; "
                f"{verdict.not_found_polls()} polls of {sum(verdict.polls.values())} answered 404; "
                f"{self.possible_duplicates} marked possible duplicates: {'ok' if not self.misses() else '; '.join(self.misses())}")


def measure(kills: int, seed: int, settings: starts.Settings = starts.Settings(), hub: str = "shared", freezes: bool = False) -> Result:
    chance = random.Random(seed)
    moments = [chance.uniform(0, LONGEST_LIFE) for _ in range(kills)]
    scene = DyingProxy(hub, settings)
    try:
        load = starts.Load(scene, Client)
        stop = threading.Event()

        def freeze_now_and_then():
            while freezes and not stop.wait(6):
                heal = scene.begin("freeze", 2)
                stop.wait(2)
                heal()

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            loading = pool.submit(load.run, sum(moments) + kills * 0.1 + 2, settings.rate, stop)
            freezing = pool.submit(freeze_now_and_then)
            try:
                stop.wait(1)
                for moment in moments:
                    scene.kill_proxy()
                    scene.start_unready()
                    stop.wait(moment)
                scene.kill_proxy()
                scene.start_for_good()
            finally:
                stop.set()
            loading.result()
            freezing.result()
        told = load.finish(settings.final_within)
        executions = scene.settled_executions()
        verdict = reconcile.reconcile(told, executions)
        result = Result(seed, kills + 1, verdict, scene.possible_duplicates())
        scene.keep(told, verdict)
        return result
    finally:
        scene.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--hub", choices=starts.HUBS, default="shared")
    parser.add_argument("--freezes", action="store_true", help="freeze the primary for 2 s out of every 8")
    parser.add_argument("--rate", type=float, default=10)
    parser.add_argument("--settle-after", default="1s")
    parser.add_argument("--answer-after", default="2s")
    parser.add_argument("--final-within", type=float, default=90)
    parser.add_argument("--keep", default="", help="folder for what the run leaves")
    parser.add_argument("--bin", type=pathlib.Path, help="folder of the executables ($UNDERSTUDY_BIN, build/release/bin)")
    options = parser.parse_args()
    if options.bin:
        support.BIN = options.bin.resolve()
    settings = starts.Settings(rate=options.rate, settle_after=options.settle_after, answer_after=options.answer_after,
                               final_within=options.final_within, keep=options.keep)
    print(f"seed {options.seed}", flush=True)
    result = measure(options.kills, options.seed, settings, options.hub, options.freezes)
    print(result.text())
    return 1 if result.misses() else 0


if __name__ == "__main__":
    sys.exit(main())
