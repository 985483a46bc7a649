#!/usr/bin/env python3
"""Everything at once for minutes, and then the books are balanced: nothing leaked, nothing unaccounted for.

    python3 tests/e2e/mixed_load.py [--seconds 300] [--seed N] [--bin FOLDER]        ./dev load runs it with sanitizers

Real processes: proxy (cleartext and TLS listener, access log), two stand-in apps and their storage. Beside starts that are
polled to their end there are GETs on kept connections, uploads, HEADs over TLS, uploads that are aborted, answers that
are read slowly or left half-way, and heads that never end. The primary is killed, frozen, reset, stopped and made to fail
in turn; between that the configuration is reloaded and the primary drained and enabled.

At the end, with nothing to do: no sanitizer has said anything, no descriptor is left, no gauge counts anything, memory is
where it was after the warm-up (sanitizers keep what was freed for a while: see GROWTH), every start ran once or its
client knows better (reconcile.py), and what the access log says was answered is what clients were answered.
Exit code 1 when something is wrong. Standard library only.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import certificates
import reconcile
import starts
import support

FAULTS = ("kill", "freeze", "reset", "503", "403", "plain503")
GROWTH = {"plain": 8 << 20, "sanitized": 96 << 20}  # bytes of resident memory from the end of the warm-up on
GAUGES = ("client_requests_in_flight", "client_connections", "tunnels", "retries_in_flight")
PATIENCE = 15.0


@dataclasses.dataclass
class Told:
    """What one client was told, under a path of its own."""

    sent: int = 0
    broken: int = 0  # no answer, or half of one
    by_status: collections.Counter = dataclasses.field(default_factory=collections.Counter)


class Clients:
    """Threads that ask until `stop`. Each kind has its path, by which the access log knows it."""

    def __init__(self, scene: "Scene", seed: int):
        self.scene, self.seed, self.stop = scene, seed, threading.Event()
        self.told: dict[str, Told] = {}
        self.errors: list[BaseException] = []
        kinds = {"get": (self.ask, 3), "upload": (self.upload, 2), "tls": (self.ask_by_tls, 2), "aborted": (self.abort, 2),
                 "slow": (self.read_slowly, 2), "silent": (self.be_silent, 1)}
        self.threads = []
        for kind, (run, count) in kinds.items():
            for number in range(count):
                name = f"{kind}{number}"
                self.told[name] = Told()
                self.threads.append(threading.Thread(target=self.guard, args=(run, name), daemon=True))
        for thread in self.threads:
            thread.start()

    def finish(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(3 * PATIENCE)
            if thread.is_alive():
                raise AssertionError("a client hangs: some wait has no deadline")
        if self.errors:
            raise self.errors[0]

    def guard(self, run, name: str):
        try:
            run(f"/mixed/{name}", self.told[name], random.Random(f"{self.seed}-{name}"))
        except BaseException as error:
            self.errors.append(error)

    def pause(self, seconds: float) -> bool:
        return not self.stop.wait(seconds)

    def exchanges(self, connect, path: str, told: Told, make):
        """Requests on a connection that is kept as long as it works; `make` gives method and body."""
        connection = None
        while self.pause(0.01):
            connection = connection or connect()
            method, body = make()
            told.sent += 1
            try:
                connection.request(method, path, body)
                answer = connection.getresponse()
                answer.read()
                told.by_status[answer.status] += 1
            except (OSError, http.client.HTTPException):
                told.broken += 1
                connection.close()
                connection = None
        if connection:
            connection.close()

    def ask(self, path: str, told: Told, dice: random.Random):
        self.exchanges(lambda: http.client.HTTPConnection("127.0.0.1", self.scene.ports["proxy"], timeout=PATIENCE),
                       path, told, lambda: (dice.choice(("GET", "GET", "HEAD", "OPTIONS")), None))

    def ask_by_tls(self, path: str, told: Told, dice: random.Random):
        self.exchanges(lambda: http.client.HTTPSConnection("localhost", self.scene.ports["tls"], timeout=PATIENCE,
                                                           context=self.scene.trust),
                       path, told, lambda: (dice.choice(("GET", "HEAD")), None))

    def upload(self, path: str, told: Told, dice: random.Random):
        self.exchanges(lambda: http.client.HTTPConnection("127.0.0.1", self.scene.ports["proxy"], timeout=PATIENCE),
                       path, told, lambda: ("POST", bytes(dice.choice((0, 1, 3000, 90_000, 600_000)))))

    def dial(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.scene.ports["proxy"]), PATIENCE)

    def abort(self, path: str, told: Told, dice: random.Random):
        while self.pause(0.05):
            size = dice.choice((10, 5000, 400_000))
            method = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size + 1}\r\n\r\n".encode()
            with self.dial() as client:
                told.sent += 1
                told.broken += 1
                try:
                    client.sendall(method + bytes(dice.randrange(size)))
                    if dice.random() < 0.5:
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # leaves with a reset
                except OSError:
                    pass

    def read_slowly(self, path: str, told: Told, dice: random.Random):
        """Asks for more than sockets hold, reads a little of it, and leaves."""
        while self.pause(0.05):
            with self.dial() as client:
                told.sent += 20
                told.broken += 20
                try:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 20)
                    for _ in range(dice.randrange(6)):
                        client.recv(200)
                        self.pause(0.05)
                except OSError:
                    pass

    def be_silent(self, path: str, told: Told, dice: random.Random):
        """Heads that come byte by byte, and connections on which nothing comes."""
        del told
        while self.pause(0.05):
            with self.dial() as client:
                try:
                    for byte in f"GET {path} HTTP/1.1\r\nHost: a\r\n".encode()[:dice.randrange(30)]:
                        client.sendall(bytes([byte]))
                        self.pause(0.02)
                except OSError:
                    pass


class Scene(starts.Scene):
    def __init__(self, settings: starts.Settings):
        super().__init__(starts.Cell("mixed"), settings)

    def proxy_config(self, durable: dict) -> dict:
        authority = certificates.Authority(self.folder, "authority")
        certificate, key = authority.issue("localhost", "DNS:localhost")
        self.trust = ssl.create_default_context(cafile=str(authority.ca))
        self.ports["tls"] = support.free_port()
        self.log = self.folder / "access.log"
        config = super().proxy_config(durable)
        config["listen"].append({"address": f"127.0.0.1:{self.ports['tls']}", "tls": {"certificate": certificate, "key": key}})
        config["log"] = {"access": True, "format": "json", "file": str(self.log)}
        config["timeouts"] = {"head": "2s", "body": "3s", "write": "3s", "first_byte": "3s"}
        config["failback"] = {"healthy_for": "1s", "flap_max": "2s"}
        return config

    def play_faults(self, dice: random.Random, ends: float, clients: Clients) -> int:
        turn = 0
        while time.monotonic() < ends:
            fault = FAULTS[turn % len(FAULTS)]
            heal = self.begin(fault, 0)
            clients.pause(dice.uniform(1, 3))
            heal()
            config = json.loads(self.config.read_text())
            config["timeouts"]["connect"] = f"{2 + turn % 3}s"
            self.config.write_text(json.dumps(config))
            self.proxy.signal(signal.SIGHUP)
            if turn % 3 == 2:
                for command in (("drain", "primary"), ("drain", "primary", "--undo")):
                    done = support.understudy(*command, "--admin", self.proxy.admin)
                    if done.code != 0:
                        raise AssertionError(f"{command}: {done.err}")
                    clients.pause(0.5)
            clients.pause(dice.uniform(1, 3))
            turn += 1
        return turn

    def resident(self) -> int:
        status = pathlib.Path(f"/proc/{self.proxy.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) << 10

    def descriptors(self) -> collections.Counter:
        """Open ones, by what they are."""
        found = collections.Counter()
        for link in pathlib.Path(f"/proc/{self.proxy.pid}/fd").iterdir():
            try:
                found[os.readlink(link).split(":")[0]] += 1
            except FileNotFoundError:
                pass  # closed since
        return found

    def left_open(self, before: collections.Counter) -> dict[str, int]:
        """More than `before`, without the pool's connections and those that probe and ask this moment."""
        pooled = int(self.proxy.metric("understudy_upstream_idle_connections"))
        return dict(self.descriptors() - before - collections.Counter(socket=pooled + 1))

    def sanitized(self) -> bool:
        return "libasan" in (maps := pathlib.Path(f"/proc/{self.proxy.pid}/maps").read_text()) or "libtsan" in maps


