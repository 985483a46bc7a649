"""Starts that the ledger protects, by the byte: hubs that count what they ran, a proxy with short times, and a look into the
ledger's file from the outside, as somebody who does not trust the proxy's own word.

    class Some(StartTest):
        def test_…(self):
            self.begin(answer_after="300ms")         # west before east, one hub for both
            gate = self.gate()
            self.west.on_start = gate.hold()         # answers when the gate opens, and runs it then
            said = self.start("/orchestrators/Order/a")
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artefacts
import wire
from durable_hub import BASE, CREATED, FINAL, Hub, HubTest, answer, payload
from support import wait_until

STOPPED = answer(403, "<html><h1>Error 403 - This web app is stopped.</h1></html>", "Content-Type: text/html\r\n")
NOT_RUNNING = answer(503, "Function host is not running.", "Content-Type: text/plain\r\n")
ORIGIN = "http://client.example"  # what clients of these tests say as Host


def kind(message: wire.Message) -> tuple[int, str]:
    return message.status, json.loads(message.body).get("kind", "")


class Gate:
    """Holds starts back until it is opened: a host that is frozen, and thaws."""

    def __init__(self):
        self._open = threading.Event()
        self._reached = threading.Semaphore(0)

    def hold(self, then=None):
        """A fault: waits, then answers with `then`; None: the start runs and is answered as it should be."""

        def fault(request):
            self._reached.release()
            self._open.wait(60)
            return then(request) if callable(then) else then

        return fault

    def reached(self, count: int = 1):
        for _ in range(count):
            if not self._reached.acquire(timeout=wire.LIMIT):
                raise AssertionError("too few starts came to the gate")

    def open(self):
        self._open.set()


class StartHub(Hub):
    """A hub that notes each run, refuses an id that is alive, and says when it was created."""

    def __init__(self, upstream: wire.Upstream, key: str = ""):
        super().__init__(upstream, key)
        self.created: dict[str, str] = {}
        self.runs: list[tuple[str, str, bytes]] = []  # id, hub, body
        self.on_start = lambda request: None
        self.fault = self.fault_of_starts
        self.lock = threading.Lock()

    def share(self, other: "StartHub"):
        self.instances, self.created, self.runs, self.lock = other.instances, other.created, other.runs, other.lock

    @staticmethod
    def is_start(request: wire.Message) -> bool:
        return request.method == "POST" and "/orchestrators/" in request.target.lower()

    def fault_of_starts(self, request: wire.Message):
        return self.on_start(request) if self.is_start(request) else None

    def starts(self) -> list[wire.Message]:
        """All that came, the proxy's own replays included."""
        return [r for r in self.upstream.requests if self.is_start(r)]

    def asked(self) -> list[str]:
        """Look-ups; not the question that the claim about hubs is checked by."""
        return [path for path in super().asked() if path not in ("/instances", "/health")]

    def untouched(self) -> bool:
        """Nothing of a client's, nothing about a start."""
        return not self.forwarded() and not self.starts() and not self.asked()

    def ids(self) -> list[str]:
        return [r.target.split("?")[0].rsplit("/", 1)[1] for r in self.starts()]

    def ran_then(self, said):
        """A fault: it runs, and its client never hears of it."""
        return lambda request: (self.serve(request), said)[1]

    def run(self, instance: str, body: bytes) -> bool:
        with self.lock:
            if self.instances.get(instance, "Completed") not in FINAL:
                return False
            self.instances[instance] = "Running"
            self.created[instance] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            self.runs.append((instance, self.name, body))
            return True

    def serve(self, request: wire.Message) -> bytes:
        path = request.target.partition("?")[0]
        if path == "/health":
            return answer(200)
        custom = re.match(r"/api/orchestrators/([^/]+)$", path)
        if custom and request.method == "POST":
            self.number += 1
            instance = f"{self.name}-custom-{self.number}"
            self.run(instance, request.body)
            return answer(202, payload(self.url, instance, self.key or "k"), f"X-Served-By: {self.name}\r\n")
        if self.is_start(request) and path.startswith(BASE) and not (self.key and request.get("x-functions-key") != self.key):
            parts = path.removeprefix(BASE + "/").split("/")
            raw = parts[2] if len(parts) > 2 else f"{self.name}-own-{len(self.runs)}"
            instance = urllib.parse.unquote(raw)
            if not self.run(instance, request.body):
                return answer(500, {"ExceptionMessage": f"An Orchestration instance with the status {self.instances[instance]} "
                                                        "already exists."})
            return answer(202, payload(self.url, raw, self.key or "k"),
                          f"X-Served-By: {self.name}\r\nLocation: {self.url}{BASE}/instances/{raw}?code={self.key or 'k'}\r\n")
        return super().serve(request)

    def instance(self, request, rest, query, served) -> bytes:
        said = super().instance(request, rest, query, served)
        created = self.created.get(rest[0]) if rest else None
        return said.replace(f'"createdTime": "{CREATED}"'.encode(), f'"createdTime": "{created}"'.encode()) if created else said


