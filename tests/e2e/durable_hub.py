"""A function app with a task hub in a thread of the test, for what no well-behaved app does.

    hub = Hub(test.upstream(name="west"))     # or self.hub("west") in a HubTest
    hub.instances["a"] = "Running"            # by decoded id
    hub.fault = lambda request: "hang"        # or "drop", "reset", an answer as bytes, None: as it should be

It speaks as much of the Durable HTTP API as routing needs: starts, polls, events and other actions,
purges, entities, lists; keys are asked for when `key` is set.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
import wire

BASE = "/runtime/webhooks/durabletask"
FINAL = ("Completed", "Failed", "Terminated")
CREATED = "2026-01-01T00:00:00Z"


def payload(origin: str, instance: str, code: str = "", **more) -> dict:
    """A check-status payload as the built-in route makes it; the id as it stands in URLs."""
    query = f"taskHub=Hub&connection=Storage&code={urllib.parse.quote(code, safe='')}"
    url = f"{origin}{BASE}/instances/{instance}"
    return {"id": urllib.parse.unquote(instance), "statusQueryGetUri": f"{url}?{query}",
            "sendEventPostUri": f"{url}/raiseEvent/{{eventName}}?{query}",
            "terminatePostUri": f"{url}/terminate?reason={{{{text}}}}&{query}",
            "purgeHistoryDeleteUri": f"{url}?{query}", "restartPostUri": None, **more}


def answer(status: int, body=b"", fields: str = "") -> bytes:
    if isinstance(body, (dict, list)):
        body, fields = json.dumps(body).encode(), f"Content-Type: application/json; charset=utf-8\r\n{fields}"
    body = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status} Said\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body


class Hub:
    def __init__(self, upstream: wire.Upstream, key: str = ""):
        self.upstream, self.key = upstream, key
        self.instances: dict[str, str] = {}
        self.entities: dict[tuple[str, str], int] = {}
        self.fault = lambda request: None
        self.let_go = threading.Event()
        self.number = 0
        upstream.script = self.script

    @property
    def name(self) -> str:
        return self.upstream.name

    @property
    def url(self) -> str:
        return self.upstream.url

    def forwarded(self) -> list[wire.Message]:
        """What clients sent; the proxy's own questions name no proxy that they came through."""
        return [r for r in self.upstream.requests if r.get("Via")]

    def seen(self) -> list[str]:
        """Method and path of what clients sent, in order."""
        return [f"{r.method} {r.target.split('?')[0].removeprefix(BASE)}" for r in self.forwarded()]

    def asked(self) -> list[str]:
        """Paths of the proxy's own questions."""
        return [r.target.split("?")[0].removeprefix(BASE) for r in self.upstream.requests if not r.get("Via")]

    def script(self, conn: wire.Connection):
        while True:
            request = conn.read_request()
            said = self.fault(request)
            if said == "hang":
                self.let_go.wait(60)
                return
            if said == "drop":
                return
            if said == "reset":
                return conn.reset()
            said = said or self.serve(request)
            if request.method == "HEAD":
                said = said.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
            conn.send(said)
            if b"\r\nConnection: close\r\n" in said:
                return

    def serve(self, request: wire.Message) -> bytes:
        path, _, query = request.target.partition("?")
        served = f"X-Served-By: {self.name}\r\n"
        if self.key and request.get("x-functions-key") != self.key:
            return answer(401)
        if not path.startswith(BASE + "/"):
            return answer(200, self.name, served)
        parts = [urllib.parse.unquote(part) for part in path.removeprefix(BASE + "/").split("/")]
        kind, rest = parts[0].lower(), parts[1:]
        if kind == "orchestrators" and request.method == "POST":
            self.number += 1
            instance = rest[1] if len(rest) > 1 else f"{self.name}-{self.number}"
            self.instances[instance] = "Running"
            raw = path.split("/")[-1] if len(rest) > 1 else instance
            return answer(202, payload(self.url, raw, self.key or "k"), served)
        if kind == "instances":
            return self.instance(request, rest, query, served)
        if kind == "entities" and len(rest) == 2:
            entity = (rest[0].lower(), rest[1])
            if request.method == "GET":
                return answer(200, str(self.entities[entity]), served) if entity in self.entities else answer(404)
            self.entities[entity] = self.entities.get(entity, 0) + 1
            return answer(202, b"", served)
        return answer(404)

    def instance(self, request, rest, query, served) -> bytes:
        if not rest:
            items = [{"instanceId": name, "runtimeStatus": status} for name, status in sorted(self.instances.items())]
            if request.method == "DELETE":
                self.instances.clear()
                return answer(200, {"instancesDeleted": len(items)}) if items else answer(404)
            return answer(200, items, served)
        status = self.instances.get(rest[0])
        if status is None:
            return answer(404)
        if request.method == "GET" and len(rest) == 1:
            body = {"name": "Order", "instanceId": rest[0], "runtimeStatus": status, "input": None, "customStatus": None,
                    "output": f"made by {self.name}", "createdTime": CREATED, "lastUpdatedTime": CREATED}
            if status in FINAL:
                return answer(200, body, served)
            return answer(202, body, f"{served}Location: {self.url}{request.target}\r\nRetry-After: 5\r\n")
        if request.method == "DELETE" and len(rest) == 1:
            del self.instances[rest[0]]
            return answer(200, {"instancesDeleted": 1}, served)
        if request.method != "POST" or len(rest) < 2:
            return answer(404)
        action = rest[1].lower()
        if action == "terminate":
            self.instances[rest[0]] = "Terminated"
        if action == "restart":
            self.number += 1
            again = f"again-{self.number}"
            self.instances[again] = "Running"
            return answer(202, payload(self.url, again, self.key or "k"), served)
        if action not in ("terminate", "raiseevent", "suspend", "resume", "rewind"):
            return answer(404)
        return answer(202, b"", served)


class HubTest(wire.WireTest):
    def hub(self, name: str, key: str = "") -> Hub:
        hub = Hub(self.upstream(name=name), key)
        self.addCleanup(hub.let_go.set)
        return hub

    @staticmethod
    def endpoint(hub: Hub, **more) -> dict:
        return {"name": hub.name, "url": hub.url, "region": f"{hub.name}-region", **more}

    def regions(self, *hubs: Hub, durable: dict | None = None, **changes):
        """A proxy before hubs per region, by priority."""
        endpoints = [hub if isinstance(hub, dict) else self.endpoint(hub) for hub in hubs]
        settings = {"task_hub": "per_region", "ledger": {"mode": "off"}, **(durable or {})}
        return self.front(*endpoints, durable=settings, **changes)

    def assert_idle(self, proxy):
        """No request is counted as open any more."""

        support.wait_until(lambda: proxy.metric("understudy_client_requests_in_flight") == 0, what="no request in flight")
