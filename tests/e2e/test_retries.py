"""What happens to a request whose attempt failed: who may answer it next, and what is never repeated."""

import json
import os
import signal
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
import wire
from support import wait_until
from wire import answer_all

STOPPED = ("<!DOCTYPE html><html><head><title>Web App - Unavailable</title></head><body><h1>Error 403 - This web app is stopped.</h1>"
           "<p>The web app you have attempted to reach is currently stopped.</p></body></html>")
RESTRICTED = "<!DOCTYPE html><html><head><title>Error 403 - Forbidden</title></head><body><h1>Error 403 - Forbidden</h1></body></html>"
HTML = "Content-Type: text/html\r\n"


class Retries(wire.WireTest):
    def pair(self, primary, secondary=None, **changes):
        self.primary = self.upstream(primary, "primary")
        self.secondary = self.upstream(secondary, "secondary")
        self.running = self.front(self.primary, self.secondary, **changes)
        return self.client(self.running)

    def probes_of_the_primary(self) -> float:
        """As the proxy counts them: the accepting thread here may see a connection long after the proxy does."""
        return self.running.metric("understudy_probe_results_total", endpoint="primary")

    def test_a_503_sends_a_get_to_the_secondary_and_again_over_a_pooled_connection(self):
        """The second GET found a pooled connection to the secondary, and its head was never sent."""
        client = self.pair(answer_all(503, "busy"))
        for _ in range(5):
            self.assertEqual(client.ask().text, "secondary")
        self.assertEqual(len(self.secondary.used()), 1)

    def test_the_attempts_are_told_when_asked_for_and_logged_always(self):
        client = self.pair(lambda conn: (conn.read_request(), conn.reset()), retry={"header": True})
        self.assertEqual(client.ask().get("X-Understudy-Attempts"), '"primary";failed=reset_before_response, "secondary"')
        self.secondary.close()
        self.primary.close()
        answer = client.ask("POST", body=b"x")
        self.assertIn(answer.status, (502, 503))
        self.assertRegex(answer.get("X-Understudy-Attempts"), r'^"(primary|secondary)";failed=[a-z_]+(, "(primary|secondary)";failed=[a-z_]+)?$')
        self.running.wait_line(r'access .* "/" -> 200 secondary \(retry\) .* attempts 2 failed primary reset_before_response')

    def test_a_good_answer_tells_its_one_attempt_and_none_without_the_key(self):
        client = self.pair(answer_all(), retry={"header": True})
        self.assertEqual(client.ask().get("X-Understudy-Attempts"), '"primary"')
        client = self.pair(answer_all(503, "busy"))
        self.assertIsNone(client.ask().get("X-Understudy-Attempts"))

    def test_a_stale_connection_is_told_and_then_the_answer(self):
        client = self.pair(lambda conn: (conn.read_request(), conn.answer(), conn.read_request(record=False), conn.reset()),
                           retry={"header": True})
        self.assertEqual(client.ask().get("X-Understudy-Attempts"), '"primary"')
        self.assertEqual(client.ask().get("X-Understudy-Attempts"), '"primary";failed=stale_connection, "primary"')

    def test_a_relayed_failure_is_told_as_one(self):
        client = self.pair(answer_all(503, "busy"), answer_all(503, "busy"), retry={"header": True})
        answer = client.ask()
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.get("X-Understudy-Attempts"), '"primary";failed=answer_502_503_504, "secondary";failed=answer_502_503_504')

    def test_a_get_that_breaks_at_the_primary_is_answered_over_a_pooled_connection(self):
        for broken in (lambda conn: conn.read_request(), lambda conn: (conn.read_request(), conn.reset()),
                       lambda conn: (conn.read_request(), conn.send(b"nonsense\r\n\r\n")),
                       lambda conn: (conn.read_request(), conn.send(b"HTTP/1.1 200 OK\r\nConte"))):
            client = self.pair(broken)
            for _ in range(4):
                self.assertEqual(client.ask().text, "secondary")

    def test_attempts_of_one_request_share_its_trace_and_not_their_span(self):
        client = self.pair(answer_all(503, "busy"))
        client.ask()
        client.ask()
        told = [[r.get("traceparent").split("-") for r in each.requests] for each in (self.primary, self.secondary)]
        for first, second in zip(*told):
            self.assertEqual(first[1], second[1])
            self.assertNotEqual(first[2], second[2])
        self.assertNotEqual(told[0][0][1], told[0][1][1])

    def test_a_refused_connection_moves_every_method_on_at_once(self):
        client = self.pair(answer_all())
        self.primary.close()
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            answer = client.ask(method, body=b"" if method == "GET" else b"body")
            self.assertEqual((answer.status, answer.text), (200, "secondary"), method)
        self.assertEqual(self.secondary.requests[1].body, b"body")

    def test_a_body_that_is_still_arriving_moves_on_with_its_beginning(self):
        client = self.pair(answer_all(), lambda conn: conn.answer(200, conn.read_request().body))
        self.primary.close()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        wait_until(lambda: any(b"first" in c.seen for c in self.secondary.used()), what="the first chunk at the secondary")
        client.send(b"6\r\nsecond\r\n0\r\n\r\n")
        self.assertEqual(client.read_answer().text, "firstsecond")

    def test_a_get_with_a_body_is_repeated_with_the_same_body(self):
        for fields, body in ((b"Content-Length: 5\r\n", b"hello"), (b"Transfer-Encoding: chunked\r\n", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")):
            client = self.pair(lambda conn: conn.read_request(), lambda conn: conn.answer(200, conn.read_request().body))
            head = b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n"
            client.send(head)
            wait_until(lambda: self.primary.used(), what="the head at the primary")
            for i in range(len(body)):
                client.send(body[i:i + 1])
            self.assertEqual(client.read_answer().text, "hello")
            self.assertEqual(self.primary.requests[0].body, b"hello")

    def test_a_get_whose_body_is_too_large_to_keep_is_not_repeated(self):
        client = self.pair(lambda conn: conn.read_request(), retry={"kept_body": "1KiB"})
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n")
        wait_until(lambda: self.primary.used(), what="the head at the primary")
        client.send(bytes(200_000))
        self.assertEqual(client.read_answer().status, 502)
        self.assertEqual(self.secondary.received(), b"")

    def test_a_plain_503_is_relayed_to_a_post_with_an_unknown_outcome(self):
        client = self.pair(answer_all(503, "busy"))
        answer = client.ask("POST", body=b"x")
        self.assertEqual((answer.status, answer.text, answer.get("X-Understudy-Outcome")), (503, "busy", "unknown"))
        self.assertEqual(self.secondary.received(), b"")

    def test_502_and_504_are_retried_for_gets_only(self):
        for status in (502, 504):
            client = self.pair(answer_all(status, "gateway"))
            self.assertEqual(client.ask().text, "secondary")
            self.assertEqual(client.ask("HEAD").status, 200)
            answer = client.ask("POST", body=b"x")
            self.assertEqual((answer.status, answer.get("X-Understudy-Outcome")), (status, "unknown"))

    def test_answers_that_prove_that_nothing_ran_move_a_post_on(self):
        for status, body, fields in ((503, "Function host is not running.", "Content-Type: text/plain\r\n"), (403, STOPPED, HTML)):
            with self.subTest(status):
                client = self.pair(answer_all(status, body, fields))
                for _ in range(3):
                    answer = client.ask("POST", "/api/x", body=b"payload")
                    self.assertEqual((answer.text, answer.get("X-Understudy-Outcome")), ("secondary", None))
                self.assertEqual([r.body for r in self.secondary.requests], [b"payload"] * 3)

    def test_an_access_restriction_is_the_apps_own_answer(self):
        client = self.pair(answer_all(403, RESTRICTED, HTML))
        for method in ("GET", "POST"):
            answer = client.ask(method)
            self.assertEqual((answer.status, answer.text, answer.get("X-Understudy-Outcome")), (403, RESTRICTED, None))
        self.assertEqual(self.secondary.received(), b"")

    def test_application_answers_are_never_retried(self):
        for status in (400, 401, 404, 408, 409, 410, 429, 500, 501, 505):
            client = self.pair(answer_all(status, "mine"))
            answer = client.ask()
            self.assertEqual((answer.status, answer.text), (status, "mine"))
            self.assertEqual(self.secondary.received(), b"")

    def test_when_both_answer_503_the_last_answer_is_relayed(self):
        client = self.pair(answer_all(503, "busy too"), answer_all(503, "busy"))
        for _ in range(3):
            answer = client.ask()
            self.assertEqual((answer.status, answer.text), (503, "busy"))

    def test_a_long_503_streams_through(self):
        body = b"x" * 100_000
        client = self.pair(answer_all(503, body))
        answer = client.ask("POST", body=b"y")
        self.assertEqual((answer.status, answer.body), (503, body))

    def test_a_post_that_was_sent_and_cut_off_is_unknown_and_not_repeated(self):
        for cut in (wire.Wire.close, wire.Wire.reset):
            client = self.pair(lambda conn, cut=cut: (conn.read_request(), cut(conn)))
            answer = client.ask("POST", body=b"once")
            problem = json.loads(answer.body)
            self.assertEqual((answer.status, answer.get("X-Understudy-Outcome"), problem["outcome"]), (504, "unknown", "unknown"))
            self.assertEqual(problem["endpoint"], "primary")
            self.assertEqual(len(self.primary.requests), 1)
            self.assertEqual(self.secondary.received(), b"")

    def test_nothing_answers_and_the_problem_names_the_last_endpoint(self):
        client = self.pair(answer_all())
        self.primary.close()
        self.secondary.close()
        answer = client.ask()
        self.assertEqual((answer.status, answer.get("Content-Type")), (502, "application/problem+json"))
        problem = json.loads(answer.body)
        self.assertEqual((problem["endpoint"], problem["kind"], problem["attempts"]), ("secondary", "connect_failed", 2))

    def test_a_connection_that_is_never_accepted_moves_on_after_the_connect_timeout(self):
        full = wire.socket.socket()  # a backlog of one that is full: further connects hang
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        self.addCleanup(full.close)
        fillers = []
        for _ in range(4):
            filler = wire.socket.socket()
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
            self.addCleanup(filler.close)
        secondary = self.upstream(None, "secondary")
        proxy = self.proxy(self.config({"name": "primary", "url": f"http://127.0.0.1:{full.getsockname()[1]}"}, secondary,
                                       timeouts={"connect": "300ms"}, evidence={"connect_failures": 1000},
                                       probe={**wire.PROBE_BY_TCP, "interval": "10s", "timeout": "9s", "tolerated_failures": 9}))
        self.assertEqual(self.client(proxy).ask("POST", body=b"x").text, "secondary")

    def test_broken_clients_are_no_evidence_against_an_endpoint(self):
        """Bodies that stop or break behind the beginning of an answer were counted as resets by the endpoint."""
        def early(conn):
            conn.read_head()
            conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
            conn.ended()

        self.pair(early, probe={**wire.PROBE_BY_TCP, "interval": "60s", "timeout": "5s"})
        before = self.probes_of_the_primary()
        for _ in range(30):
            client = self.client(self.running)
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            client.read_head()
            client.send(b"zz\r\n")
            self.assertTrue(client.ended())
        self.assertEqual(self.probes_of_the_primary(), before, "evidence would have started a probe at once")
        self.assertIsNone(self.running.endpoint("primary")["disagreement"])

    def test_a_broken_answer_is_evidence_and_starts_a_probe(self):
        """The counterpart: what the test above counts does happen when the endpoint is to blame."""
        client = self.pair(lambda conn: (conn.read_request(), conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")),
                           probe={**wire.PROBE_BY_TCP, "interval": "60s", "timeout": "5s"})
        before = self.probes_of_the_primary()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.read_to_end()
        wait_until(lambda: self.probes_of_the_primary() > before, what="a probe")

    def test_a_drained_endpoint_lets_its_waiting_gets_go_at_once(self):
        def hang(conn):
            conn.read_request()
            conn.ended()

        client = self.pair(hang)
        client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        poster = self.client(self.running)
        poster.send("POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        self.primary.wait_requests(2)
        self.assertEqual(support.understudy("drain", "primary", "--admin", self.running.admin).code, 0)
        self.assertEqual(client.read_answer().text, "secondary")
        self.assertTrue(poster.quiet(0.3))  # it may be running: it keeps waiting
        self.assertEqual([r.method for r in self.secondary.requests], ["GET"])
        self.assertGreaterEqual(self.running.metric("understudy_rescues_total"), 1)

    def test_an_endpoint_that_names_a_time_is_not_asked_again_before_it(self):
        client = self.pair(answer_all(503, "first"), answer_all(503, "busy", "Retry-After: 20\r\n"), workers=2)
        answer = client.ask()
        self.assertEqual((answer.status, answer.text, answer.get("Retry-After")), (503, "busy", "20"))
        for _ in range(8):  # over both workers
            answer = self.client(self.running).ask()
            self.assertEqual((answer.status, answer.text, answer.get("Retry-After")), (503, "first", None))
        self.assertEqual(len(self.secondary.requests), 1)
        self.primary.close()  # a request that reached nobody is still better sent there than refused
        self.assertEqual(self.client(self.running).ask().text, "busy")

    def test_retry_after_on_other_answers_says_nothing_of_the_endpoint(self):
        for status in (200, 202, 429, 500):
            client = self.pair(answer_all(503, "first"), answer_all(status, "later", "Retry-After: 20\r\n"))
            for _ in range(3):
                self.assertEqual(client.ask().text, "later", status)

    def test_retries_stay_within_the_budget_of_all_workers(self):
        let_go = threading.Event()

        def hold(conn):
            conn.read_request()
            let_go.wait(wire.LIMIT)
            conn.answer(200, "held")

        self.pair(answer_all(503, "busy"), hold, workers=2, retry={"budget_min": 2, "budget_share": 0})
        self.addCleanup(let_go.set)
        held = [self.client(self.running) for _ in range(2)]
        for each in held:
            each.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.secondary.wait_requests(2)
        for _ in range(8):
            self.assertEqual(self.client(self.running).ask().text, "busy")
        self.assertEqual(self.running.metric("understudy_retry_budget_exhausted_total"), 8)
        self.assertEqual(self.running.metric("understudy_retries_in_flight"), 2)
        let_go.set()
        self.assertEqual([each.read_answer().text for each in held], ["held", "held"])
        wait_until(lambda: self.running.metric("understudy_retries_in_flight") == 0, what="no retry under way")
        self.assertEqual(self.client(self.running).ask().text, "held")

    def test_an_endpoint_removed_by_a_reload_lets_its_waiting_gets_go(self):
        """Its counters went away with it while the rescue still counted into them."""
        def hang(conn):
            conn.read_request()
            conn.ended()

        client = self.pair(hang)
        clients = [client] + [self.client(self.running) for _ in range(5)]
        for each in clients:
            each.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        self.primary.wait_requests(6)
        config = self.config(self.secondary, probe=wire.PROBE_BY_TCP)
        self.write_config(config)
        self.assertEqual(support.understudy("reload", "--admin", self.running.admin).code, 0)
        for each in clients:
            self.assertEqual(each.read_answer().text, "secondary")
        self.assert_alive(self.running)


if __name__ == "__main__":
    unittest.main()
