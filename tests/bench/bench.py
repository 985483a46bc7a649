#!/usr/bin/env python3
"""Measures understudy side by side with nginx and HAProxy on one machine, over loopback.

The proxy under test has one core to itself; origin and load share another. Every scenario runs round by
round over all proxies (a b c, c b a, ...), so that noise hits all of them alike. CPU per request is the
scheduler's run time of the proxy's process tree divided by the requests answered; ratios are made within
a round, and their median and range are shown. Nothing here fails because of time: --gate looks only at
instructions and system calls per request, which are exact.
"""
import argparse
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

import targets as t

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PEERS = ("nginx", "haproxy")
GATE = {"instructions": 10_000, "syscalls": 6.5}

# name: (what it is, arguments of the load generator, listener)
TIMED = {
    "get": ("GET, 1 KiB answer, 64 connections", "--connections 64 --path /small", ""),
    "post": ("POST, 1 KiB body, 64 connections", "--connections 64 --path /small --body 1024", ""),
    "rate": ("GET at {rate}/s, open loop", "--connections 64 --path /small --rate {rate}", ""),
    "tls": ("GET over TLS, keep-alive", "--connections 64 --path /small --tls", "_tls"),
    "1m": ("download of 1 MiB", "--connections 4 --path /1m", "_big"),
    "100m": ("download of 100 MiB", "--connections 4 --path /100m", "_big"),
    "up1m": ("upload of 1 MiB", f"--connections 4 --path /upload --body {t.MIB}", "_big"),
    "close": ("GET, one per connection", "--connections 16 --path /small --close", ""),
}
EXACT = ("idle", "idle-tls", "instructions", "syscalls", "durable")
# What Durable-aware forwarding adds, as user instructions per request of pairs that differ in one thing.
DURABLE = {
    "GET, 1 KiB of text": "--path /small",
    "GET, 1 KiB of JSON that is no payload": "--path /json",
    "POST, 202 with 1.7 KiB of text": "--path /as-text/webhooks/durabletask/orchestrators/Order --body 64",
    "start, 202 payload rewritten": "--path /runtime/webhooks/durabletask/orchestrators/Order --body 64",
}
USUAL = ("get", "post", "rate", "1m", "idle", "instructions", "syscalls")


