"""Whom the proxy lets in, whose key goes where, and what an answer may say: paths that are closed, the clients' keys,
the endpoints' keys, management URLs in every shape, tokens."""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
import unittest
import urllib.parse
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artefacts
import support
from durable_hub import BASE, HubTest, answer, payload

PUBLIC = "https://public.example/orders"


def quoted(key: str) -> str:
    return urllib.parse.quote(key, safe="")


def spellings(key: str) -> list[bytes]:
    """How a key may stand in bytes on the wire."""
    return [text.encode() for text in (key, quoted(key), quoted(key).lower(), json.dumps(key)[1:-1])]


class KeyTest(HubTest):
    def setUp(self):
        super().setUp()
        self.client_key, self.second_key = artefacts.new_key(), artefacts.new_key()
        self.durable_key, self.function_key = artefacts.new_key(), artefacts.new_key()

    def keyed(self, hub, **more) -> dict:
        keys = {"durable": self.durable_key, "function": self.function_key}
        return self.endpoint(hub, **{"auth": "keys", "keys": keys, **more})

    def guarded(self, *endpoints, hub: str = "shared", **changes):
        durable = {"task_hub": hub, "ledger": {"mode": "off"}, **changes.pop("durable", {})}
        changes = {"clients": {"keys": [self.client_key, self.second_key]}, "public_origin": PUBLIC, **changes}
        return self.front(*endpoints, durable=durable, **changes)

    def assert_never_at(self, hub, *keys: str):
        for key in keys:
            for text in spellings(key):
                self.assertNotIn(text, hub.upstream.received(), f"a key at {hub.name}")

    def assert_not_in(self, raw: bytes, *keys: str):
        for key in keys:
            for text in spellings(key):
                self.assertNotIn(text, raw)


class ClosedPaths(KeyTest):
    CLOSED = ("/admin", "/admin/", "/ADMIN/host/status", "/admin/host/systemkeys/_master", "/admin?code=x",
              "/admin/extensions/other", "/runtime/webhooks", "/Runtime/WebHooks/eventgrid?functionName=x",
              "/runtime/webhooks/durabletaskx/instances", "/%61dmin/host/keys", "/adm%69n/host/keys", "//admin/host/keys",
              "/./admin/host/keys", "/x/../admin/host/keys", "/x/%2e%2e/admin/host/keys", "/x/.%2E/admin/host/keys",
              "/x%2f..%2fadmin/host/keys", "/\\admin/host/keys", "/x/..\\admin/host/keys", "/admin%2fhost/keys",
              "/admin;x=1/host/keys", "/;/admin/host/keys", "/runtime%2fwebhooks/eventgrid", "/runtime//webhooks/eventgrid",
              "/runtime/./webhooks/eventgrid", "/api/../runtime/webhooks/eventgrid", "http://any.example/admin/host/keys",
              f"{BASE}/../eventgrid", f"{BASE}/%2e%2e/eventgrid", f"{BASE}/%69nstances/a", f"{BASE}%2finstances/a",
              f"{BASE}/instances/a/../../../../admin/host/keys", "/admin/extensions/DurableTaskExtension/../../host/keys")
    PLAIN = ("/", "/administrator", "/api/admin/x", "/api/admin", "/runtime", "/runtime/health", "/adminx;y", "/api/a%20b",
             "/api/../x", "//x")

    def test_what_is_closed_reaches_no_endpoint_however_it_is_spelt(self):
        hub = self.hub("app")
        proxy = self.guarded(self.keyed(hub))
        for target in self.CLOSED:
            for method in ("GET", "POST"):
                with self.subTest(target, method=method):
                    said = self.client(proxy).ask(method, target, f"x-functions-key: {self.client_key}\r\n")
                    self.assertEqual(said.status, 403, said.text)
                    self.assertEqual(json.loads(said.body)["kind"], "forbidden")
        self.assertEqual(hub.upstream.requests, [])
        for target in self.PLAIN:
            self.assertEqual(self.client(proxy).ask("GET", target).status, 200, target)

    def test_an_open_webhook_is_open_by_whole_segments_without_our_key_and_not_a_way_around(self):
        hub = self.hub("app")
        hub.fault = lambda request: answer(200, "hook")
        proxy = self.guarded(self.keyed(hub), durable={"open_webhooks": ["/runtime/webhooks/eventgrid", "/admin/host/ping"]})
        key = f"x-functions-key: {self.client_key}\r\n"
        for target in ("/runtime/webhooks/eventgrid", "/Runtime/WebHooks/EventGrid?functionName=f", "/admin/host/ping",
                       "/runtime/webhooks/eventgrid/a%20b/c"):
            self.assertEqual(self.client(proxy).ask("POST", target, key).status, 200, target)
        for request in hub.upstream.requests:
            self.assertIsNone(request.get("x-functions-key"), request.target)
        asked = len(hub.upstream.requests)
        for target in ("/runtime/webhooks/eventgridx", "/admin/host/pingx", "/admin/host/ping/../keys", "/admin/host",
                       "/admin/host/ping/..%2fkeys", "/admin/host/ping/%2e%2e/keys", "/admin/host/ping/..\\keys",
                       "/admin/host/ping/..;/keys", "/runtime/webhooks/eventgrid/../durabletask/instances",
                       "/runtime/webhooks/eventgrid%2f..%2fblobs", "/runtime/webhooks/eventgrid/x/.%2e/../../../admin/host/keys"):
            with self.subTest(target):
                self.assertEqual(self.client(proxy).ask("GET", target).status, 403)
        self.assertEqual(len(hub.upstream.requests), asked)
        self.assert_never_at(hub, self.client_key, self.durable_key, self.function_key)

    def test_the_base_path_of_v1_is_part_of_the_durable_api(self):
        hub = self.hub("app")
        hub.fault = lambda request: answer(404)
        proxy = self.guarded(self.keyed(hub))
        for target in ("/admin/extensions/DurableTaskExtension/instances/a", "/Admin/Extensions/durabletaskextension/Instances/a"):
            said = self.client(proxy).ask("GET", target, f"x-functions-key: {self.client_key}\r\n")
            self.assertEqual(said.status, 404)
            self.assertEqual(hub.upstream.requests[-1].target, target)
            self.assertEqual(hub.upstream.requests[-1].get("x-functions-key"), self.durable_key)

    def test_a_refused_upload_is_not_taken_for_the_next_request(self):
        hub = self.hub("app")
        client = self.client(self.guarded(self.keyed(hub)))
        inside = "GET /inside HTTP/1.1\r\nHost: a\r\n\r\n"
        client.send(f"POST /admin/host/keys HTTP/1.1\r\nHost: a\r\nContent-Length: {len(inside) + 5}\r\n\r\n", inside)
        self.assertEqual(client.read_answer().status, 403)
        self.assertTrue(client.ended())
        self.assertEqual(hub.upstream.requests, [])


