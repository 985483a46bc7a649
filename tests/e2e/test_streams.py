"""WebSockets and streamed answers: what passes unchanged, what is not held back, how this proxy ends a tunnel.

That nothing is held back is shown by cause and effect: the app sends its next piece only after the
client has said, past the proxy, that it has the one before. A proxy that waits for more waits for ever."""

import hashlib
import os
import random
import socket
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
import websocket
import wire
from support import wait_until
from websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

ECHOES = 1000


class WebSockets(wire.WireTest):
    def echo(self, script=websocket.echo, **changes) -> websocket.Socket:
        self.up = self.upstream(script)
        self.running = self.front(self.up, **changes)
        return self.connect()

    def connect(self, **how) -> websocket.Socket:
        return websocket.connect(self.client(self.running), **how)

    def admin(self, *command: str):
        done = support.understudy(*command, "--admin", self.running.admin)
        self.assertEqual(done.code, 0, done.err)

    def drain_and_read_close(self, client: websocket.Socket) -> websocket.Frame:
        self.admin("drain", "upstream")
        frame = client.read()
        self.assertEqual((frame.opcode, frame.code), (CLOSE, 1001), frame)
        return frame

    def test_a_thousand_echoes_on_one_connection(self):
        client = self.echo()
        for number in range(ECHOES):
            client.send(TEXT, b"%d" % number)
            self.assertEqual(client.read().payload, b"%d" % number)
        self.assertEqual(len(self.up.used()), 1)

    def test_bursts_keep_their_order_and_their_frames(self):
        client = self.echo()
        for _ in range(5):
            frames = [(BINARY if n % 2 else TEXT, b"x" * (n * 7 % 300), n % 3 == 0) for n in range(ECHOES)]
            sender = threading.Thread(target=client.wire.send, args=(
                b"".join(client.bytes(opcode, payload, rsv1=bit) for opcode, payload, bit in frames),))
            sender.start()
            for opcode, payload, bit in frames:
                got = client.read()
                self.assertEqual((got.opcode, got.payload, got.rsv1), (opcode, payload, bit))
            sender.join()

    def test_messages_of_four_megabytes_whole_and_in_fragments(self):
        client = self.echo()
        message = random.Random(7).randbytes(4 << 20)
        for pieces in (1, 64):
            size = len(message) // pieces
            frames = b"".join(
                client.bytes(BINARY if n == 0 else CONTINUATION, message[n * size:(n + 1) * size], fin=n == pieces - 1)
                for n in range(pieces))
            sender = threading.Thread(target=client.wire.send, args=(frames,))
            sender.start()
            self.assertEqual(hashlib.sha256(client.read_message()).digest(), hashlib.sha256(message).digest())
            sender.join()

    def test_frames_in_the_segments_of_both_heads_arrive(self):
        def script(conn):
            app = websocket.accept(conn, behind=websocket.encode(TEXT, b"early"))
            app.send(TEXT, b"<" + app.read().payload + b">")
            conn.ended()

        self.up = self.upstream(script)
        self.running = self.front(self.up)
        client = self.connect(behind=websocket.encode(TEXT, b"ahead", masked=True))
        self.assertEqual([client.read().payload, client.read().payload], [b"early", b"<ahead>"])

    def test_a_tunnel_survives_reloads(self):
        client = self.echo()
        config = self.config(self.up, probe=wire.PROBE_BY_TCP)
        for number in range(3):
            config["timeouts"] = {"connect": f"{number + 2}s"}
            self.write_config(config)
            self.admin("reload")
            client.send(TEXT, b"still there")
            self.assertEqual(client.read().payload, b"still there")
        self.assertEqual(len(self.up.used()), 1)
        self.assertEqual(self.running.metric("understudy_tunnels"), 1)

    def test_a_ping_keeps_an_idle_tunnel_and_silence_ends_it_with_a_reason(self):
        client = self.echo(timeouts={"tunnel_idle": "600ms"})
        for _ in range(5):
            client.send(PING, b"")
            self.assertEqual(client.read().opcode, PONG)
            self.assertTrue(client.wire.quiet(0.2))
        frame = client.read()
        self.assertEqual((frame.opcode, frame.code, frame.reason), (CLOSE, 1001, "tunnel idle"))
        wait_until(lambda: any(f.opcode == CLOSE and f.code == 1001 for f in self.up.used()[0].frames),
                   what="the app to be told")
        self.assertTrue(client.wire.ended())
        wait_until(lambda: self.running.metric("understudy_tunnels") == 0, what="no tunnel")
        self.assertEqual(self.running.metric("understudy_tunnels_ended_total", reason="idle"), 1)

    def test_a_drained_endpoint_closes_its_tunnels_with_a_reason(self):
        client = self.echo(timeouts={"drain": "200ms"})
        client.send(TEXT, b"before")
        self.assertEqual(client.read().payload, b"before")
        self.assertEqual(self.drain_and_read_close(client).reason, "endpoint drained")
        client.close(1001)
        self.assertTrue(client.wire.ended())
        wait_until(lambda: self.running.metric("understudy_tunnels") == 0, what="no tunnel")
        self.assertEqual(self.running.metric("understudy_tunnels_ended_total", reason="endpoint_drained"), 1)
        self.running.wait_line(r'access .* "/ws" -> 101 .*note "endpoint drained"')

    def test_a_message_that_is_under_way_is_whole_before_the_close(self):
        def script(conn):
            app = websocket.accept(conn)
            whole = app.bytes(BINARY, b"y" * 50_000)
            conn.send(whole[:20_000])
            go_on.wait(wire.LIMIT)
            conn.send(whole[20_000:] + app.bytes(TEXT, b"too late"))
            conn.ended()

        go_on = threading.Event()
        self.addCleanup(go_on.set)
        client = self.echo(script, timeouts={"drain": "100ms"})
        head = client.wire.read_exact(4 + 1000)
        self.admin("drain", "upstream")
        wait_until(lambda: self.running.metric("understudy_tunnels_ended_total", reason="endpoint_drained") == 1,
                   what="the tunnel to be closing")
        go_on.set()
        rest = client.wire.read_exact(49_000)
        self.assertEqual((head[4:] + rest), b"y" * 50_000)
        frame = client.read()
        self.assertEqual((frame.opcode, frame.code), (CLOSE, 1001))

    def test_an_endpoint_that_is_undrained_in_time_keeps_its_tunnels(self):
        client = self.echo(timeouts={"drain": "30s"})
        self.admin("drain", "upstream")
        self.admin("drain", "upstream", "--undo")
        client.send(TEXT, b"kept")
        self.assertEqual(client.read().payload, b"kept")
        self.assertEqual(self.running.metric("understudy_tunnels"), 1)

    def test_bytes_that_are_no_websocket_pass_and_are_cut_without_one(self):
        """Nobody may put a Close into something that only claimed to be a WebSocket."""
        def script(conn):
            websocket.accept(conn)
            while True:
                conn.fill("anything")
                conn.send(b"<" + conn.take(len(conn.buffer)) + b">")

        client = self.echo(script, timeouts={"drain": "100ms"})
        client.wire.send(b"\x01plain text, unmasked")
        self.assertEqual(client.wire.read_until(b">", "the echo"), b"<\x01plain text, unmasked>")
        self.admin("drain", "upstream")
        self.assertTrue(client.wire.ended())

    def test_the_end_of_the_proxy_tells_its_tunnels(self):
        client = self.echo(timeouts={"drain": "2s"})
        self.running.terminate()
        frame = client.read()
        self.assertEqual((frame.opcode, frame.code, frame.reason), (CLOSE, 1001, "proxy shutting down"))

    def test_a_101_to_another_protocol_is_a_bad_answer(self):
        def script(conn):
            conn.read_head()
            conn.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
            conn.ended()

        self.up = self.upstream(script)
        client = self.client(self.front(self.up))
        client.send(websocket.handshake())
        self.assertEqual(client.read_answer().status, 502)

    def test_tunnels_at_once(self):
        client = self.echo()
        others = [client] + [self.connect() for _ in range(99)]
        for turn in range(10):
            for number, each in enumerate(others):
                each.send(TEXT, b"%d %d" % (turn, number))
            for number, each in enumerate(others):
                self.assertEqual(each.read().payload, b"%d %d" % (turn, number))
        self.assertEqual(self.running.metric("understudy_tunnels"), 100)


