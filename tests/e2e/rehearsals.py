#!/usr/bin/env python3
"""Plays built-in scenarios of `understudy rehearse` and prints one table row for each run.

    python3 tests/e2e/rehearsals.py [--scenarios all | primary-freeze,per-region-hub] [--repeat 20] [--jobs 2]
                                    [--time-scale 2] [--keep FOLDER] [--markdown] [--bin FOLDER]

Exit code 1 when a verdict was not the one that `understudy rehearse list` expects, 2 for wrong use. A scenario
whose tool is not installed (azurite) is left out, and the table says so. Standard library only.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import artefacts
import support

LONGEST = 180.0  # seconds of a run, whatever it is
CODES = {"passed": 0, "missed": 1}
INCONCLUSIVE = 3
BUSY = 500  # milliseconds; a quiet machine stays below 50


def built_in(environment: dict | None = None) -> dict[str, str]:
    """Each built-in scenario with the outcome that its list expects."""
    listed = support.understudy("rehearse", "list", "--json", env=environment)
    if listed.code != 0:
        raise AssertionError(f"rehearse list ended with {listed.code}: {listed.err}")
    return {one["name"]: one["expected"] for one in listed.json()}


def azurite() -> str | None:
    """The emulator's command, when it is installed."""
    return shutil.which("azurite")


def missing_tool(name: str) -> str:
    return "azurite is not installed" if name == "azurite" and not azurite() else ""


@dataclasses.dataclass
class Run:
    """One rehearsal that has ended."""

    scenario: str
    code: int
    seconds: float
    out: str
    err: str
    folder: pathlib.Path

    @property
    def result(self) -> dict:
        return json.loads((self.folder / "result.json").read_text(encoding="utf-8"))

    def objectives(self) -> dict[str, str]:
        """What became of each: met, missed or not_measured."""
        return {one["name"]: one["met"] for one in self.result["objectives"]}

    def missed(self) -> list[str]:
        return [f"{one['name']} {one['measured']} (target {one['target']})" for one in self.result["objectives"] if one["met"] != "yes"]

    def findings(self) -> list[str]:
        return [one["text"] for one in self.result["findings"] if one["severity"] in ("high", "medium")]

    def was_disturbed(self) -> bool:
        """The load itself came late, by as much as no fault explains: the rehearsal did not get the processor."""
        return self.code == INCONCLUSIVE or (self.code in CODES.values() and self.result["load_late_ms"] > BUSY)

    def surprise(self, expected: str) -> str:
        """Why this is not the expected verdict; "" when it is."""
        if self.code == CODES[expected]:
            return ""
        return f"{self.scenario} was expected to end as {expected} and ended with {self.code}:\n{self.out}{self.err}"


def play(scenario, folder, *arguments) -> Run:
    """Plays a built-in scenario or a file to its end; the report goes into `folder`."""
    began = time.monotonic()
    done = support.understudy("rehearse", scenario, "--plain", "--report", folder, *arguments, timeout=LONGEST)
    run = Run(str(scenario), done.code, time.monotonic() - began, done.out, done.err, pathlib.Path(folder))
    for name in ("report.html", "result.json", "junit.xml", "report.md"):
        if (run.folder / name).exists():
            artefacts.keep(f"rehearsal-{name}", (run.folder / name).read_text(encoding="utf-8"))
    return run


def play_all(names: list[str], folder: pathlib.Path, jobs: int, arguments: list[str] = []):
    """The runs in the order of the names, as they come in. One that measured a busy machine is played once more."""
    expected = built_in()

    def one(number: int, name: str) -> Run:
        run = play(name, folder / f"{number:03d}-{name}", *arguments)
        if not run.surprise(expected[name]) or not run.was_disturbed():
            return run
        return play(name, folder / f"{number:03d}-{name}-again", *arguments)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(one, itertools.count(), names)


COLUMNS = ("scenario", "seconds", "expected", "ended", "missed objectives and findings")


def line(values, markdown: bool) -> str:
    if markdown:
        return "| " + " | ".join(map(str, values)) + " |"
    return "  ".join(str(value).ljust(width) for value, width in zip(values, (26, 7, 8, 13, 0), strict=True)).rstrip()


def row(run: Run, expected: str, markdown: bool = False) -> str:
    try:
        outcome, notes = run.result["outcome"], "; ".join(run.missed() + run.findings())
    except (OSError, ValueError, KeyError) as problem:
        outcome, notes = f"code {run.code}", str(problem)
    return line((run.scenario, f"{run.seconds:.1f}", expected, outcome, notes), markdown)


def header(markdown: bool = False) -> str:
    return line(COLUMNS, markdown) + ("\n|" + "---|" * len(COLUMNS) if markdown else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scenarios", default="all", help="names, separated by commas")
    parser.add_argument("--repeat", type=int, choices=range(1, 1001), default=1, metavar="N", help="so often each")
    parser.add_argument("--jobs", type=int, choices=range(1, 9), default=2, help="runs at the same time")
    parser.add_argument("--time-scale", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the reports")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--bin", type=pathlib.Path, help="folder of the executables ($UNDERSTUDY_BIN, build/release/bin)")
    options = parser.parse_args()
    if options.bin:
        support.BIN = options.bin.resolve()
    try:
        expected = built_in()
    except unittest.SkipTest as missing:
        parser.error(str(missing))
    names = list(expected) if options.scenarios == "all" else options.scenarios.split(",")
    odd = [name for name in names if name not in expected]
    if odd:
        parser.error(f"unknown: {', '.join(odd)}; there are {', '.join(expected)}")
    print(header(options.markdown), flush=True)
    for name in names:
        if missing_tool(name):
            print(line((name, "", expected[name], "left out", missing_tool(name)), options.markdown), flush=True)
    names = [name for name in names if not missing_tool(name)] * options.repeat
    folder = options.keep or pathlib.Path(tempfile.mkdtemp(prefix="understudy-rehearsals-"))
    began, surprises = time.monotonic(), 0
    try:
        for run in play_all(names, folder, options.jobs, ["--time-scale", str(options.time_scale)]):
            print(row(run, expected[run.scenario], options.markdown), flush=True)
            surprises += bool(run.surprise(expected[run.scenario]))
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(names)} runs in {time.monotonic() - began:.0f} s, {options.jobs} at a time; {surprises} with another verdict than expected")
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