class LentKeys(KeyTest):
    def test_an_endpoints_key_is_lent_to_whom_brings_a_key_of_ours_and_ours_stays_here(self):
        hub = self.hub("app")
        hub.fault = lambda request: answer(200, "ok")
        proxy = self.guarded(self.keyed(hub))
        ours, other, wrong = self.client_key, self.second_key, "no-key-of-anybody"
        header = "x-functions-key: {}\r\n".format
        poll, list_, start = f"{BASE}/instances/a", f"{BASE}/instances", f"{BASE}/orchestrators/F"
        durable, function, none = [self.durable_key], [self.function_key], []
        rows = (  # name, method, target, fields, keys at the endpoint, target there
            ("header", "GET", poll, header(ours), durable, poll),
            ("second key", "GET", poll, header(other), durable, poll),
            ("name in any case", "GET", poll, f"X-Functions-Key:  {ours} \r\n", durable, poll),
            ("code", "GET", f"{poll}?code={quoted(ours)}", "", durable, poll),
            ("code in lower-case escapes", "GET", f"{poll}?a=1&code={quoted(ours).lower()}&b", "", durable, f"{poll}?a=1&b"),
            ("name escaped", "GET", f"{poll}?%63ODE={quoted(ours)}", "", durable, poll),
            ("start", "POST", f"{start}?code={quoted(ours)}", "", durable, start),
            ("list", "GET", list_, header(ours), durable, list_),
            ("unknown Durable route", "GET", f"{BASE}/nothing", header(ours), none, f"{BASE}/nothing"),
            ("plain", "GET", f"/api/f?x=%20&code={quoted(ours)}&y=%zz", "", function, "/api/f?x=%20&y=%zz"),
            ("plain with a header, and OAuth's code", "GET", "/signin?code=abc%2F&state=1", header(ours), function,
             "/signin?code=abc%2F&state=1"),
            ("OAuth's code by itself", "GET", "/signin?code=abc%2F&state=1", "", none, "/signin?code=abc%2F&state=1"),
            ("stranger", "GET", poll, "", none, poll),
            ("stranger with a key of the app", "GET", f"{poll}?code={wrong}", "", none, f"{poll}?code={wrong}"),
            ("stranger with a header of the app", "GET", poll, header(wrong), [wrong], poll),
            ("wrong header beats the right code", "GET", f"{poll}?code={quoted(ours)}", header(wrong), [wrong], poll),
            ("empty header beats the right code", "GET", f"{poll}?code={quoted(ours)}", header(""), [""], poll),
            ("right header, right code too", "GET", f"{poll}?code={quoted(ours)}&a", header(ours), durable, f"{poll}?a"),
            ("right header, the other key as code", "GET", f"{poll}?code={quoted(other)}", header(ours), durable, poll),
            ("right header, an app's code", "GET", f"{poll}?code=theirs", header(ours), durable, f"{poll}?code=theirs"),
            ("wrong code before the right one", "GET", f"{poll}?code={wrong}&code={quoted(ours)}", "", none, poll),
            ("right code before a wrong one", "GET", f"{poll}?code={quoted(ours)}&code={wrong}", "", durable, poll),
            ("wrong header before the right one", "GET", poll, header(wrong) + header(ours), none, poll),
            ("right header before a wrong one", "GET", poll, header(ours) + header(wrong), durable, poll),
            ("named by Connection", "GET", poll, f"Connection: x-functions-key\r\n{header(ours)}", durable, poll),
            ("beginning of a key", "GET", poll, header(ours[:-1]), [ours[:-1]], poll),
            ("more than a key", "GET", poll, header(ours + "x"), [ours + "x"], poll),
        )
        for name, method, target, fields, keys, there in rows:
            with self.subTest(name):
                before = len(hub.upstream.requests)
                self.assertEqual(self.client(proxy).ask(method, target, fields).status, 200)
                request = hub.upstream.requests[before]
                self.assertEqual(request.all("x-functions-key"), keys)
                self.assertEqual(request.target, there)
                if ours[:-1] not in fields or ours in fields and ours + "x" not in fields:
                    self.assert_not_in(request.head, self.client_key, self.second_key)

    def test_an_open_door_lends_to_everybody(self):
        hub = self.hub("app")
        hub.fault = lambda request: answer(200, "ok")
        proxy = self.guarded(self.keyed(hub), clients={"anonymous": True})
        for fields in ("", "x-functions-key: their-own\r\n"):
            self.client(proxy).ask("GET", f"{BASE}/instances/a?code=theirs", fields)
            self.assertEqual(hub.upstream.requests[-1].all("x-functions-key"), [self.durable_key])
        self.client(proxy).ask("GET", "/api/f")
        self.assertEqual(hub.upstream.requests[-1].all("x-functions-key"), [self.function_key])

    def test_each_attempt_carries_the_key_and_the_names_of_its_own_endpoint(self):
        west, east = self.hub("west"), self.hub("east")
        west.fault = lambda request: answer(503, "Function host is not running.")
        east.fault = lambda request: answer(202)
        mine = artefacts.new_key()
        proxy = self.guarded(self.keyed(west, task_hub_name="WestHub", connection="West"),
                             self.keyed(east, keys={"durable": mine}, task_hub_name="East Hub&", connection="East"))
        target = f"{BASE}/orchestrators/F?taskHub=X&x=%41%zz+&&TASKHUB=Y&Connection=S"
        self.client(proxy).ask("POST", target, f"x-functions-key: {self.client_key}\r\n", b"{}")
        self.assertEqual([r.get("x-functions-key") for r in west.upstream.requests + east.upstream.requests],
                         [self.durable_key, mine])
        self.assertEqual(west.upstream.requests[0].target,
                         f"{BASE}/orchestrators/F?taskHub=WestHub&x=%41%zz+&&TASKHUB=WestHub&Connection=West")
        self.assertEqual(east.upstream.requests[0].target,
                         f"{BASE}/orchestrators/F?taskHub=East%20Hub%26&x=%41%zz+&&TASKHUB=East%20Hub%26&Connection=East")

    def test_names_of_another_region_are_dropped_and_those_of_a_shared_hub_kept(self):
        for layout, there in (("per_region", "?a=1"), ("shared", "?taskHub=X&a=1&connection=Y")):
            hub = self.hub(layout)
            hub.fault = lambda request: answer(202)
            proxy = self.guarded(self.endpoint(hub), hub=layout, clients={"anonymous": True})
            self.client(proxy).ask("POST", f"{BASE}/orchestrators/F?taskHub=X&a=1&connection=Y")
            self.assertEqual(hub.upstream.requests[-1].target, f"{BASE}/orchestrators/F{there}")
            self.client(proxy).ask("GET", "/api/f?taskHub=X&connection=Y")
            self.assertEqual(hub.upstream.requests[-1].target, "/api/f?taskHub=X&connection=Y")

    def test_a_key_of_ours_that_an_endpoint_refuses_is_not_the_clients_fault(self):
        west, east = self.hub("west"), self.hub("east")
        west.fault = lambda request: answer(401)
        proxy = self.guarded(self.keyed(west), self.keyed(east))
        key = f"x-functions-key: {self.client_key}\r\n"
        for method, target in (("GET", "/api/f"), ("POST", "/api/f"), ("POST", f"{BASE}/orchestrators/F")):
            said = self.client(proxy).ask(method, target, key, b"{}" if method == "POST" else b"")
            self.assertEqual(said.get("X-Served-By"), "east", said.text)
        self.assertEqual(self.client(proxy).ask("GET", "/api/f").status, 401)  # a stranger's own
        east.fault = west.fault
        said = self.client(proxy).ask("GET", "/api/f", key)
        self.assertEqual((said.status, json.loads(said.body)["kind"]), (502, "key_refused"))
        self.assert_not_in(said.head + said.body, self.durable_key, self.function_key, self.client_key)
        for fields, body in (("WWW-Authenticate: Bearer\r\n", b""), ("", b'{"error":"sign in"}')):
            west.fault = lambda request: answer(401, body, fields)
            said = self.client(proxy).ask("GET", "/api/f", key)
            self.assertEqual((said.status, said.body, said.get("WWW-Authenticate")), (401, body, "Bearer" if fields else None))
        west.fault = lambda request: b"HTTP/1.1 401 No\r\nConnection: close\r\n\r\nsign in first"
        self.assertEqual(self.client(proxy).ask("GET", "/api/g", key).body, b"sign in first")

    def test_a_client_of_a_start_is_not_offered_codings_that_could_not_be_read(self):
        hub = self.hub("app")
        hub.fault = lambda request: answer(202)
        proxy = self.guarded(self.keyed(hub))
        for sent, there in (("br, gzip;q=0.8", ["gzip"]), ("zstd", ["identity"]), ("*", ["identity"]),
                            ("gzip, deflate", ["gzip, deflate"]), (None, [])):
            fields = f"Accept-Encoding: {sent}\r\n" if sent else ""
            self.client(proxy).ask("POST", f"{BASE}/orchestrators/F", fields)
            self.assertEqual(hub.upstream.requests[-1].all("Accept-Encoding"), there, sent)
            self.client(proxy).ask("POST", "/api/orchestrators/F", fields)
            self.assertEqual(hub.upstream.requests[-1].all("Accept-Encoding"), there, sent)
        self.client(proxy).ask("GET", "/style.css", "Accept-Encoding: br\r\n")
        self.assertEqual(hub.upstream.requests[-1].get("Accept-Encoding"), "br")


