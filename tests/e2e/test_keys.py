"""`understudy keys`: two apps' keys compared and copied, whatever the apps do, and never a value shown."""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import ssl
import stat
import subprocess
import sys
import threading
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artefacts
import certificates
from support import EndToEnd, executable, understudy


class KeyApp:
    """A function app's key API in a thread of the test. `fault(method, path)` may return a status, a
    pair (status, body) or (status, body, headers), "hang", "drop", "take and drop" or "lie" (says 201
    and stores nothing); None: as it should be."""

    def __init__(self):
        self.master = artefacts.new_key()
        self.host: dict[str, str] = {}
        self.system: dict[str, str] = {}
        self.functions: dict[str, dict[str, str]] = {}
        self.listed = None  # what GET /admin/functions says instead of the names of `functions`
        self.fault = lambda method, path: None
        self.seen: list[tuple[str, str, dict]] = []
        self.hanging, self.let_go = threading.Event(), threading.Event()
        app = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def answer(self):
                with contextlib.suppress(OSError):
                    app.handle(self)

            do_GET = do_PUT = do_POST = do_DELETE = answer

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def speak_tls(self, certificate: str, key: str):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None  # a handshake that the client ends
        self.url = self.url.replace("http:", "https:")

    def stop(self):
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()

    def values(self) -> set[str]:
        groups = [self.host, self.system, *self.functions.values()]
        return {self.master} | {value for group in groups for value in group.values()}

    def writes(self) -> list[str]:
        return [path for method, path, _ in self.seen if method != "GET"]

    def group(self, parts: list[str]):
        if parts[:2] == ["admin", "host"] and parts[2] in ("keys", "functionkeys", "systemkeys"):
            return (self.system if parts[2] == "systemkeys" else self.host), parts[3:]
        if parts[:2] == ["admin", "functions"] and parts[3] == "keys":
            return self.functions.get(parts[2]), parts[4:]
        return None, []

    def handle(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self.seen.append((request.command, request.path, dict(request.headers)))
        fault = self.fault(request.command, request.path)
        if fault == "hang":
            self.hanging.set()
            self.let_go.wait(60)
        if fault in ("hang", "drop"):
            return request.connection.close()
        if isinstance(fault, int):
            fault = (fault, "")
        if isinstance(fault, tuple):
            return self.send(request, *fault)
        status, answer = self.serve(request, body, store=fault != "lie")
        if fault == "take and drop":
            return request.connection.close()
        self.send(request, status, json.dumps(answer))

    def serve(self, request, body, store):
        if request.headers.get("x-functions-key") != self.master:
            return 401, {}
        if request.path == "/admin/functions":
            return 200, [{"name": name} for name in self.functions] if self.listed is None else self.listed
        parts = [urllib.parse.unquote(part) for part in request.path.strip("/").split("/")]
        group, name = self.group(parts)
        if group is None or request.command not in ("GET", "PUT"):
            return 404, {}
        if not name:
            return 200, {"keys": [{"name": n, "value": v} for n, v in group.items()], "links": []}
        if name[0].lower() == "_master":
            self.master = json.loads(body)["value"]
            return 200, {}
        new = name[0] not in group
        if store:
            group[name[0]] = json.loads(body)["value"]
        return 201 if new else 200, {"name": name[0], "value": json.loads(body)["value"]}

    @staticmethod
    def send(request, status, body="", headers=None):
        data = body if isinstance(body, bytes) else body.encode()
        request.send_response(status)
        for key, value in (headers or {}).items():
            request.send_header(key, value)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)


