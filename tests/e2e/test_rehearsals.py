"""Rehearsals end to end: every built-in scenario has the verdict that its list expects, objectives can be missed, and
whatever happens to a rehearsal it leaves nothing behind. Two runs at a time at most. The normal run plays all scenarios in
half of their time (--time-scale 2); UNDERSTUDY_ALL=1 plays them as they are, and two of them 20 times."""

from __future__ import annotations

import concurrent.futures
import copy
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rehearsals
import support
from support import EndToEnd, Process, ROOT, executable, understudy, wait_until

ALL = os.environ.get("UNDERSTUDY_ALL") == "1"
JOBS = 2
TOOLS = ("understudy", "understudy-rehearse", "understudy-app", "understudy-storage", "understudy-gateway", "understudy-link")

# Three seconds of outage and as long for all else: for what is about the rehearsal itself.
QUICK = {
    "scenario": "quick",
    "title": "The primary crashes for a second",
    "about": "As short as it can be.",
    "topology": {"task_hub": "shared", "endpoints": [
        {"name": "primary", "region": "west", "priority": 1, "stand_in": {}},
        {"name": "secondary", "region": "east", "priority": 2, "stand_in": {}}]},
    "proxy": {"probe": {"interval": "300ms", "timeout": "300ms", "doubt_interval": "100ms", "tolerated_failures": 2, "required_passes": 2},
              "failback": {"healthy_for": "500ms"}, "stickiness": {"ttl": "0s"},
              "durable": {"ledger": {"answer_after": "1s", "settle_after": "500ms"}}},
    "objectives": {"http_rto": "5s", "lost_starts": 0},
    "steady": {"for": "500ms"},
    "load": {"rate": 30, "work": "300ms", "work_steps": 2, "poll_every": "300ms"},
    "steps": [{"fault": "kill", "target": "primary", "for": "1s"},
              {"wait_until": {"active": "secondary"}, "within": "5s"},
              {"wait_until": {"healed": True}, "within": "10s"},
              {"wait_until": {"active": "primary"}, "within": "10s"}],
    "limit": "60s",
}


class Rehearsals(EndToEnd):
    def setUp(self):
        super().setUp()
        for name in TOOLS:
            executable(name)

    def scenario(self, base: dict = QUICK, **changes) -> pathlib.Path:
        """A file of its own; a change of objectives, steps, ... replaces those of `base`."""
        value = {**copy.deepcopy(base), **changes}
        file = self.folder / f"{value['scenario']}.json"
        file.write_text(json.dumps(value, indent=2), encoding="utf-8")
        return file

    def shown(self, name: str) -> dict:
        """A built-in scenario, as `show` prints it."""
        shown = understudy("rehearse", "show", name)
        self.assertEqual(shown.code, 0, shown.err)
        return json.loads(shown.out)

    def play(self, scenario, *arguments) -> rehearsals.Run:
        return rehearsals.play(scenario, self.folder / "report", *arguments)


class BuiltIn(Rehearsals):
    def check(self, names: list[str], arguments: list[str]):
        expected = rehearsals.built_in()
        left_out = [name for name in names if rehearsals.missing_tool(name)]
        print(f"\n{rehearsals.header()}", flush=True)
        for run in rehearsals.play_all([name for name in names if name not in left_out], self.folder, JOBS, arguments):
            print(rehearsals.row(run, expected[run.scenario]), flush=True)
            with self.subTest(run.scenario):
                self.assertEqual(run.surprise(expected[run.scenario]), "")
                self.assertEqual(run.result["outcome"], expected[run.scenario])
        if left_out:
            print("left out, for its tool is not installed: " + ", ".join(left_out), flush=True)

    def test_the_list_names_every_file_and_what_it_shows(self):
        files = {file.stem for file in (ROOT / "rehearsal" / "scenarios").glob("*.json")}
        expected = rehearsals.built_in()
        self.assertEqual(set(expected), files)
        self.assertGreaterEqual(len(files), 23)
        told = understudy("rehearse", "list").out
        for name, outcome in expected.items():
            rows = [row for row in told.splitlines() if row.split()[0] == name]
            self.assertEqual(len(rows), 1, f"{name} has one line")
            self.assertEqual(self.shown(name)["expect"], {"passed": "pass", "missed": "missed"}[outcome])

    def test_every_file_can_be_checked_where_it_lies(self):
        for file in sorted((ROOT / "rehearsal" / "scenarios").glob("*.json")):
            with self.subTest(file.stem):
                checked = understudy("rehearse", "check", file)
                self.assertEqual((checked.code, checked.err), (0, ""))

    @unittest.skipIf(ALL, "played as they are")
    def test_every_scenario_in_half_of_its_time_ends_as_expected(self):
        self.check(list(rehearsals.built_in()), ["--time-scale", "2"])

    @unittest.skipUnless(ALL, "eight minutes: ./dev test --all")
    def test_every_scenario_ends_as_expected(self):
        self.check(list(rehearsals.built_in()), [])

    @unittest.skipUnless(ALL, "40 runs: ./dev test --all")
    def test_twenty_runs_in_a_row_have_the_same_verdict(self):
        self.check(["primary-freeze", "per-region-hub"] * 20, [])