class StartTest(HubTest):
    HUB = "shared"

    def setUp(self):
        super().setUp()
        self.west, self.east = self.start_hub("west"), self.start_hub("east")
        if self.HUB != "per_region":
            self.east.share(self.west)

    def start_hub(self, name: str, key: str = "") -> StartHub:
        hub = StartHub(self.upstream(name=name), key)
        self.addCleanup(hub.let_go.set)
        return hub

    def gate(self) -> Gate:
        gate = Gate()
        self.addCleanup(gate.open)
        return gate

    # The proxy ------------------------------------------------------------------------------------

    @property
    def ledger_path(self):
        return self.folder / "ledger" / "ledger.db"

    def begin(self, *endpoints, durable: dict | None = None, changes: dict | None = None, **ledger):
        """west before east, or the endpoints that are given. Times long enough not to come unless a test says so."""
        ledger = {"path": str(self.ledger_path), "answer_after": "8s", "settle_after": "300ms", **ledger}
        settings = {"task_hub": self.HUB, "ledger": ledger, **(durable or {})}
        listed = endpoints or (self.endpoint(self.west), self.endpoint(self.east))
        self.proxy_ = self.front(*listed, durable=settings, **(changes or {}))
        return self.proxy_

    def keyed(self, *hubs: StartHub) -> list[dict]:
        """Endpoints that need keys, each its own, and a client key of the proxy's: self.client_key."""
        self.client_key = artefacts.new_key()
        out = []
        for hub in hubs or (self.west, self.east):
            hub.key = artefacts.new_key()
            out.append(self.endpoint(hub, auth="keys", keys={"durable": hub.key, "function": artefacts.new_key()}))
        return out

    def key_line(self, key: str | None = None) -> str:
        return f"x-functions-key: {key or self.client_key}\r\n"

    def down(self, *hubs: StartHub):
        for hub in hubs:
            hub.upstream.close()
        for hub in hubs:
            self.proxy_.wait_for_status(hub.name, "Degraded")

    def up(self, hub: StartHub):
        hub.upstream.start()
        self.proxy_.wait_for_status(hub.name, "Online")

    def book(self) -> dict:
        return self.proxy_.status()["durable"]["starts"]

    def wait_settled(self, how_many: int | None = None):
        """Nothing is open any more."""
        wait_until(lambda: self.book()["open"] == 0, what="every start settled")

    # Clients --------------------------------------------------------------------------------------

    def start(self, path: str = "/orchestrators/Order", fields: str = "", body: bytes = b'{"n": 1}') -> wire.Message:
        return self.client(self.proxy_).ask("POST", BASE + path, "Content-Type: application/json\r\n" + fields, body)

    def send_start(self, path: str = "/orchestrators/Order", fields: str = "", body: bytes = b'{"n": 1}',
                   base: str = BASE) -> wire.Client:
        client = self.client(self.proxy_)
        client.send(f"POST {base}{path} HTTP/1.1\r\nHost: client.example\r\n{fields}Content-Length: {len(body)}\r\n\r\n", body)
        return client

    def ask(self, method: str, path: str, fields: str = "", body: bytes = b"") -> wire.Message:
        return self.client(self.proxy_).ask(method, BASE + path, fields, body)

    def poll(self, instance: str, fields: str = "") -> wire.Message:
        return self.ask("GET", f"/instances/{instance}", fields)

    def status_url(self, said: wire.Message) -> str:
        return json.loads(said.body)["statusQueryGetUri"]

    def follow(self, said: wire.Message, fields: str = "") -> wire.Message:
        """A poll of exactly the URL that an answer gave."""
        url = self.status_url(said)
        self.assertTrue(url.startswith(ORIGIN + "/"), url)
        return self.client(self.proxy_).ask("GET", url.removeprefix(ORIGIN), fields)

    # What is asserted -----------------------------------------------------------------------------

    def assert_unconfirmed(self, said: wire.Message, outcome: str = "unconfirmed"):
        self.assertEqual((said.status, said.get("X-Understudy-Outcome")), (202, outcome), said.text)
        body = json.loads(said.body)
        for name in ("statusQueryGetUri", "sendEventPostUri", "terminatePostUri", "purgeHistoryDeleteUri"):
            self.assertTrue(body[name].startswith(f"{ORIGIN}{BASE}/instances/"), name)
        self.assertEqual(said.get("Location"), body["statusQueryGetUri"])

    def assert_shown_as(self, said: wire.Message, status: str, code: int = 202, outcome: str = "unconfirmed"):
        self.assertEqual((said.status, said.get("X-Understudy-Outcome")), (code, outcome), said.text)
        body = json.loads(said.body)
        self.assertEqual(body["runtimeStatus"], status)
        self.assertEqual(body["customStatus"], {"understudy": {"outcome": outcome}})

    def assert_ran(self, *ids: str):
        """These ran, each once, and nothing else did."""
        self.assertEqual(sorted(run[0] for run in self.west.runs + (self.east.runs if self.HUB == "per_region" else [])), sorted(ids))

    def assert_once_at(self, hub: StartHub, other: StartHub, said: wire.Message):
        """One attempt at one hub, under the id that the client was told."""
        instance = json.loads(said.body)["id"]
        self.assertEqual((hub.ids(), other.ids()), ([instance], []))
        self.assert_ran(instance)

    # The file -------------------------------------------------------------------------------------

    def cells(self, tables: str = "") -> list[tuple[str, str, object]]:
        """Table, column and value of everything on disk about starts (not the directory of instances)."""
        found = []
        with sqlite3.connect(f"file:{self.ledger_path}?mode=ro", uri=True, timeout=5) as db:
            for (table,) in db.execute("select name from sqlite_master where type='table'").fetchall():
                if table in ("instance", "secret") or tables not in table:
                    continue
                rows = db.execute(f'select * from "{table}"')
                names = [column[0] for column in rows.description]
                found += [(table, name, value) for row in rows for name, value in zip(names, row)]
        return found

    def on_disk(self, text: str | bytes, tables: str = "") -> bool:
        raw = text if isinstance(text, bytes) else text.encode()
        for _, _, value in self.cells(tables):
            cell = value if isinstance(value, bytes) else str(value).encode()
            if raw in cell:
                return True
        return False

    def attempts_on_disk(self, instance: str) -> int:
        with sqlite3.connect(f"file:{self.ledger_path}?mode=ro", uri=True, timeout=5) as db:
            return db.execute("select count(*) from attempt join start on attempt.start = start.number where start.id = ?",
                              (urllib.parse.unquote(instance),)).fetchone()[0]