class KeysCase(EndToEnd):
    timeout = "20s"

    def setUp(self):
        super().setUp()
        self.primary, self.secondary = self.key_app(), self.key_app()

    def key_app(self) -> KeyApp:
        app = KeyApp()
        self.addCleanup(app.stop)
        app.host = {"default": artefacts.new_key(), "clients": artefacts.new_key()}
        app.system = {"durabletask_extension": artefacts.new_key()}
        app.functions = {"Hello": {"default": artefacts.new_key()}}
        return app

    def config_file(self, **secondary) -> pathlib.Path:
        return self.write_config({"durable": {"task_hub": "per_region"}, "clients": {"keys": [artefacts.new_key()]},
                                  "endpoints": [
            {"name": "primary", "priority": 1, "url": self.primary.url, "keys": {"admin": self.primary.master}},
            {"name": "secondary", "priority": 2, "url": self.secondary.url,
             "keys": {"admin": self.secondary.master}, **secondary}]})

    def keys(self, verb: str, *args, config=None, code=None):
        """Runs the verb; fails when it shows a key, or a good part of one."""
        config = config or self.config_file()
        first = [*args[:1], config, *args[1:]] if verb == "undo" else [config, *args]
        done = understudy("keys", verb, *first, "--timeout", self.timeout, cwd=self.folder)
        for value in self.primary.values() | self.secondary.values():
            for part in (value, value[:8], value[-8:]):
                self.assertNotIn(part, done.out + done.err)
        if code is not None:
            self.assertEqual(done.code, code, done.out + done.err)
        return done

    def sync(self, *args, **options):
        return self.keys("sync", "--from", "primary", "--to", "secondary", *args, **options)

    def undo_file(self, done) -> pathlib.Path:
        return self.folder / done.json()["undoFile"]

    def make_equal(self):
        self.secondary.host = dict(self.primary.host)
        self.secondary.system = dict(self.primary.system)
        self.secondary.functions = {name: dict(keys) for name, keys in self.primary.functions.items()}


class Diff(KeysCase):
    def test_equal_keys_end_with_zero(self):
        self.make_equal()
        done = self.keys("diff", code=0)
        self.assertRegex(done.out, r"host +default +same\n")
        self.assertIn("4 same, 0 different", done.out)

    def test_each_key_gets_its_verdict(self):
        self.make_equal()
        self.secondary.host["default"] = artefacts.new_key()
        self.secondary.host["extra"] = artefacts.new_key()
        del self.secondary.system["durabletask_extension"]
        self.primary.functions["Bye"] = {"default": artefacts.new_key()}
        done = self.keys("diff", code=1)
        self.assertRegex(done.out, r"host +default +different\n")
        self.assertRegex(done.out, r"host +clients +same\n")
        self.assertRegex(done.out, r"host +extra +missing at primary\n")
        self.assertRegex(done.out, r"system +durabletask_extension +missing at secondary\n")
        self.assertRegex(done.out, r"function Bye: not at secondary")
        self.assertEqual(self.primary.writes() + self.secondary.writes(), [])

    def test_json_has_the_same_verdicts_and_no_value(self):
        done = self.keys("diff", "--json", code=1).json()
        self.assertEqual((done["ok"], done["equal"], done["from"]["name"], done["to"]["name"]),
                         (False, False, "primary", "secondary"))
        self.assertEqual({key["verdict"] for key in done["keys"]}, {"different"})
        self.assertEqual(set(done["keys"][0]), {"scope", "name", "verdict"})

    def test_the_key_travels_in_the_header_and_never_in_the_url(self):
        self.keys("diff", config=self.config_file(secret_header={"name": "x-lock", "value": artefacts.new_key()}))
        for _, path, headers in self.secondary.seen:
            self.assertNotIn("?", path)
            self.assertEqual(headers["x-functions-key"], self.secondary.master)
            self.assertTrue(headers["x-lock"])

    def test_only_functions_that_http_can_call_are_asked_for_unless_they_are_named(self):
        self.make_equal()
        for app in (self.primary, self.secondary):
            app.functions["Activity"] = {"default": artefacts.new_key()}
            app.listed = [{"name": "Hello", "config": {"bindings": [{"type": "httpTrigger"}, {"type": "http"}]}},
                          {"name": "Activity", "config": {"bindings": [{"type": "activityTrigger"}]}}]
        self.keys("diff", code=0)
        self.assertIn("Activity", self.keys("diff", "--functions", "Hello,Activity", code=1).out)

    def test_a_function_that_neither_has_is_bad_input(self):
        self.assertIn('has a function "Hullo"', self.keys("diff", "--functions", "Hullo", code=2).err)

    def test_the_master_key_is_never_compared_under_any_spelling(self):
        self.make_equal()
        self.primary.system["_Master"] = artefacts.new_key()
        self.secondary.host["_MASTER"] = artefacts.new_key()
        self.assertNotRegex(self.keys("diff", "--json", code=0).out.lower(), '"_master"')

    def test_names_come_through_whatever_they_are_made_of(self):
        self.make_equal()
        for name in ("a b/c?d#e%25", "größe+ü", "x" * 200):
            self.primary.host[name] = self.secondary.host[name] = artefacts.new_key()
        self.keys("diff", code=0)

    def test_ten_thousand_keys(self):
        self.make_equal()
        many = {f"key-{n}": f"made-up-value-of-a-key-{n}" for n in range(10_000)}
        self.primary.host.update(many)
        self.secondary.host.update(many)
        self.assertEqual(len(understudy("keys", "diff", self.config_file(), "--json").json()["keys"]), 10_004)


