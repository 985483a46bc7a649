"""The commands of the pipelines in deploy/, run as they stand there: the build is left out (the executables are those of
this run), the rehearsal is a short one, and `docker exec NAME` runs what follows it."""

from __future__ import annotations

import json
import os
import pathlib
import re
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import support
from support import ROOT, EndToEnd, executable
from test_rehearsals import QUICK, TOOLS

DOCKER = """#!/bin/sh
case $1 in
  run) exit 0 ;;
  exec) shift 2; exec "$@" ;;
  *) exit 2 ;;
esac
"""


def commands(text: str, key: str) -> list[str]:
    """The values of `key` ("run" or "script") in a list of steps: on one line, folded (>) or as they stand (|)."""
    found, lines = [], text.splitlines()
    for i, line in enumerate(lines):
        start = re.match(rf"^( *)(- )?{key}: (.*)$", line)
        if not start:
            continue
        indent = len(start[1]) + len(start[2] or "")
        if start[3] not in ("|", ">"):
            found.append(start[3])
            continue
        block = []
        for inner in lines[i + 1:]:
            if inner.strip() and len(inner) - len(inner.lstrip()) <= indent:
                break
            block.append(inner.strip() if start[3] == ">" else inner[indent + 2:])
        found.append((" " if start[3] == ">" else "\n").join(block).strip() + "\n")
    return found


class CiSamples(EndToEnd):
    def setUp(self):
        super().setUp()
        for name in TOOLS:
            executable(name)
        self.work = self.folder / "work"
        (self.work / "build" / "release").mkdir(parents=True)
        (self.work / "build" / "release" / "bin").symlink_to(support.BIN.resolve())
        tools = self.folder / "tools"
        tools.mkdir()
        self.program(tools / "docker", DOCKER)
        self.program(self.work / "dev", "#!/bin/sh\n[ \"$*\" = build ]\n")
        self.environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "ARGUMENTS": "--plain"}

    @staticmethod
    def program(path: pathlib.Path, text: str):
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def scenario(self, name: str, **changes) -> str:
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps({**QUICK, "scenario": name, **changes}))
        return str(file)

    def shell(self, command: str, *flags: str, **environment) -> subprocess.CompletedProcess:
        return subprocess.run(["bash", *flags, "-c", command], cwd=self.work, capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, env={**self.environment, **environment})

    def steps(self, name: str, key: str, count: int) -> list[str]:
        found = commands((ROOT / "deploy" / name).read_text(encoding="utf-8"), key)
        self.assertEqual(len(found), count, found)
        return found

    def check_reports(self, *names: str):
        for name in names:
            for file in ("report.html", "junit.xml", "result.json", "report.md"):
                self.assertTrue((self.work / "reports" / name / file).is_file(), f"{name}/{file}")

    def test_the_github_sample_builds_rehearses_and_summarises(self):
        build, rehearse, summary = self.steps("github-actions-rehearsal.yml", "run", 3)
        flags = ("--noprofile", "--norc", "-eo", "pipefail")
        self.assertEqual(self.shell(build, *flags).returncode, 0)
        # An objective that is missed fails the job, and the scenarios after it are played all the same.
        both = self.scenario("misses", objectives={"detect": "1ms"}) + " " + self.scenario("passes")
        done = self.shell(rehearse, *flags, SCENARIOS=both)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.check_reports("misses", "passes")
        into = self.folder / "summary.md"
        self.assertEqual(self.shell(summary, *flags, GITHUB_STEP_SUMMARY=str(into)).returncode, 0)
        self.assertIn("misses", into.read_text())
        self.assertIn("passes", into.read_text())

    def test_the_azure_sample_builds_rehearses_and_summarises(self):
        debian, build, rehearse, summary = self.steps("azure-pipelines-rehearsal.yml", "script", 4)
        self.assertEqual(self.shell(debian).returncode, 0)
        self.assertEqual(self.shell(build).returncode, 0)
        done = self.shell(rehearse, SCENARIOS=self.scenario("passes"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.check_reports("passes")
        told = self.shell(summary).stdout.split("]", 1)
        self.assertEqual(told[0], "##vso[task.uploadsummary")
        self.assertTrue(pathlib.Path(told[1].strip()).is_file(), told)


class Blocks(unittest.TestCase):
    def test_blocks_are_read_as_yaml_means_them(self):
        self.assertEqual(commands("steps:\n  - run: one\n  - name: x\n    run: |\n      a\n        b\n\n  - run: >\n      c\n      d\n", "run"),
                         ["one", "a\n  b\n", "c d\n"])


if __name__ == "__main__":
    unittest.main()