class Bench:
    def __init__(self, options):
        self.options = options
        self.run = os.path.join(ROOT, "build", "bench")
        self.ports = t.Ports()
        self.processes = []
        cores = sorted(os.sched_getaffinity(0))
        self.load_core, self.proxy_core = cores[0], cores[-1]
        os.makedirs(self.run, exist_ok=True)
        t.write_fixtures(self.run)
        self.load_tool = self.compile_load_tool()

    def compile_load_tool(self):
        source, tool = os.path.join(HERE, "load.c"), os.path.join(self.run, "load")
        if not os.path.exists(tool) or os.path.getmtime(tool) < os.path.getmtime(source):
            subprocess.run(["gcc", "-O2", "-o", tool, source, "-lm", "-lssl", "-lcrypto"], check=True)
        return tool

    def command(self, name, single=False):
        """Writes the configuration of a proxy and returns its command line."""
        run, ports = self.run, self.ports
        if name == "nginx":
            t.write(f"{run}/nginx.conf", t.nginx_config(run, ports, single))
            return [program("nginx"), "-c", f"{run}/nginx.conf"]
        if name == "haproxy":
            t.write(f"{run}/haproxy.cfg", t.haproxy_config(run, ports))
            return [program("haproxy"), "-db", "-f", f"{run}/haproxy.cfg"]
        path = f"{run}/{name}.json"
        t.write(path, t.understudy_config(run, ports, access_log=name.endswith("-log")))
        return [self.options.binary, "run", path, "--workers", "1"]

    def port(self, name, listener=""):
        key = name.replace("-", "_")
        return getattr(self.ports, key + listener, None) or getattr(self.ports, key)

    def start_origin(self):
        t.write(f"{self.run}/origin.conf", t.origin_config(self.run, self.ports))
        self.processes.append(t.Process("origin", [program("nginx"), "-c", f"{self.run}/origin.conf"],
                                        self.load_core, self.ports.origin, f"{self.run}/origin.out"))

    def start(self, name):
        process = t.Process(name, self.command(name), self.proxy_core, self.port(name), f"{self.run}/{name}.out")
        self.processes.append(process)
        return process

    def alone(self, name, measure):
        """Measures a process started for this one figure, so that nothing of an earlier scenario is in it."""
        process = self.start(name)
        try:
            self.load(process.port, "--connections 64 --path /small --seconds 0.5")
            return measure(process)
        finally:
            self.processes.remove(process)
            process.kill()

    def stop_all(self):
        while self.processes:
            self.processes.pop().kill()

    def load(self, port, arguments):
        done = subprocess.run(["taskset", "-c", str(self.load_core), self.load_tool, "--port", str(port)]
                              + arguments.split(), stdout=subprocess.PIPE, check=False, timeout=900)
        if done.returncode:
            raise RuntimeError(f"the load generator got no answer on port {port}")
        return json.loads(done.stdout)

    # ---- timed scenarios

    def measure(self, process, scenario):
        _, arguments, listener = TIMED[scenario]
        arguments = arguments.format(rate=self.options.rate) + f" --seconds {self.options.seconds}"
        origin = self.processes[0].pid
        proxy_before, origin_before = t.cpu_seconds(process.pid), t.cpu_seconds(origin)
        load_before = resource.getrusage(resource.RUSAGE_CHILDREN)
        row = self.load(self.port(process.name, listener), arguments)
        load_after = resource.getrusage(resource.RUSAGE_CHILDREN)
        proxy = t.cpu_seconds(process.pid) - proxy_before
        # Loopback does part of a sender's work in the receiver's time: for large bodies the sum tells more.
        whole = (proxy + t.cpu_seconds(origin) - origin_before + load_after.ru_utime + load_after.ru_stime
                 - load_before.ru_utime - load_before.ru_stime)
        row["cpu_us"] = proxy * 1e6 / row["requests"]
        row["whole_us"] = whole * 1e6 / row["requests"]
        row["per_second"] = row["requests"] / row["seconds"]
        row["gb_per_cpu_second"] = (row["bytes_in"] + row["bytes_out"]) / proxy / 1e9 if proxy else 0
        return row

    def timed(self, scenario, processes):
        rows = {process.name: [] for process in processes}
        for number in range(self.options.rounds):
            for process in processes if number % 2 == 0 else processes[::-1]:
                rows[process.name].append(self.measure(process, scenario))
        result = {}
        for name, rounds in rows.items():
            entry = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
            entry["bad"] = sum(r["bad"] for r in rounds)
            entry["cpu_us_range"] = [min(r["cpu_us"] for r in rounds), max(r["cpu_us"] for r in rounds)]
            for peer in PEERS:
                if peer in rows and peer != name:
                    ratios = [a["cpu_us"] / b["cpu_us"] for a, b in zip(rounds, rows[peer])]
                    entry[f"to_{peer}"] = [statistics.median(ratios), min(ratios), max(ratios)]
            result[name] = entry
        return result

    # ---- exact scenarios

    def idle(self, process, listener=""):
        """Memory of keep-alive connections that have had one request each and now wait."""
        tls = ssl.create_default_context(cafile=f"{self.run}/cert.pem") if listener else None
        port = self.port(process.name, listener)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        count = min(self.options.idle, limit - 500 if limit < 20000 else limit // 2 - 500)
        before, connections = t.resident_bytes(process.pid), []
        try:
            for _ in range(count):
                client = socket.create_connection(("127.0.0.1", port), 5)
                if tls:
                    client = tls.wrap_socket(client, server_hostname="localhost")
                connections.append(client)
                client.sendall(b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answer = b""
                while len(answer) < 1024 or not answer.partition(b"\r\n\r\n")[2][1023:]:
                    part = client.recv(65536)
                    if not part:
                        raise RuntimeError(f"{process.name} closed idle connection {len(connections)}")
                    answer += part
            time.sleep(1)  # lets what was freed return to the kernel
            bytes_each = (t.resident_bytes(process.pid) - before) / count
        finally:
            for client in connections:
                client.close()
        return {"connections": count, "bytes_per_connection": bytes_each}

    def idle_tls(self, process):
        return self.idle(process, "_tls")

    def durable(self, name):
        """User instructions per request of DURABLE, and of each the part that is spent on classifying it."""
        rows = {what: self.instructions(name, arguments)["per_request"] for what, arguments in DURABLE.items()}
        only = ["--toggle-collect=durable::classify(*", "--collect-atstart=no"]
        classify = self.instructions(name, DURABLE["GET, 1 KiB of text"], only)["per_request"]
        return {"per_request": rows, "classify": classify}

    def instructions(self, name, arguments="--path /small", options=()):
        """User instructions per request: the difference of two runs under callgrind, so that start-up falls out."""
        counts = {}
        few, many = 1000, 5000
        for requests in (few, many):
            log = f"{self.run}/{name}.callgrind.{requests}"
            command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--log-file={log}", *options]
            process = t.Process(name, command + self.command(name, single=True), self.proxy_core, self.port(name),
                                f"{self.run}/{name}.callgrind.out", seconds=60)
            try:
                row = self.load(process.port, f"--connections 8 {arguments} --count {requests}")
                if row["bad"]:
                    raise RuntimeError(f"{name} under callgrind answered {row['bad']} requests badly")
                process.terminate()
            finally:
                process.kill()
            with open(log, encoding="utf-8") as file:
                counts[requests] = sum(map(int, re.findall(r"Collected : (\d+)", file.read())))
        return {"per_request": (counts[many] - counts[few]) / (many - few)}

    def syscalls(self, process):
        """System calls per GET with 64 connections that always have a request on its way."""
        with tempfile.NamedTemporaryFile("r", encoding="utf-8") as report:
            command = ["strace", "-f", "-c", "-o", report.name]
            for pid in t.tree(process.pid):
                command += ["-p", str(pid)]
            tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            for line in tracer.stderr:  # it says so when it has hold of the process
                if "attached" in line:
                    break
            else:
                raise RuntimeError("strace could not attach: is ptrace allowed here?")
            row = self.load(process.port, "--connections 64 --path /small --seconds 2")
            tracer.send_signal(signal.SIGINT)
            tracer.wait()
            calls = {}
            for line in report:
                words = line.split()
                if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
                    calls[words[-1]] = int(words[3])
        each = {name: round(n / row["requests"], 2) for name, n in sorted(calls.items(), key=lambda c: -c[1])}
        return {"per_request": sum(calls.values()) / row["requests"],
                "calls": {name: n for name, n in each.items() if n >= 0.01}}


def program(name):
    return shutil.which(name) or f"/usr/sbin/{name}"


def ratio(entry, peer):
    if f"to_{peer}" not in entry:
        return "–"
    middle, low, high = entry[f"to_{peer}"]
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def show_timed(scenario, title, result):
    print(f"\n### {scenario}: {title}\n")
    large = scenario in ("1m", "100m", "up1m")
    print("| proxy | CPU µs/request (range) | ÷ nginx (range) | ÷ HAProxy (range) | requests/s | p50 µs | p99 µs |"
          + (" GB per CPU s | CPU µs of all three |" if large else "") + " bad |")
    print("| --- |" + " ---: |" * (9 if large else 7))
    for name, e in result.items():
        low, high = e["cpu_us_range"]
        print(f"| {name} | {e['cpu_us']:.1f} ({low:.1f}–{high:.1f}) | {ratio(e, 'nginx')} | {ratio(e, 'haproxy')} | "
              f"{e['per_second']:.0f} | {e['p50_us']:.0f} | {e['p99_us']:.0f} |"
              + (f" {e['gb_per_cpu_second']:.2f} | {e['whole_us']:.0f} |" if large else "") + f" {e['bad']:.0f} |")
    sys.stdout.flush()


def show_exact(scenario, result):
    print(f"\n### {scenario}\n")
    if scenario.startswith("idle"):
        print("| proxy | bytes per idle keep-alive connection | connections |\n| --- | ---: | ---: |")
        for name, e in result.items():
            print(f"| {name} | {e['bytes_per_connection']:.0f} | {e['connections']} |")
    elif scenario == "durable":
        for name, e in result.items():
            print(f"| {name} | user instructions per request |\n| --- | ---: |")
            for what, count in e["per_request"].items():
                print(f"| {what} | {count:,.0f} |")
            print(f"| of a GET: spent on classifying it | {e['classify']:,.0f} |\n")
    elif scenario == "instructions":
        print("| proxy | user instructions per GET |\n| --- | ---: |")
        for name, e in result.items():
            print(f"| {name} | {e['per_request']:,.0f} |")
    else:
        print("| proxy | system calls per GET | which |\n| --- | ---: | --- |")
        for name, e in result.items():
            print(f"| {name} | {e['per_request']:.2f} | {', '.join(f'{k} {v}' for k, v in e['calls'].items())} |")
    sys.stdout.flush()


def gate(results):
    """The figures above their limit, in words."""
    above = []
    for scenario, limit in GATE.items():
        entry = results.get(scenario, {}).get("understudy")
        if entry and entry["per_request"] > limit:
            above.append(f"{scenario}: {entry['per_request']:.2f} per request, the limit is {limit}")
    return above


def read_options():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="scenarios: " + " ".join([*TIMED, *EXACT]) + "; usual: " + " ".join(USUAL))
    parser.add_argument("what", nargs="*", metavar="SCENARIO", help="which to run ('all' for every one)")
    parser.add_argument("--targets", default="understudy,nginx,haproxy", help="comma-separated (%(default)s); "
                        "understudy-log is understudy with its access log on")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each timed scenario (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement (%(default)s)")
    parser.add_argument("--rate", type=int, default=8000, help="requests/s of `rate` (%(default)s)")
    parser.add_argument("--idle", type=int, default=9000, help="connections of `idle`, if ulimit -n allows (%(default)s)")
    parser.add_argument("--binary", default=os.path.join(ROOT, "build", "release", "bin", "understudy"))
    parser.add_argument("--json", default=os.path.join(ROOT, "build", "bench", "result.json"), help="where the figures go")
    parser.add_argument("--gate", action="store_true",
                        help="exit code 1 above " + " or ".join(f"{v} {k}" for k, v in GATE.items()) + " per GET")
    parser.add_argument("--smoke", action="store_true", help="understudy only: one short round, and what --gate needs")
    options = parser.parse_args()
    if options.smoke:
        options.what, options.targets = ["get", "instructions", "syscalls"], "understudy"
        options.rounds, options.seconds = 1, 1
    options.what = options.what or list(USUAL)
    if options.what == ["all"]:
        options.what = [*TIMED, *EXACT]
    for scenario in options.what:
        if scenario not in TIMED and scenario not in EXACT:
            parser.error(f"there is no scenario {scenario}")
    options.targets = options.targets.split(",")
    for name in options.targets:
        if name not in (*PEERS, "understudy", "understudy-log"):
            parser.error(f"there is no target {name}")
        if name.startswith("understudy") and not os.access(options.binary, os.X_OK):
            parser.error(f"{options.binary} is not built: ./dev build")
    if options.rounds < 1:
        parser.error("--rounds is at least 1")
    return options


def main():
    options = read_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` runs
    bench, results = Bench(options), {}
    if bench.load_core == bench.proxy_core:
        print("only one core: proxy, origin and load disturb each other, so read the ratios with care", file=sys.stderr)
    try:
        bench.start_origin()
        for scenario in (s for s in options.what if s in EXACT):
            results[scenario] = {}
            able = [n for n in options.targets if (scenario != "durable" or n.startswith("understudy"))
                    and (scenario != "idle-tls" or n != "understudy-log")]
            for name in able:
                if scenario in ("instructions", "durable"):  # they start the proxy themselves
                    results[scenario][name] = getattr(bench, scenario)(name)
                else:
                    results[scenario][name] = bench.alone(name, getattr(bench, scenario.replace("-", "_")))
            show_exact(scenario, results[scenario])
        timed = [s for s in options.what if s in TIMED]
        proxies = [bench.start(name) for name in options.targets] if timed else []
        for process in proxies:
            bench.load(process.port, "--connections 64 --path /small --seconds 0.5")
        for scenario in timed:
            # The listener with an access log has no TLS twin.
            able = [p for p in proxies if scenario != "tls" or p.name != "understudy-log"]
            results[scenario] = bench.timed(scenario, able)
            show_timed(scenario, TIMED[scenario][0].format(rate=options.rate), results[scenario])
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    finally:
        bench.stop_all()
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"rounds": options.rounds, "seconds": options.seconds, "scenarios": results}, file, indent=1)
    above = gate(results)
    for line in above:
        print(f"above the limit: {line}")
    return 1 if above and options.gate else 0


if __name__ == "__main__":
    sys.exit(main())