class AppsThatDoNotAnswerAsTheyShould(KeysCase):
    def expect(self, fault, message: str, code=3):
        self.secondary.fault = fault
        done = self.keys("diff", code=code)
        self.assertRegex(done.err, message)
        self.assertRegex(done.err, r"secondary \(http://127\.0\.0\.1:\d+\)")

    def test_a_refused_key_names_the_endpoint_and_the_usual_causes(self):
        for status in (401, 403):
            self.expect(lambda *_, s=status: s,
                        rf"{status}; .*keys\.admin must be the app's master key.*FUNCTIONS_ADMIN_ISOLATION_ENABLED=1")

    def test_a_wrong_master_key_is_not_repeated(self):
        wrong = artefacts.new_key()
        done = self.keys("diff", config=self.config_file(keys={"admin": wrong}), code=3)
        self.assertNotIn(wrong[:8], done.err)
        self.assertIn("keys.admin must be", done.err)

    def test_a_redirect_is_not_followed(self):
        thief = self.key_app()
        self.expect(lambda method, path: (307, "", {"Location": thief.url + path}), "redirect")
        self.assertEqual(thief.seen, [])

    def test_a_body_that_is_no_answer_is_not_shown(self):
        secret = artefacts.new_key()
        for body in (f"<html>{secret}", f'{{"keys": "{secret[:16]}"}}', '{"keys": [{"name": "a"}]}', "[]", "",
                     '{"keys": [{"name": "..", "value": "v"}]}', '{"keys": [{"name": "\\u001b[2J", "value": "v"}]}',
                     '{"keys": [{"name": "a", "value": "v"}, {"name": "a", "value": "w"}]}',
                     '{"keys": [{"name": "a", "value": {"b": 1}}]}', b"\xff\xfe\x00", "[" * 100_000):
            self.expect(lambda method, path, b=body: (200, b) if "keys" in path else None, "does not say: ")

    def test_an_endless_list_is_cut_off(self):
        self.expect(lambda *_: (200, b" " * (5 << 20)), "too_large|too large|exceeds|larger")

    def test_an_app_that_hangs_costs_the_timeout_and_no_more(self):
        self.timeout = "300ms"
        self.expect(lambda *_: "hang", "timed.out")

    def test_an_app_that_is_down(self):
        self.secondary.stop()
        self.assertRegex(self.keys("diff", code=3).err, r"secondary \(\S+\) gave no answer: connect")

    def test_a_certificate_that_does_not_hold_gets_no_key(self):
        authority = certificates.Authority(self.folder, "ca")
        self.secondary.speak_tls(*authority.issue("app", "IP:127.0.0.1"))
        self.assertRegex(self.keys("diff", code=3).err, "secondary .* gave no answer: tls")
        done = self.keys("diff", "--insecure", config=self.config_file(tls={"ca": str(authority.ca),
                                                                            "server_name": "other.example"}), code=3)
        self.assertRegex(done.err, "gave no answer: tls")
        self.assertEqual(self.secondary.seen, [])
        self.keys("diff", config=self.config_file(tls={"ca": str(authority.ca)}), code=1)

    def test_an_answer_of_500_and_a_missing_api(self):
        self.expect(lambda *_: 500, r"answers 500 to GET /admin/functions")
        self.expect(lambda method, path: 404 if "host" in path else None, r"404 .*no such key API")


