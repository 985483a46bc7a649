"""The npm packages of these tests, installed into build/rehearsals by the first that needs them.

    packages.modules()       # for NODE_PATH; SkipTest where there is no npm
    packages.chromium()      # the browser

No lock file is kept, for it would name the registry of whoever made it. With UNDERSTUDY_NEED_PACKAGES=1, as
./dev sets it, a missing package is a failure and not a skip.
"""

import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import support

FOLDER = support.ROOT / "build" / "rehearsals"


def missing(what: str):
    if os.environ.get("UNDERSTUDY_NEED_PACKAGES") == "1":
        raise AssertionError(what)
    raise unittest.SkipTest(what)


def modules() -> pathlib.Path:
    if shutil.which("npm") is None or shutil.which("node") is None:
        missing("npm and node are not installed")
    wanted = (HERE / "package.json").read_text()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once
        stamp = FOLDER / "installed.json"
        if not stamp.exists() or stamp.read_text() != wanted:
            (FOLDER / "package.json").write_text(wanted)
            done = subprocess.run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"],
                                  cwd=FOLDER, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
            if done.returncode != 0:
                missing(f"npm install failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
            stamp.write_text(wanted)
    return FOLDER / "node_modules"


def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return found or missing("chromium is not installed")