class Objectives(Rehearsals):
    def test_what_is_measured_can_be_missed(self):
        scenario = self.shown("primary-crash")
        scenario["objectives"] = {name: "1ms" for name in
                                  ("http_rto", "work_rto", "detect", "failback", "p95_during", "instance_recovery")}
        scenario["objectives"]["alert"] = {"kind": "hub_claim", "within": "5s"}  # nobody raises it
        # On a quick machine 95 of 100 answers take under a millisecond; half of these do not.
        scenario["steps"].insert(0, {"fault": "slow", "target": "secondary", "for": "4s", "by": "50ms"})
        run = self.play(self.scenario(scenario))
        self.assertEqual(run.code, 1, run.out + run.err)
        met = run.objectives()
        self.assertEqual({name: word for name, word in met.items() if word == "yes"}, {})
        self.assertEqual(len(met), 7)
        suite = xml.etree.ElementTree.parse(run.folder / "junit.xml").getroot()
        self.assertGreaterEqual(len(suite.findall(".//failure")), 7)

    def test_without_the_task_hub_in_its_configuration_the_proxy_cannot_keep_the_promises_about_starts(self):
        scenario = self.shown("primary-freeze")
        scenario["topology"]["claim"] = False
        scenario["load"]["patience"] = "2s"  # shorter than the outage
        scenario["objectives"] = {"unknown_starts": 0, "failed_starts": 0, "ghost_starts": 0, "lost_starts": 0}
        run = self.play(self.scenario(scenario))
        self.assertEqual(run.code, 1, run.out + run.err)
        self.assertIn("no", run.objectives().values())

    def test_the_scenario_in_the_readme_is_played_as_written(self):
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        blocks = [block for block in readme.split("```jsonc\n")[1:] if block.startswith('{ "scenario"')]
        self.assertEqual(len(blocks), 1)
        file = self.folder / "readme.json"
        file.write_text(blocks[0].split("```")[0], encoding="utf-8")
        run = self.play(file)
        self.assertEqual(run.code, 0, run.out + run.err)

    def test_two_runs_are_compared(self):
        good = self.play(self.scenario())
        self.assertEqual(good.code, 0, good.out + good.err)
        folder = good.folder.rename(self.folder / "good")
        bad = self.play(self.scenario(objectives={"http_rto": "5s", "detect": "1ms", "lost_starts": 0}))
        self.assertEqual(bad.code, 1, bad.out + bad.err)
        self.assertEqual(understudy("rehearse", "compare", folder, folder).code, 0)
        worse = understudy("rehearse", "compare", folder, bad.folder)
        self.assertEqual(worse.code, 1, worse.out + worse.err)