class Input(KeysCase):
    def test_an_unencrypted_endpoint_elsewhere_is_refused_before_anything_is_sent(self):
        done = self.keys("diff", config=self.config_file(url="http://192.0.2.7"), code=2)
        self.assertRegex(done.err, r"secondary \(http://192\.0\.2\.7\) is not encrypted.*--insecure")
        self.assertEqual(self.primary.seen, [])

    def test_an_endpoint_without_its_master_key_is_bad_input(self):
        config = self.config_file(keys={"durable": artefacts.new_key()}, auth="keys")
        self.assertIn("secondary has no keys.admin", self.keys("diff", config=config, code=2).err)

    def test_names_that_are_not_in_the_config(self):
        self.assertIn('did you mean "secondary"?', self.keys("diff", "--to", "secondry", code=2).err)
        self.assertIn("both", self.keys("diff", "--from", "primary", "--to", "primary", code=2).err)

    def test_sync_needs_both_names_and_undo_its_file(self):
        self.keys("sync", code=2)
        self.keys("undo", code=2)
        self.assertIn("diff", understudy("keys").err + understudy("keys").out)
        self.assertEqual(understudy("keys").code, 2)
        for verb in ("diff", "sync", "undo"):
            self.assertEqual(understudy("keys", verb, "--help").code, 0)

    def test_errors_are_json_when_asked(self):
        done = self.keys("diff", "--to", "x", "--json", code=2)
        self.assertEqual(done.json()["exitCode"], 2)
        self.assertEqual(done.err, "")

    def test_a_broken_config_is_bad_input(self):
        self.keys("diff", config=self.write_config("{"), code=2)


