#!/usr/bin/env python3
"""The files of deploy/ and the Dockerfile that are not configurations: each is checked by its own tool, or
against the source that it repeats."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Deploy(unittest.TestCase):
    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_alert_rules_raise_what_they_are_for(self):
        for arguments in (["check", "rules", DEPLOY / "prometheus-alerts.yml"],
                          ["test", "rules", ROOT / "tests/deploy/alerts_test.yml"]):
            done = run("promtool", *map(str, arguments))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_alert_rules_use_metrics_that_exist(self):
        names = set(re.findall(r"\bunderstudy_\w+", re.sub(r"#.*", "", text("deploy/prometheus-alerts.yml"))))
        known = text("app/metrics.cpp")
        self.assertTrue(names)
        self.assertEqual([n for n in names if f'"{n.removeprefix("understudy_")}"' not in known], [])

    def test_the_image_is_built_from_the_packages_that_dev_installs(self):
        group = re.search(r'\[build\]="([^"]*)"', text("dev")).group(1)
        wanted = {entry.split("=")[-1] for entry in group.split()} - {"ccache"}
        first_stage = text("Dockerfile").split("\nFROM ")[1]
        installed = set(re.search(r"--no-install-recommends ([^&]*)", first_stage.replace("\\\n", " ")).group(1).split())
        self.assertEqual(installed, wanted)

    def test_the_image_context_holds_every_folder_that_the_build_reads(self):
        folders = set(re.findall(r"^!(\w+)$", text(".dockerignore"), re.M))
        sources = {p.parent.name for p in ROOT.glob("*/*.cpp")}
        self.assertEqual(sources - folders, set())

    def test_the_image_runs_as_an_unprivileged_user(self):
        last_stage = text("Dockerfile").split("\nFROM ")[-1]
        self.assertRegex(last_stage, r"\nUSER 10001:10001\n")
        self.assertNotRegex(last_stage.split("USER 10001")[1], r"\nUSER ")

    def test_compose_and_its_configuration_name_the_same_services(self):
        services = set(re.findall(r"^  (\w+):$", text("deploy/compose.yaml").split("\nvolumes:")[0], re.M))
        self.assertEqual(services, {"proxy", "primary", "secondary", "storage"})
        hosts = set(re.findall(r'"url": "http://(\w+):7071"', text("deploy/compose.json")))
        self.assertEqual(hosts, {"primary", "secondary"})

    def test_the_pipelines_rehearse_scenarios_that_exist(self):  # tests/e2e runs their commands, tests/schema checks their shape
        for sample in ("github-actions-rehearsal.yml", "azure-pipelines-rehearsal.yml"):
            names = re.search(r"^ *default: (.*)$", text(f"deploy/{sample}"), re.M).group(1).split()
            self.assertTrue(names)
            self.assertEqual([n for n in names if not (ROOT / f"rehearsal/scenarios/{n}.json").is_file()], [])

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_the_unit_has_no_key_that_systemd_does_not_know(self):
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder) / "understudy.service"
            # verify wants the programs to exist; any will do
            unit.write_text(text("deploy/understudy.service").replace("/usr/local/bin/understudy", "/bin/true"),
                            encoding="utf-8")
            done = run("systemd-analyze", "verify", str(unit))
            about_it = [line for line in done.stderr.splitlines() if "understudy.service" in line]
            self.assertEqual(about_it, [])


if __name__ == "__main__":
    unittest.main()
