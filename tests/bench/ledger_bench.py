#!/usr/bin/env python3
"""Measures what a start costs with the start ledger on disk, in memory and off, on one machine, over loopback.

The origin answers every start with the same 202 at once. Each round measures, one after another: the disk (append
4 KiB, fdatasync) in the folder of the ledger; starts at a fixed rate, straight to the origin and through each mode,
whose difference in latency is what the proxy adds; and as many starts as go through. Then plain GETs with the ledger
on and without a task_hub. The proxy has one core to itself (with --workers above 1: all cores), origin and load
share another. The goals are printed as met or missed; the exit code tells only whether it could be measured.
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.request

import bench as b
import targets as t

MODES = ("durable", "memory", "off")
START = "/runtime/webhooks/durabletask/orchestrators/Order"
GOAL_RATE, GOAL_TAIL = 5000, 3
BLOCK = b"\x5a" * 4096


def quantile(values, q):
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * q), len(ordered) - 1)]


def sync_times(folder, seconds):
    """Seconds that each fdatasync after an append of 4 KiB took; the file is gone afterwards."""
    path, times = os.path.join(folder, "sync.probe"), []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        end = time.perf_counter() + seconds
        while not times or before < end:
            before = time.perf_counter()
            os.write(file, BLOCK)
            os.fdatasync(file)
            times.append(time.perf_counter() - before)
    finally:
        os.close(file)
        os.unlink(path)
    return times


def file_system(folder):
    """The type of the file system that holds a folder."""
    best, kind = "", "unknown"
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            _, where, this, *_ = line.split()
            inside = folder == where or folder.startswith(where.rstrip("/") + "/")
            if inside and len(where) >= len(best):
                best, kind = where, this
    return kind


class LedgerBench(b.Bench):
    """One origin and four proxies that differ in `durable` alone."""

    def __init__(self, options):
        super().__init__(options)
        self.folder = os.path.join(os.path.abspath(options.folder), f"ledger-bench-{os.getpid()}")
        os.makedirs(self.folder, mode=0o700)
        self.admin = {}
        self.syncs = []

    def start(self, name):
        port, self.admin[name] = t.free_port(), t.free_port()
        config = json.loads(t.understudy_config(self.run, self.ports))
        config["listen"] = [{"address": f"127.0.0.1:{port}"}]
        config["admin"] = {"address": f"127.0.0.1:{self.admin[name]}"}
        if name == "plain":
            del config["durable"]
        else:
            config["durable"]["ledger"] = {"mode": name, "path": f"{self.folder}/{name}.db"}
        path = f"{self.folder}/{name}.json"
        t.write(path, json.dumps(config, indent=2))
        workers = self.options.workers
        cores = self.proxy_core if workers == 1 else ",".join(map(str, sorted(os.sched_getaffinity(0))))
        process = t.Process(name, [self.options.binary, "run", path, "--workers", str(workers)], cores, port,
                            f"{self.folder}/{name}.out")
        self.processes.append(process)
        return process

    def close(self):
        self.stop_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def starts_status(self, name):
        """What the proxy says of its ledger; None: it has none."""
        url = f"http://127.0.0.1:{self.admin[name]}/api/status"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return (json.load(answer).get("durable") or {}).get("starts")

    def starts(self, port, rate=0):
        shape = f"--connections 64 --rate {rate}" if rate else f"--connections {self.options.connections}"
        row = self.load(port, f"{shape} --path {START} --body 256 --seconds {self.options.seconds}")
        row["per_second"] = row["requests"] / row["seconds"]
        return row

    def probe_disk(self):
        self.syncs += sync_times(self.folder, self.options.sync_seconds)

    def round(self, proxies, number):
        """Figures of one round by name; every other round goes the other way round."""
        rows = {"direct": {"rate": self.starts(self.ports.origin, self.options.rate)}}
        for process in proxies if number % 2 == 0 else proxies[::-1]:
            if process.name == "durable":
                self.probe_disk()
            row = {"rate": self.starts(process.port, self.options.rate)}
            if process.name == "durable":
                self.probe_disk()
            row["full"] = self.starts(process.port)
            rows[process.name] = row
        return rows

    def plain(self, with_ledger, without):
        """CPU time and rate of plain GETs: with, without, and the ratios of each round."""
        ratios = {"cpu": [], "rate": []}
        each = {with_ledger.name: [], without.name: []}
        for number in range(self.options.rounds):
            found = {}
            for process in (with_ledger, without)[::1 if number % 2 == 0 else -1]:
                before = t.cpu_seconds(process.pid)
                row = self.load(process.port, f"--connections 64 --path /small --seconds {self.options.seconds}")
                row["cpu_us"] = (t.cpu_seconds(process.pid) - before) * 1e6 / row["requests"]
                row["per_second"] = row["requests"] / row["seconds"]
                found[process.name] = row
                each[process.name].append(row)
            ratios["cpu"].append(found[with_ledger.name]["cpu_us"] / found[without.name]["cpu_us"])
            ratios["rate"].append(found[with_ledger.name]["per_second"] / found[without.name]["per_second"])
        middle = {name: {key: statistics.median(r[key] for r in rows) for key in ("cpu_us", "per_second", "p99_us")}
                  | {"bad": sum(r["bad"] for r in rows)} for name, rows in each.items()}
        return {"each": middle, "ratios": ratios}


def summary(rounds, mode):
    """Medians over the rounds; what is added is a difference within each round."""
    rate, full = [r[mode]["rate"] for r in rounds], [r[mode].get("full") for r in rounds]
    out = {f"{q}_us": statistics.median(row[f"{q}_us"] for row in rate) for q in ("p50", "p99")}
    out["bad"] = sum(row["bad"] for row in rate)
    if mode == "direct":
        return out
    for q in ("p50_us", "p99_us"):
        added = [r[mode]["rate"][q] - r["direct"]["rate"][q] for r in rounds]
        out["added_" + q], out[f"added_{q}_range"] = statistics.median(added), [min(added), max(added)]
        out["full_" + q] = statistics.median(row[q] for row in full)
    out["per_second"] = statistics.median(row["per_second"] for row in full)
    out["per_second_range"] = [f(row["per_second"] for row in full) for f in (min, max)]
    out["bad"] += sum(row["bad"] for row in full)
    return out


def show(options, result):
    disk = result["disk"]
    print(f"\n### ledger: starts, {options.rate}/s open loop, then {options.connections} connections in a closed loop\n")
    print(f"The disk ({disk['file_system']}): {disk['per_second']:.0f} appends of 4 KiB with fdatasync per second, "
          f"p50 {disk['p50_us']:.0f} µs, p99 {disk['p99_us']:.0f} µs ({disk['count']} of them).\n")
    print("| ledger | p50 µs | p99 µs | added p50 µs | added p99 µs (range) | starts/s (range) | saturated p50 µs | "
          "saturated p99 µs | starts per commit | bad |")
    print("| --- |" + " ---: |" * 9)
    for mode, e in result["starts"].items():
        if mode == "direct":
            print(f"| (no proxy) | {e['p50_us']:.0f} | {e['p99_us']:.0f} | | | | | | | {e['bad']} |")
            continue
        added, rate = e["added_p99_us_range"], e["per_second_range"]
        group = f"{e['group']:.1f}" if e.get("group") else "–"
        print(f"| {mode} | {e['p50_us']:.0f} | {e['p99_us']:.0f} | {e['added_p50_us']:.0f} | "
              f"{e['added_p99_us']:.0f} ({added[0]:.0f}–{added[1]:.0f}) | {e['per_second']:.0f} "
              f"({rate[0]:.0f}–{rate[1]:.0f}) | {e['full_p50_us']:.0f} | {e['full_p99_us']:.0f} | {group} | {e['bad']} |")
    print("\n### ledger: plain GET, 1 KiB answer, 64 connections\n")
    print("| proxy | CPU µs/request | requests/s | p99 µs | bad |\n| --- | ---: | ---: | ---: | ---: |")
    names = {"plain": "without task_hub", "durable": "task_hub shared, ledger on disk", "off": "task_hub shared, ledger off"}
    for name, e in result["plain"]["each"].items():
        print(f"| {names[name]} | {e['cpu_us']:.1f} | {e['per_second']:.0f} | {e['p99_us']:.0f} | {e['bad']} |")
    for what, title in (("cpu", "CPU per request"), ("rate", "requests/s")):
        ratios = result["plain"]["ratios"][what]
        print(f"\n{title}, with ÷ without: {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})")
    print()
    for goal in result["goals"]:
        print(f"{'met' if goal['met'] else 'missed'}: {goal['text']}")


def goals(result):
    durable, disk = result["starts"].get("durable"), result["disk"]
    if not durable:
        return []
    times = durable["added_p99_us"] / disk["p99_us"]
    return [{"met": durable["per_second"] >= GOAL_RATE,
             "text": f"{durable['per_second']:.0f} durable starts per second; the goal is {GOAL_RATE} or more"},
            {"met": times <= GOAL_TAIL,
             "text": f"the added p99 is {times:.2f} times the disk's; the goal is {GOAL_TAIL} or less"}]


def has_ledger(bench, process):
    """Whether this binary does what its configuration says; a ledger that is not there is not measured."""
    status = bench.starts_status(process.name)
    return process.name == "off" or (status is not None and status["mode"] == process.name)


def measure(bench, options):
    os.makedirs(bench.run, exist_ok=True)
    bench.start_origin()
    proxies = []
    for mode in options.modes:
        process = bench.start(mode)
        if has_ledger(bench, process):
            proxies.append(process)
        else:
            print(f"mode {mode}: this binary has no such ledger; left out", file=sys.stderr)
    if not proxies:
        raise RuntimeError("nothing to measure")
    without = bench.start("plain")
    for process in [*proxies, without]:
        bench.load(process.port, f"--connections 16 --path {START} --body 256 --seconds 0.2")
    rounds = [bench.round(proxies, number) for number in range(options.rounds)]
    if not bench.syncs:
        bench.probe_disk()
    syncs = bench.syncs
    result = {"disk": {"file_system": file_system(bench.folder), "count": len(syncs),
                       "per_second": len(syncs) / sum(syncs),
                       **{f"{name}_us": quantile(syncs, q) * 1e6 for name, q in (("p50", .5), ("p99", .99))}},
              "starts": {name: summary(rounds, name) for name in ["direct", *(p.name for p in proxies)]}}
    for process in proxies:
        status = bench.starts_status(process.name)
        if not status or process.name == "off":
            continue
        if status["commitFailures"] or status["turnedAway"]:
            print(f"mode {process.name}: {status['commitFailures']} commits failed, {status['turnedAway']} starts "
                  "were turned away; read the figures with care", file=sys.stderr)
        if status["commits"]:
            result["starts"][process.name]["group"] = status["committedStarts"] / status["commits"]
    result["plain"] = bench.plain(proxies[0], without)
    result["goals"] = goals(result)
    return result


def read_options():
    parser = argparse.ArgumentParser(prog="./dev bench ledger", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modes", default=",".join(MODES), help="comma-separated (%(default)s); the first is the one "
                        "that plain GETs are measured with")
    parser.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement (%(default)s)")
    parser.add_argument("--sync-seconds", type=float, default=0.5, help="of each look at the disk (%(default)s)")
    parser.add_argument("--rate", type=int, default=1000, help="starts/s of the open loop (%(default)s)")
    parser.add_argument("--connections", type=int, default=256, help="of the closed loop (%(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="of the proxy (%(default)s)")
    parser.add_argument("--folder", default=os.path.join(b.ROOT, "build", "bench"),
                        help="where the ledgers lie, and so the disk that is measured (%(default)s)")
    parser.add_argument("--binary", default=os.path.join(b.ROOT, "build", "release", "bin", "understudy"))
    parser.add_argument("--json", default=os.path.join(b.ROOT, "build", "bench", "ledger.json"),
                        help="where the figures go")
    options = parser.parse_args()
    options.modes = options.modes.split(",")
    for mode in options.modes:
        if mode not in MODES:
            parser.error(f"there is no mode {mode}")
    if min(options.rounds, options.rate, options.connections, options.workers) < 1:
        parser.error("rounds, rate, connections and workers are at least 1")
    if not os.access(options.binary, os.X_OK):
        parser.error(f"{options.binary} is not built: ./dev build")
    return options


def main():
    options = read_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` runs
    bench = LedgerBench(options)
    if bench.load_core == bench.proxy_core:
        print("only one core: proxy, origin and load disturb each other", file=sys.stderr)
    try:
        result = measure(bench, options)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    finally:
        bench.close()
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump({"rounds": options.rounds, "seconds": options.seconds, **result}, file, indent=1)
    show(options, result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