class Streams(wire.WireTest):
    PIECES = 50

    def step_by_step(self, head: str, chunked: bool, target: str = "/events", **changes):
        """The app sends piece N + 1 when the client has piece N."""
        has_it = threading.Semaphore(0)

        def script(conn):
            conn.read_request()
            conn.send(f"HTTP/1.1 200 OK\r\n{head}\r\n")
            for number in range(self.PIECES):
                event = b"data: %d\n\n" % number
                conn.send(b"%x\r\n%s\r\n" % (len(event), event) if chunked else event)
                if not has_it.acquire(timeout=wire.LIMIT):
                    raise AssertionError(f"event {number} never arrived")
            conn.send(b"0\r\n\r\n" if chunked else b"")

        up = self.upstream(script)
        client = self.client(self.front(up, **changes))
        client.send(f"GET {target} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n")
        answer = client.read_head()
        self.assertEqual(answer.status, 200)
        for number in range(self.PIECES):
            expected = b"data: %d\n\n" % number
            got = client.read_chunk() if (answer.get("Transfer-Encoding") or "") == "chunked" else client.read_exact(len(expected))
            self.assertEqual(got, expected)
            has_it.release()
        self.assertEqual(up.errors, [])

    def test_server_sent_events_arrive_one_by_one(self):
        self.step_by_step("Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n", True)

    def test_events_of_an_answer_that_ends_with_its_connection(self):
        self.step_by_step("Content-Type: text/event-stream\r\nConnection: close\r\n", False)

    def test_events_of_known_length(self):
        size = sum(len("data: %d\n\n" % n) for n in range(self.PIECES))
        self.step_by_step(f"Content-Type: text/plain\r\nContent-Length: {size}\r\n", False)

    def test_events_of_a_route_under_the_durable_base_path(self):
        self.step_by_step("Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n", True,
                          target="/api/orchestrators/stream")

    def test_a_long_poll_is_told_when_the_app_speaks_and_not_before(self):
        go_on = threading.Event()

        def script(conn):
            conn.read_request()
            go_on.wait(wire.LIMIT)
            conn.answer(200, "now")

        up = self.upstream(script)
        client = self.client(self.front(up, timeouts={"first_byte": "60s"}))
        client.send("GET /poll HTTP/1.1\r\nHost: a\r\n\r\n")
        up.wait_requests(1)
        self.assertTrue(client.quiet(0.5))
        go_on.set()
        self.assertEqual(client.read_answer().text, "now")

    def test_a_head_is_not_kept_until_there_is_a_body(self):
        has_head = threading.Event()

        def script(conn):
            conn.read_request()
            conn.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            has_head.wait(wire.LIMIT)
            conn.send(b"2\r\nok\r\n0\r\n\r\n" if has_head.is_set() else b"4\r\nlate\r\n0\r\n\r\n")

        client = self.client(self.front(self.upstream(script)))
        client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.read_head().status, 200)
        has_head.set()
        self.assertEqual(client.read_chunk(), b"ok")

    def test_an_upload_is_passed_on_piece_by_piece(self):
        has_it = threading.Semaphore(0)

        def script(conn):
            conn.read_head()
            for number in range(self.PIECES):
                if conn.read_chunk() != b"piece %d" % number:
                    raise AssertionError(f"piece {number} is another")
                has_it.release()
            conn.read_chunk()
            conn.read_trailers()
            conn.answer(200, "all")

        up = self.upstream(script)
        client = self.client(self.front(up))
        client.send("POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(self.PIECES):
            piece = b"piece %d" % number
            client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.assertTrue(has_it.acquire(timeout=wire.LIMIT), number)
        client.send(b"0\r\n\r\n")
        self.assertEqual(client.read_answer().text, "all")
        self.assertEqual(up.errors, [])


if __name__ == "__main__":
    unittest.main()