class Sync(KeysCase):
    def test_without_apply_nothing_is_written_anywhere(self):
        done = self.sync(code=0)
        self.assertRegex(done.out, r"host +default +replace\n")
        self.assertIn("nothing was changed; do it with --apply", done.out)
        self.assertEqual(self.secondary.writes() + self.primary.writes(), [])
        self.assertEqual(list(self.folder.glob("keys-undo*")), [])

    def test_apply_copies_what_differs_and_leaves_the_rest(self):
        self.secondary.host["own"] = own = artefacts.new_key()
        self.secondary.host["clients"] = self.primary.host["clients"]
        masters = self.primary.master, self.secondary.master
        done = self.sync("--apply", code=0)
        self.assertEqual(self.secondary.host, {**self.primary.host, "own": own})
        self.assertEqual(self.secondary.system, self.primary.system)
        self.assertEqual(self.secondary.functions, self.primary.functions)
        self.assertEqual((self.primary.master, self.secondary.master), masters)
        self.assertEqual(self.primary.writes(), [])
        self.assertEqual(sorted(self.secondary.writes()),
                         ["/admin/functions/Hello/keys/default", "/admin/host/functionkeys/default",
                          "/admin/host/systemkeys/durabletask_extension"])
        self.assertIn("3 of 3 keys written and read back", done.out)
        self.assertIn("1 key that only secondary has", done.out)
        self.assertIn("nothing to write", self.sync("--apply", code=0).out)

    def test_the_undo_file_is_there_before_the_first_change_and_for_its_owner_alone(self):
        before = self.secondary.host["default"]
        at_first_write = []

        def look(method, path):
            if method == "PUT" and not at_first_write:
                at_first_write.extend(self.folder.glob("keys-undo-secondary-*.json"))

        self.secondary.fault = look
        self.addCleanup(os.umask, os.umask(0))  # the most generous one
        done = self.sync("--apply", "--json", code=0)
        path = self.undo_file(done)
        self.assertEqual(at_first_write, [path])
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        artefact = json.loads(path.read_text())
        self.assertIn(before, [key["before"] for key in artefact["keys"]])
        self.assertTrue(any("keep it secret" in note for note in done.json()["notes"]))

    def test_an_undo_file_is_never_overwritten(self):
        path = self.folder / "mine.json"
        path.write_text("precious")
        done = self.sync("--apply", "--undo", path, code=2)
        self.assertIn("Nothing was changed", done.err)
        self.assertEqual((path.read_text(), self.secondary.writes()), ("precious", []))

    def test_without_an_undo_file_nothing_is_changed(self):
        self.sync("--apply", "--undo", self.folder / "no-such-folder" / "undo.json", code=1)
        (self.folder / "link.json").symlink_to(self.folder / "elsewhere.json")
        self.sync("--apply", "--undo", self.folder / "link.json", code=2)
        self.assertEqual(self.secondary.writes(), [])

    @unittest.skipUnless(shutil.which("prlimit"), "needs prlimit")
    def test_an_undo_file_that_cannot_be_written_whole_is_removed_and_nothing_is_changed(self):
        path = self.folder / "cut.json"
        done = subprocess.run(["prlimit", "--fsize=64", executable("understudy"), "keys", "sync", self.config_file(),
                               "--from", "primary", "--to", "secondary", "--apply", "--undo", path],
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("Nothing was changed", done.stderr)
        self.assertEqual((self.secondary.writes(), path.exists()), ([], False))

    def test_the_master_key_is_never_written_whatever_the_source_lists(self):
        for group in (self.primary.host, self.primary.system, self.primary.functions["Hello"]):
            group["_MASTER"] = group["_master"] = artefacts.new_key()
        master = self.secondary.master
        self.sync("--apply", code=0)
        self.assertEqual(self.secondary.master, master)
        self.assertFalse(any("master" in path.lower() for path in self.secondary.writes()))

    def test_names_are_percent_encoded(self):
        name = "a b/../c?d#e%25+ü"
        self.primary.host[name] = artefacts.new_key()
        self.sync("--apply", code=0)
        self.assertEqual(self.secondary.host[name], self.primary.host[name])
        self.assertIn("/admin/host/functionkeys/a%20b%2F..%2Fc%3Fd%23e%2525%2B%C3%BC", self.secondary.writes())

    def test_a_failure_half_way_says_what_was_done_and_the_next_run_converges(self):
        broken = "/admin/host/systemkeys/durabletask_extension"
        self.secondary.fault = lambda method, path: 500 if method == "PUT" and path == broken else None
        done = self.sync("--apply", code=1)
        self.assertRegex(done.out, r"host +default +replace: done")
        self.assertRegex(done.out, rf"system +durabletask_extension +replace: FAILED, .*answers 500 to PUT {broken}")
        self.assertRegex(done.out, r"function Hello +default +replace: done")
        self.assertIn("3 of 4 keys written", done.out)
        self.secondary.fault = lambda *_: None
        self.assertIn("1 of 1 key written", self.sync("--apply", code=0).out)
        self.keys("diff", code=0)

    def test_a_target_that_dies_half_way_leaves_the_rest_untried(self):
        self.secondary.fault = lambda method, path: "drop" if "systemkeys/" in path else None
        done = self.sync("--apply", "--json", code=1).json()
        results = {key["name"] + "@" + key["scope"]: key["result"] for key in done["keys"]}
        self.assertEqual(results, {"clients@host": "written", "default@host": "written",
                                   "durabletask_extension@system": "failed", "default@function": "not_tried"})

    def test_a_write_whose_answer_is_lost_is_settled_by_reading_back(self):
        self.secondary.fault = lambda method, path: "take and drop" if "Hello/keys/" in path else None
        self.assertIn("4 of 4 keys written and read back", self.sync("--apply", code=0).out)

    def test_a_target_that_lies_is_found_out(self):
        self.secondary.fault = lambda method, path: "lie" if "systemkeys/" in path else None
        done = self.sync("--apply", code=1)
        self.assertRegex(done.out, r"durabletask_extension +replace: NOT CONFIRMED, .*within a minute")

    def test_two_runs_at_once_are_harmless(self):
        config = self.config_file()
        command = [executable("understudy"), "keys", "sync", config, "--from", "primary", "--to", "secondary", "--apply"]
        running = [subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                   for _ in range(4)]
        outputs = [process.communicate(timeout=30)[0] for process in running]
        self.assertEqual([process.returncode for process in running], [0] * 4, outputs)
        self.keys("diff", code=0)

    def test_an_interrupt_ends_it_after_the_call_under_way_and_says_what_was_done(self):
        self.secondary.fault = lambda method, path: "hang" if "systemkeys/" in path else None
        process = subprocess.Popen([executable("understudy"), "keys", "sync", self.config_file(), "--from", "primary",
                                    "--to", "secondary", "--apply", "--timeout", "3s"], cwd=self.folder,
                                   stdout=subprocess.PIPE, text=True)
        self.assertTrue(self.secondary.hanging.wait(20))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130)
        self.assertRegex(out, r"host +default +replace: done")
        self.assertRegex(out, r"function Hello +default +replace: not tried")

    def test_a_key_that_the_config_uses_itself_is_pointed_out(self):
        config = self.config_file(keys={"admin": self.secondary.master,
                                        "durable": self.secondary.system["durabletask_extension"]})
        for args in ((), ("--apply",)):
            self.assertIn("note: keys.durable of secondary in the config is replaced by this",
                          self.sync(*args, config=config, code=0).out)