CODINGS = {"identity": lambda body: body, "gzip": gzip.compress, "deflate": zlib.compress,
           "raw deflate": lambda body: zlib.compress(body)[2:-4]}


def framed(body: bytes, how: str, fields: str = "", status: int = 202) -> bytes:
    head = f"HTTP/1.1 {status} Accepted\r\nContent-Type: application/json\r\n{fields}"
    if how == "sized":
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    if how == "closed":
        return f"{head}Connection: close\r\n\r\n".encode() + body
    step = 7 if how == "small chunks" else 4096
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + step]), body[i:i + step]) for i in range(0, len(body), step))
    return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n"


class Answers(KeyTest):
    def shapes(self, origin: str) -> dict[str, str]:
        plain = payload(origin, "a+b%20c", self.durable_key)
        nested = {"data": {"again": plain["terminatePostUri"]}, "list": [plain["statusQueryGetUri"], None, 1], **plain}
        return {"plain": json.dumps(plain), "indented": json.dumps(plain, indent=2), "nested": json.dumps(nested),
                "PascalCase": json.dumps({k[0].upper() + k[1:]: v for k, v in plain.items()}),
                "escaped slashes": json.dumps(plain).replace("/", "\\/"),
                "escaped letters": json.dumps(plain).replace("statusQuery", "status\\u0051uery").replace("://", ":\\u002f/"),
                "mark": "\ufeff" + json.dumps(plain), "relative": json.dumps(plain).replace(origin + "/", "/"),
                "other scheme": json.dumps(plain).replace("http://", "https://"),
                "upper-case host": json.dumps(plain).replace("http://", "HTTP://")}

    def test_no_shape_of_a_payload_shows_the_endpoints_key_or_host(self):
        hub = self.hub("app")
        proxy = self.guarded(self.keyed(hub))
        for shape, text in self.shapes(hub.url).items():
            for coding, encode in CODINGS.items():
                for how in ("sized", "chunked", "small chunks", "closed"):
                    fields = "" if coding == "identity" else f"Content-Encoding: {coding.split()[-1]}\r\n"
                    body = encode(text.encode())
                    hub.fault = lambda request: framed(body, how, fields)
                    with self.subTest(shape, coding=coding, how=how):
                        client = self.client(proxy)
                        said = client.ask("POST", "/api/starter", f"x-functions-key: {self.client_key}\r\n")
                        self.assertIsNone(said.get("Content-Encoding"))
                        self.assert_not_in(said.body, self.durable_key, f"127.0.0.1:{hub.upstream.port}")
                        told = {k.lower(): v for k, v in json.loads(said.body.decode("utf-8-sig")).items()}
                        self.assertEqual(told["id"], "a+b c")
                        self.assertEqual(told["statusquerygeturi"].removeprefix("/orders" if shape == "relative" else PUBLIC),
                                         f"{BASE}/instances/a+b%20c?taskHub=Hub&connection=Storage&code={quoted(self.client_key)}")
                        self.assertIn("reason={{text}}", told["terminateposturi"])
                        self.assertIn("/raiseEvent/{eventName}?", told["sendeventposturi"])
                        self.assertIsNone(told["restartposturi"])
                        hub.fault = lambda request: answer(200, "next")
                        self.assertEqual(client.ask("GET", "/api/next").body, b"next")

    def test_a_stranger_gets_urls_without_any_code(self):
        hub = self.hub("app")
        hub.fault = lambda request: answer(202, payload(hub.url, "a", self.durable_key))
        said = self.client(self.guarded(self.keyed(hub))).ask("POST", "/api/starter")
        self.assert_not_in(said.body, self.durable_key, self.client_key)
        self.assertNotIn("code=", said.text)
        self.assertEqual(json.loads(said.body)["statusQueryGetUri"],
                         f"{PUBLIC}{BASE}/instances/a?taskHub=Hub&connection=Storage")

    def test_location_is_moved_on_every_status_and_its_code_mirrors_the_request(self):
        hub = self.hub("app")
        proxy = self.guarded(self.keyed(hub))
        ours = f"code={quoted(self.client_key)}"
        rows = [(f"{hub.url}{BASE}/instances/a?code={quoted(self.durable_key)}", f"{PUBLIC}{BASE}/instances/a?{ours}"),
                (f"{hub.url}/api/x?code=oauth&n=1", f"{PUBLIC}/api/x?code=oauth&n=1"),
                (f"{hub.url}/api/x?code={quoted(self.function_key)}", None),
                (f"https://elsewhere.example/cb?code={quoted(self.durable_key)}", None),
                ("https://elsewhere.example/cb?code=oauth", "https://elsewhere.example/cb?code=oauth"),
                ("/api/x", "/orders/api/x"), ("x/y", "x/y")]
        for status in (200, 201, 202, 301, 302, 307, 308, 400):
            for location, wanted in rows:
                with self.subTest(location, status=status):
                    hub.fault = lambda request: answer(status, "", f"Location: {location}\r\n")
                    said = self.client(proxy).ask("GET", f"/api/f?{ours}")
                    self.assert_not_in(said.head, self.durable_key, self.function_key)
                    if wanted:
                        self.assertEqual(said.all("Location"), [wanted])

    def test_cookies_for_the_endpoints_host_are_moved(self):
        hub = self.hub("app")
        config = self.endpoint(hub, name="app", url=f"http://localhost:{hub.upstream.port}")
        proxy = self.guarded(config)
        hub.fault = lambda request: answer(200, "", "Set-Cookie: a=1; Domain=localhost; Path=/\r\nSet-Cookie: b=2; Domain=x.example\r\n")
        said = self.client(proxy).ask("GET", "/")
        self.assertEqual(said.all("Set-Cookie"), ["a=1; Domain=public.example; Path=/", "b=2; Domain=x.example"])

    def test_what_is_no_payload_passes_byte_for_byte(self):
        hub = self.hub("app")
        proxy = self.guarded(self.keyed(hub))
        text = json.dumps(payload(hub.url, "a", "x"))
        broken = gzip.compress(text.encode())
        rows = {"an array": (f"[{text}]", "", 200), "deeper": (json.dumps({"a": json.loads(text)}), "", 200),
                "an error": (text, "", 400), "cut JSON": (text[:-1], "", 200), "two values": (text + text, "", 200),
                "empty": ("", "", 200), "cut gzip": (broken[:-9], "Content-Encoding: gzip\r\n", 200),
                "damaged gzip": (broken[:20] + b"\0\0\0" + broken[23:], "Content-Encoding: gzip\r\n", 200),
                "not gzip": (text, "Content-Encoding: gzip\r\n", 200)}
        for name, (body, fields, status) in rows.items():
            body = body if isinstance(body, bytes) else body.encode()
            for how in ("sized", "small chunks"):
                with self.subTest(name, how=how):
                    hub.fault = lambda request: framed(body, how, fields, status)
                    client = self.client(proxy)
                    said = client.ask("GET", "/api/f")
                    self.assertEqual((said.status, said.body), (status, body))
                    hub.fault = lambda request: answer(200, "next")
                    self.assertEqual(client.ask("GET", "/api/next").body, b"next")
        self.assertEqual(proxy.metric("understudy_unrewritten_bodies_total"), 6)  # those that were no gzip

    def test_a_body_above_the_limit_passes_unchanged_and_is_counted(self):
        hub = self.hub("app")
        proxy = self.guarded(self.keyed(hub), durable={"rewrite_limit": "4KiB"})
        body = json.dumps({"fill": os.urandom(1 << 20).hex(), **payload(hub.url, "a", "k")}).encode()
        for how in ("sized", "chunked", "small chunks"):
            for coding in ("identity", "gzip"):
                fields = "" if coding == "identity" else "Content-Encoding: gzip\r\n"
                hub.fault = lambda request: framed(CODINGS[coding](body), how, fields)
                said = self.client(proxy).ask("POST", "/api/f")
                self.assertEqual(gzip.decompress(said.body) if fields else said.body, body)
        self.assertEqual(proxy.metric("understudy_unrewritten_bodies_total"), 6)

    def test_json_that_comes_slowly_is_not_held_back(self):
        hub = self.hub("app")
        proxy = self.guarded(self.keyed(hub))
        for first in (b"[1,", b'{"n":1}\n', b'"text', b"\n12"):
            def script(conn):
                conn.read_request()
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n"
                          % (len(first), first))
                hub.let_go.wait(10)
                conn.send(b"1\r\n]\r\n0\r\n\r\n")
            hub.let_go.clear()
            hub.upstream.script = script
            client = self.client(proxy)
            client.send("GET /api/stream HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.read_head().status, 200)
            self.assertEqual(client.read_chunk(), first)
            hub.let_go.set()
            self.assertEqual(client.read_chunk(), b"]")
            client.read_chunk(), client.read_trailers()

    def test_heads_without_a_body_and_parts_are_left_alone(self):
        hub = self.hub("app")
        proxy = self.guarded(self.keyed(hub))
        client = self.client(proxy)
        text = json.dumps(payload(hub.url, "a", "x")).encode()
        length = f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\nLocation: {hub.url}{BASE}/instances/a\r\n"
        for method, status in (("HEAD", 200), ("GET", 304), ("GET", 204), ("HEAD", 202)):
            hub.upstream.script = hub.script
            hub.fault = lambda request: f"HTTP/1.1 {status} X\r\n{length}\r\n".encode()
            if status == 204:
                hub.fault = lambda request: f"HTTP/1.1 204 X\r\nLocation: {hub.url}{BASE}/instances/a\r\n\r\n".encode()
            said = client.ask(method, "/api/f")
            self.assertEqual(said.status, status)
            self.assertEqual(said.get("Location"), f"{PUBLIC}{BASE}/instances/a")
        hub.fault = lambda request: framed(text, "sized", "Content-Range: bytes 0-1/9\r\n", 206)
        self.assertEqual(client.ask("GET", "/api/f").body, text)

    def test_an_old_client_gets_a_rewritten_body_with_its_length(self):
        hub = self.hub("app")
        proxy = self.guarded(self.keyed(hub))
        for how in ("sized", "small chunks"):
            hub.fault = lambda request: framed(json.dumps(payload(hub.url, "a", self.durable_key)).encode(), how)
            client = self.client(proxy)
            client.send(f"POST /api/f HTTP/1.0\r\nx-functions-key: {self.client_key}\r\nContent-Length: 2\r\n\r\n{{}}")
            said = client.read_answer()
            self.assertEqual(len(said.body), int(said.get("Content-Length")))
            self.assertIn(PUBLIC, said.text)
            self.assert_not_in(said.body, self.durable_key)

    def test_requests_sent_ahead_are_answered_in_order(self):
        hub = self.hub("app")
        hub.fault = lambda request: answer(202, payload(hub.url, request.target.split("/")[-1], self.durable_key))
        client = self.client(self.guarded(self.keyed(hub)))
        names = [f"n{i}" for i in range(20)]
        client.send(*[f"POST /api/{name} HTTP/1.1\r\nHost: a\r\nx-functions-key: {self.client_key}\r\n"
                      f"Content-Length: 2\r\n\r\n{{}}" for name in names])
        for name in names:
            said = client.read_answer()
            self.assertEqual(json.loads(said.body)["id"], name)
            self.assert_not_in(said.body, self.durable_key)


class PublicOrigin(KeyTest):
    def location(self, proxy, fields: str = "", host: str = "client.example") -> str:
        client = self.client(proxy)
        client.send(f"GET /api/f HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n")
        return client.read_answer().get("Location")

    def test_without_a_configured_origin_loopback_listeners_use_host_and_no_stranger_is_believed(self):
        hub = self.hub("app")
        hub.fault = lambda request: answer(302, "", f"Location: {hub.url}/x\r\n")
        proxy = self.front(self.endpoint(hub))
        theft = "X-Forwarded-Host: thief.example\r\nX-Forwarded-Proto: https\r\nForwarded: host=thief.example\r\n"
        self.assertEqual(self.location(proxy, theft), "http://client.example/x")
        self.assertNotIn(b"thief.example", hub.upstream.received())
        self.assertEqual(self.location(proxy, host="[::1]:81"), "http://[::1]:81/x")

    def test_a_listed_proxy_is_believed(self):
        hub = self.hub("app")
        hub.fault = lambda request: answer(302, "", f"Location: {hub.url}/x\r\n")
        proxy = self.front(self.endpoint(hub), trusted_proxies=["127.0.0.0/8"])
        for fields, there in (("X-Forwarded-Host: shop.example\r\nX-Forwarded-Proto: https\r\n", "https://shop.example/x"),
                              ("X-Forwarded-Host: shop.example:81, inner\r\n", "http://shop.example:81/x"),
                              ("X-Forwarded-Host: shop.example , inner\r\n", "http://shop.example/x"),
                              ("X-Forwarded-Host: a/b\r\n", "http://client.example/x"),
                              ("X-Forwarded-Host: a@b\r\n", "http://client.example/x"), ("", "http://client.example/x")):
            self.assertEqual(self.location(proxy, fields), there, fields)

    def test_an_app_that_believes_the_host_of_a_thief_does_not_give_its_key_away(self):
        hub = self.hub("app")
        hub.fault = lambda request: answer(202, payload(f"http://{request.get('X-Forwarded-Host')}", "a", self.durable_key),
                                           f"Location: http://{request.get('X-Forwarded-Host')}/?code={quoted(self.durable_key)}\r\n")
        proxy = self.guarded(self.keyed(hub))
        client = self.client(proxy)
        client.send("POST /api/f HTTP/1.1\r\nHost: thief.example\r\nContent-Length: 0\r\n\r\n")
        said = client.read_answer()
        self.assert_not_in(said.head + said.body, self.durable_key)

    def test_prefixes_of_the_endpoint_go_and_of_the_public_side_come(self):
        hub = self.hub("app")
        hub.fault = lambda request: answer(202, payload(hub.url + "/inner", "a", self.durable_key))
        proxy = self.guarded(self.keyed(hub, url=hub.url + "/inner"))
        said = self.client(proxy).ask("POST", "/api/f")
        self.assertEqual(hub.upstream.requests[-1].target, "/inner/api/f")
        self.assertTrue(json.loads(said.body)["statusQueryGetUri"].startswith(f"{PUBLIC}{BASE}/instances/a?"))


class Tokens(KeyTest):
    def setUp(self):
        super().setUp()
        self.app = self.hub("app", self.durable_key)
        self.config_ = dict(durable={"status_tokens": True})

    def token_of(self, text: str) -> str:
        found = re.search(r"code=(ust1\.[\w-]{43})(?![\w-])", text)
        self.assertTrue(found, text)
        return artefacts.register_key(found[1])

    def start(self, proxy, instance: str) -> str:
        said = self.client(proxy).ask("POST", f"{BASE}/orchestrators/F/{instance}", f"x-functions-key: {self.client_key}\r\n", b"{}")
        self.assertEqual(said.status, 202)
        self.assert_not_in(said.body, self.durable_key, self.client_key)
        return self.token_of(said.text)

    def ask(self, proxy, method: str, path: str, code: str) -> int:
        return self.client(proxy).ask(method, f"{BASE}{path}{'&' if '?' in path else '?'}code={code}").status

    def test_a_token_is_good_for_its_instance_alone(self):
        proxy = self.guarded(self.keyed(self.app), **self.config_)
        token, other = self.start(proxy, "mine+%20a"), self.start(proxy, "other")
        self.assertNotEqual(token, other)
        for path in ("/instances/mine+%20a", "/instances/mine%2B%20a", "/Instances/mine+ a".replace(" ", "%20")):
            self.assertEqual(self.ask(proxy, "GET", path, token), 202, path)
        self.assertEqual(self.ask(proxy, "POST", "/instances/mine+%20a/raiseEvent/Go", token), 202)
        header = self.client(proxy).ask("GET", f"{BASE}/instances/other", f"x-functions-key: {other}\r\n")
        self.assertEqual(header.status, 202)
        self.assert_never_at(self.app, token, other, self.client_key)
        forged = ["ust1." + "A" * 43, token[:-1], token + "A", token[:-1] + ("A" if token[-1] != "A" else "B"), token.upper(),
                  token.replace("ust1.", "ust2."), "ust1.", token + "%00", "%20" + token]
        for code in forged:
            self.assertEqual(self.ask(proxy, "GET", "/instances/mine+%20a", code), 401, code)
        for method, path in (("GET", "/instances/other"), ("GET", "/instances/MINE+%20a"), ("GET", "/instances"),
                             ("DELETE", "/instances?createdTimeFrom=2020-01-01T00:00:00Z"), ("POST", "/orchestrators/F"),
                             ("POST", "/orchestrators/F/mine+%20a"), ("GET", "/entities"), ("GET", "/entities/mine/a"),
                             ("POST", "/makeprimary"), ("GET", "/instances/other/../mine+%20a"),
                             ("GET", "/instances/mine+%20a%2f..%2fother"), ("GET", "/instances/")):
            with self.subTest(path):
                self.assertIn(self.ask(proxy, method, path, token), (401, 403, 409))
        self.assertIn("other", self.app.instances)
        self.assertEqual(self.client(proxy).ask("GET", f"/api/f?code={token}").status, 401)
        self.assertNotIn(f"code={token}".encode(), self.app.upstream.received())

    def test_tokens_outlive_the_proxy_and_end_with_the_key(self):
        proxy = self.guarded(self.keyed(self.app), **self.config_)
        token = self.start(proxy, "mine")
        proxy.close()
        rotated = self.guarded(self.keyed(self.app), clients={"keys": [artefacts.new_key(), self.client_key]}, **self.config_)
        self.assertEqual(self.ask(rotated, "GET", "/instances/mine", token), 202)
        rotated.close()
        ended = self.guarded(self.keyed(self.app), clients={"keys": [artefacts.new_key()]}, **self.config_)
        self.assertEqual(self.ask(ended, "GET", "/instances/mine", token), 401)

    def test_polls_show_the_token_and_never_a_key(self):
        proxy = self.guarded(self.keyed(self.app), **self.config_)
        token = self.start(proxy, "mine")
        for code in (token, quoted(self.client_key)):
            said = self.client(proxy).ask("GET", f"{BASE}/instances/mine?code={code}")
            self.assertEqual(said.status, 202)
            self.assertEqual(self.token_of(said.get("Location")), token)
            self.assert_not_in(said.head, self.client_key, self.durable_key)

    def test_a_redirect_gives_a_stranger_no_token(self):
        proxy = self.guarded(self.keyed(self.app), **self.config_)
        self.start(proxy, "mine")
        self.app.fault = lambda request: answer(307, "", f"Location: {self.app.url}{request.target}\r\n")
        for target in (f"{BASE}/instances/mine", f"/api/go?next={BASE}/instances/mine"):
            said = self.client(proxy).ask("GET", target)
            self.assertEqual(said.status, 307)
            self.assertNotIn("ust1.", said.get("Location"))

    def test_a_restarted_instance_gets_a_token_of_its_own(self):
        proxy = self.guarded(self.keyed(self.app), **self.config_)
        token = self.start(proxy, "mine")
        said = self.client(proxy).ask("POST", f"{BASE}/instances/mine/restart?code={token}")
        new = json.loads(said.body)["id"]
        self.assertEqual(self.ask(proxy, "GET", f"/instances/{new}", self.token_of(said.text)), 202)
        self.assertEqual(self.ask(proxy, "GET", f"/instances/{new}", token), 401)


class RealApp(KeyTest):
    """The stand-in app in its shapes: what it says can be used as it is said, by its client alone."""

    def shaped_app(self, *options: str):
        storage, port = self.storage(), support.free_port()
        app = self.process("understudy-app", [support.executable("understudy-app"), "--listen", f"127.0.0.1:{port}", "--storage",
                           storage.url, "--name", "app", "--key", self.durable_key, "--step-time", "1ms", *options], r"listening on")
        app.name, app.url = "app", f"http://127.0.0.1:{port}"
        return app

    def test_every_url_of_every_shape_works_through_the_proxy(self):
        for options in (("--payload-shape", "isolated", "--chunked-answers"), ("--payload-shape", "isolated-201"),
                        ("--payload-shape", "js", "--answer-coding", "gzip"), ("--answer-coding", "deflate", "--chunked-answers"),
                        ("--forwarded-host", "--affinity-cookie")):
            with self.subTest(options):
                app = self.shaped_app(*options)
                keys = {"durable": self.durable_key, "function": self.function_key}
                config = self.config({"name": "app", "url": app.url, "auth": "keys", "keys": keys},
                                     clients={"keys": [self.client_key]})
                config["durable"]["task_hub"] = "per_region"
                config["probe"]["path"] = "/api/health"
                proxy = self.proxy(config)
                self.wait_online(proxy)
                code = f"code={quoted(self.client_key)}"
                said = proxy.post(f"/api/orchestrators/Order?{code}", {"steps": 1}, {"Accept-Encoding": "gzip, deflate, br"})
                self.assertIn(said.status, (201, 202), said.text)
                self.assert_not_in(said.body + str(said.headers).encode(), self.durable_key, app.url.removeprefix("http://"))
                told = {name.lower(): value for name, value in said.json().items()}
                for name, url in told.items():
                    if url and name != "id":
                        self.assertTrue(url.startswith(proxy.url + BASE), url)
                        self.assertIn(code, url)
                poll = told["statusquerygeturi"]
                support.wait_until(lambda: support.request("GET", poll).status == 200, what="completion at the URL of the answer")
                for url in (poll.replace(quoted(self.client_key), "x"), poll.partition("?")[0]):
                    self.assertEqual(support.request("GET", url).status, 401)
                self.assertEqual(support.request("DELETE", told["purgehistorydeleteuri"]).status, 200)
                self.assertEqual(support.request("GET", poll).status, 404)
                proxy.close(), app.close()


if __name__ == "__main__":
    unittest.main()