class Ends(Rehearsals):
    """What a rehearsal leaves when it ends before its time."""

    def started(self, *arguments, steps=None) -> tuple[Process, pathlib.Path]:
        long = [{"fault": "freeze", "target": "primary", "for": "50s"}, {"wait_until": {"healed": True}, "within": "55s"}]
        report = self.folder / "report"
        run = self.process("rehearsal", [executable("understudy-rehearse"), self.scenario(steps=steps or long), "--plain",
                                         "--report", report, *arguments])
        return run, report

    def children(self, run: Process) -> list[int]:
        """Everything that it has started, by the processes' own word."""
        found, waiting = [], [run.pid]
        while waiting:
            parent = waiting.pop()
            for task in pathlib.Path(f"/proc/{parent}/task").glob("*/children"):
                try:
                    pids = [int(word) for word in task.read_text().split()]
                except OSError:
                    continue
                found += pids
                waiting += pids
        return found

    def in_the_middle(self, run: Process) -> list[int]:
        run.wait_line(r"fault .*primary", 30)
        pids = self.children(run)
        self.assertGreaterEqual(len(pids), 4, "the proxy, two apps and their storage")
        return pids

    def assert_gone(self, pids: list[int], timeout: float = 10):
        wait_until(lambda: not [pid for pid in pids if running(pid)], timeout, "every process of the rehearsal to be gone")

    def test_ctrl_c_heals_and_reports(self):
        run, report = self.started()
        pids = self.in_the_middle(run)
        run.signal(signal.SIGINT)
        self.assertEqual(run.wait(30), 130, run.text)
        self.assert_gone(pids)
        result = json.loads((report / "result.json").read_text(encoding="utf-8"))
        self.assertEqual(result["outcome"], "interrupted")
        self.assertTrue((report / "report.html").exists())
        fault = result["faults"][0]
        self.assertLess(fault["ended_s"] - fault["began_s"], 45, "healed before its time")

    def test_a_kill_leaves_no_process_behind(self):
        run, _ = self.started()
        pids = self.in_the_middle(run)
        run.kill()
        self.assert_gone(pids)

    def test_ctrl_c_while_the_parts_start_ends_at_once(self):
        scenario = copy.deepcopy(QUICK)
        scenario["topology"]["processes"] = [{"name": "never", "command": ["sleep", "100"], "ready": {"path": "/", "within": "60s"}}]
        run = self.process("rehearsal", [executable("understudy-rehearse"), self.scenario(scenario), "--plain", "--report", self.folder / "report"])
        run.wait_line("start", 10)
        wait_until(lambda: self.children(run), 10, "the first part")
        pids = self.children(run)
        run.signal(signal.SIGINT)
        self.assertEqual(run.wait(15), 130, run.text)
        self.assert_gone(pids)

    def test_a_part_that_does_not_become_ready_is_inconclusive_and_named(self):
        scenario = copy.deepcopy(QUICK)
        scenario["topology"]["processes"] = [{"name": "emulator", "command": ["sleep", "100"], "ready": {"path": "/", "within": "1s"}}]
        run = self.play(self.scenario(scenario))
        self.assertEqual(run.code, 3, run.out + run.err)
        self.assertIn("emulator", run.out + run.err)

    def test_a_steady_state_that_is_not_reached_is_inconclusive(self):
        run = self.play(self.scenario(steady={"for": "300ms", "within": "1s"}, load={**QUICK["load"], "path": "/no-such-page"}))
        self.assertEqual(run.code, 3, run.out + run.err)
        self.assertEqual(run.result["outcome"], "inconclusive")
        self.assertEqual(run.result["faults"], [], "nothing is broken that did not stand before")

    def test_a_wrong_file_starts_nothing_and_every_mistake_is_named(self):
        steps = [{"fault": "kil", "target": "primary"}, {"fault": "kill", "target": "tertiary"}]
        run = self.play(self.scenario(steps=steps, objektives={}))
        self.assertEqual(run.code, 2, run.out + run.err)
        for hint in ('did you mean "kill"', "tertiary", 'did you mean "objectives"'):
            self.assertIn(hint, run.err)
        self.assertFalse((self.folder / "report").exists())
        for arguments in (["primary-frieze"], ["/nowhere.json"], ["primary-freeze", "--time-scale", "0"], ["--no-such"]):
            with self.subTest(arguments):
                done = understudy("rehearse", *arguments, cwd=self.folder)
                self.assertEqual(done.code, 2, done.out + done.err)
        self.assertIn("primary-freeze", understudy("rehearse", "primary-frieze").err)


def running(pid: int) -> bool:
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


class OwnConfiguration(Rehearsals):
    KEYS = {"ORDERS_CLIENT_KEY": "client-key-of-a-test", "WEU_DURABLE_KEY": "durable-key-west", "NEU_DURABLE_KEY": "durable-key-north"}

    def test_a_sample_of_deploy_is_played_on_stand_ins(self):
        sample = ROOT / "deploy" / "two-azure-apps.json"
        starter = understudy("rehearse", "init", sample, env=self.KEYS)
        self.assertEqual(starter.code, 0, starter.err)
        file = self.folder / "mine.json"
        file.write_text(starter.out, encoding="utf-8")
        checked = understudy("rehearse", "check", file, env=self.KEYS)
        self.assertEqual(checked.code, 0, checked.err)
        run = rehearsals.play(file, self.folder / "report", "--config", sample, "--time-scale", "20")
        self.assertEqual(run.code, 0, run.out + run.err)
        html = (run.folder / "report.html").read_text(encoding="utf-8")
        self.assertIn("divided by 20", html)
        for key in self.KEYS.values():
            self.assertNotIn(key, html)


class Script(unittest.TestCase):
    def test_wrong_use_is_told_from_a_surprise(self):
        for arguments in (["--scenarios", "no-such"], ["--repeat", "0"], ["--bin", "/nowhere"]):
            with self.subTest(arguments):
                done = subprocess.run([sys.executable, "-B", rehearsals.__file__, *arguments], capture_output=True, text=True, timeout=30,
                                      cwd=pathlib.Path(rehearsals.__file__).parent)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertNotIn("Traceback", done.stderr)


if __name__ == "__main__":
    unittest.main()