class Undo(KeysCase):
    def setUp(self):
        super().setUp()
        del self.secondary.host["clients"]
        self.before = dict(self.secondary.host), dict(self.secondary.system)
        self.path = self.undo_file(self.sync("--apply", "--json", code=0))

    def test_it_restores_what_was_and_lists_what_was_new(self):
        dry = self.keys("undo", self.path, code=0)
        self.assertRegex(dry.out, r"host +default +restore\n")
        self.assertEqual(self.secondary.host["default"], self.primary.host["default"])
        done = self.keys("undo", self.path, "--apply", code=0)
        self.assertRegex(done.out, r"host +default +restore: done")
        self.assertRegex(done.out, r"host +clients +was new: left there")
        self.assertEqual(self.secondary.host, {**self.before[0], "clients": self.primary.host["clients"]})
        self.assertEqual(self.secondary.system, self.before[1])
        self.assertIn("nothing to write", self.keys("undo", self.path, "--apply", code=0).out)

    def test_a_key_that_somebody_has_changed_since_is_left_alone(self):
        self.secondary.host["default"] = rotated = artefacts.new_key()
        done = self.keys("undo", self.path, "--apply", code=1)
        self.assertRegex(done.out, r"host +default +changed by somebody since: left alone")
        self.assertEqual(self.secondary.host["default"], rotated)
        self.assertEqual(self.secondary.system, self.before[1])

    def test_it_goes_to_no_other_app_than_the_one_it_was_written_for(self):
        other = self.key_app()
        config = self.config_file(url=other.url)
        self.assertIn("was written for secondary at", self.keys("undo", self.path, config=config, code=2).err)
        self.assertEqual(other.seen, [])

    def test_a_file_that_is_no_undo_file_is_bad_input_and_not_quoted(self):
        secret = artefacts.new_key()
        good = json.loads(self.path.read_text())
        bad_scope = {**good, "keys": [{**good["keys"][0], "scope": "../x"}]}
        bad_name = {**good, "keys": [{**good["keys"][0], "name": ".."}]}
        for text in (secret, json.dumps({"a": secret}), json.dumps({**good, "understudyKeysUndo": 2}),
                     json.dumps(bad_scope), json.dumps(bad_name), "[" * 100_000, ""):
            path = self.folder / "bad.json"
            path.write_text(text)
            self.assertNotIn(secret[:8], self.keys("undo", path, "--apply", code=2).err)
        self.keys("undo", self.folder / "absent.json", code=2)

    def test_an_edited_file_cannot_reach_the_master_key(self):
        file = json.loads(self.path.read_text())
        file["keys"] = [{"scope": "system", "name": "_Master", "before": "a", "written": self.secondary.master}]
        (self.folder / "evil.json").write_text(json.dumps(file))
        master = self.secondary.master
        self.keys("undo", self.folder / "evil.json", "--apply", code=0)
        self.assertEqual(self.secondary.master, master)


class RealStandIn(EndToEnd):
    """The stand-in app's own key API instead of this file's."""

    def test_two_stand_in_apps_get_the_same_keys(self):
        storage = self.storage()
        apps, endpoints = [], []
        for priority, name in enumerate(("primary", "secondary"), 1):
            keys = {"master": artefacts.new_key(), "host": {"default": artefacts.new_key()},
                    "system": {"durabletask_extension": artefacts.new_key()},
                    "functions": {"Hello": {"default": artefacts.new_key()}}}
            path = self.folder / f"{name}-keys.json"
            path.write_text(json.dumps(keys))
            apps.append(self.app_with_keys(name, storage, path))
            endpoints.append({"name": name, "priority": priority, "url": apps[-1], "keys": {"admin": keys["master"]}})
        config = self.write_config({"durable": {"task_hub": "shared"}, "endpoints": endpoints,
                                    "clients": {"keys": [artefacts.new_key()]}})
        only = ["--functions", "Hello"]
        self.assertEqual(understudy("keys", "diff", config, *only).code, 1)
        done = understudy("keys", "sync", config, "--from", "primary", "--to", "secondary", *only, "--apply",
                          cwd=self.folder)
        self.assertEqual(done.code, 0, done.out + done.err)
        self.assertEqual(understudy("keys", "diff", config, *only).code, 0)

    def app_with_keys(self, name, storage, path) -> str:
        help_text = subprocess.run([executable("understudy-app"), "--help"], capture_output=True, text=True).stdout
        if "--keys" not in help_text:
            self.skipTest("the stand-in app has no key API yet")
        app = self.process(f"app-{name}", [executable("understudy-app"), "--listen", "127.0.0.1:0", "--storage",
                           storage.url, "--name", name, "--hub", "Demo", "--keys", str(path)],
                           r"listening on (?P<address>\S+)")
        return "http://" + app.ready["address"]


if __name__ == "__main__":
    unittest.main()