def logged(path: pathlib.Path) -> dict[str, collections.Counter]:
    """Lines by client's path and status; 0 is a client that left."""
    found: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        if entry.get("kind") == "access" and entry.get("path", "").startswith("/mixed/"):
            name = entry["path"].removeprefix("/mixed/")
            found[name]["left" if entry.get("clientAborted") else entry["status"]] += 1
    return found


def unbalanced(told: dict[str, Told], lines: dict[str, collections.Counter]) -> list[str]:
    """Where clients and log disagree. A line too many is an answer that its client never got, and says so."""
    wrong = []
    for name, client in told.items():
        have = lines.get(name, collections.Counter())
        for status, count in client.by_status.items():
            if have[status] < count:
                wrong.append(f"{name}: {count} answers {status}, {have[status]} in the log")
        answered, in_log = sum(client.by_status.values()), sum(have.values())
        if not answered <= in_log <= answered + client.broken:
            wrong.append(f"{name}: {answered} answers and {client.broken} broken, {in_log} in the log")
    return wrong


def measure(seconds: float, seed: int) -> tuple[str, list[str]]:
    """Plays; what happened in a line, and what is wrong."""
    settings = starts.Settings(rate=5, final_within=120, patience=PATIENCE)
    scene = Scene(settings)
    wrong: list[str] = []
    try:
        sanitized = scene.sanitized()
        idle_before = scene.descriptors()
        clients = Clients(scene, seed)
        load = starts.Load(scene)
        starting = threading.Thread(target=load.run, args=(seconds, settings.rate))
        starting.start()
        began = time.monotonic()
        warm_up = min(60.0, seconds / 3)
        turns = scene.play_faults(random.Random(seed), began + warm_up, clients)
        warm = scene.resident()
        turns += scene.play_faults(random.Random(seed + 1), began + seconds, clients)
        starting.join()
        clients.finish()
        verdict = reconcile.reconcile(load.finish(settings.final_within), scene.settled_executions())
        wrong += verdict.misses()
        for gauge in GAUGES:
            support.wait_until(lambda: scene.proxy.metric(f"understudy_{gauge}") == 0, 30, f"{gauge} to be 0")
        try:
            support.wait_until(lambda: not scene.left_open(idle_before), 30, "descriptors to be closed")
        except AssertionError:
            wrong.append(f"descriptors left: {dict(idle_before)} before, more of {scene.left_open(idle_before)} now")
        growth, allowed = scene.resident() - warm, GROWTH["sanitized" if sanitized else "plain"]
        if growth > allowed:
            wrong.append(f"{growth >> 20} MiB more memory than after the warm-up")
        if not scene.proxy.running():
            wrong.append("the proxy has ended:\n" + scene.proxy.text[-4000:])
        scene.proxy.close()  # writes what is left of the log, and raises what a sanitizer said
        answered = sum(sum(told.by_status.values()) for told in clients.told.values())
        wrong += unbalanced(clients.told, logged(scene.log))
        if not answered or not verdict.starts:
            wrong.append("nothing was asked")
        note = (f"{seconds:g} s, seed {seed}{', sanitized' if sanitized else ''}: {turns} faults, {answered} answers, "
                f"{sum(told.broken for told in clients.told.values())} broken or left, {len(verdict.starts)} starts "
                f"({verdict.accepted()} accepted), memory {growth / (1 << 20):+.1f} MiB, slowest start {verdict.slowest_ms():.0f} ms")
        return note, wrong
    finally:
        scene.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--bin", type=pathlib.Path, help="folder of the executables ($UNDERSTUDY_BIN, build/release/bin)")
    options = parser.parse_args()
    if options.bin:
        support.BIN = options.bin.resolve()
    note, wrong = measure(options.seconds, options.seed)
    print(note)
    for one in wrong:
        print(f"WRONG: {one}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
