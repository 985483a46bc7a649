#!/usr/bin/env python3
"""Shows that check.py can fail: each case plants one violation in a small tree and expects it to be named."""
import os
import tempfile
import unittest

import check
import co_await_lint
import cpp_text
import rules

CMAKE = """
understudy_box(config config CORE LINKS)
understudy_box(health_core health CORE ONLY monitor status LINKS config)
understudy_box(durable durable CORE LINKS config)
understudy_box(routing routing CORE LINKS config durable health_core)
understudy_box(transport transport LINKS config boost_net)
understudy_box(health_io health EXCEPT monitor status
               LINKS config health_core transport nlohmann_json::nlohmann_json)
understudy_box(sqlite_lib ledger ONLY sqlite LINKS SQLite::SQLite3)
understudy_box(ledger ledger EXCEPT sqlite LINKS config durable sqlite_lib)
understudy_box(desk desk LINKS config durable transport)
understudy_box(proxy_lib proxy LINKS config desk durable ledger routing transport)
understudy_box(app_lib app EXCEPT main LINKS config desk ledger routing health_io proxy_lib transport)
"""

CLEAN = {
    "config/config.hpp": "#pragma once\n#include <string>\n",
    "health/outcome.hpp": "#pragma once\n",
    "health/monitor.hpp": '#pragma once\n#include "config/config.hpp"\n#include "health/outcome.hpp"\n',
    "health/monitor.cpp": '#include "health/monitor.hpp"\n',
    "health/prober.cpp": '#include <boost/asio/post.hpp>\n#include "transport/stream.hpp"\n',
    "transport/stream.hpp": "#pragma once\n",
    "routing/table.hpp": '#pragma once\n#include "health/monitor.hpp"\n',
    "proxy/forwarder.cpp": '#include "health/monitor.hpp"\n#include "routing/table.hpp"\n',
    "app/main.cpp": '#include <cstdio>\n#include "proxy/pool.hpp"\nint main() { std::puts(""); }\n',
    "proxy/pool.hpp": "#pragma once\n",
    "tests/unit/health/monitor_test.cpp": '#include "health/monitor.hpp"\n',
}

PLANTED = [  # (file, text, what the report must say)
    ("config/parse.cpp", '#include "health/monitor.hpp"', "config may not include health_core"),
    ("durable/kind.cpp", '#include "routing/table.hpp"', "durable may not include routing"),
    ("routing/a.cpp", '#include "health/board.hpp"\n', "routing may not include health_io"),
    ("transport/a.cpp", '#include "proxy/pool.hpp"', "transport may not include proxy"),
    ("proxy/a.cpp", '#include "health/board.hpp"', "proxy may not include health_io"),
    ("proxy/a.cpp", '#include "app/metrics.hpp"', "proxy may not include app"),
    ("rehearsal/a.cpp", '#include "proxy/pool.hpp"', "rehearsal may not include proxy"),
    ("metrics/a.cpp", "", "metrics/ is not a box"),
    ("proxy/a.cpp", '#include "pool.hpp"', "is not a file seen from the top"),
    ("health/monitor.cpp", "#include <boost/asio/steady_timer.hpp>", "[core-includes-io]"),
    ("health/outcome.hpp", "#pragma once\n#include <boost/asio/ip/tcp.hpp>", "[core-includes-io]"),
    ("routing/a.cpp", "#include <spdlog/spdlog.h>", "[core-includes-io]"),
    ("routing/a.cpp", "#include <thread>", "[core-includes-threads]"),
    ("routing/a.cpp", "#include <fstream>", "[core-reads-files]"),
    ("app/a.hpp", "#pragma once\n#include <nlohmann/json.hpp>", "[json-in-header]"),
    ("app/a.cpp", "#include <boost/asio.hpp>", "[umbrella-header]"),
    ("app/a.cpp", "#include <format>", "[std-format]"),
    ("tests/unit/routing/a.cpp", "#include <boost/asio/io_context.hpp>", "[unit-tests-open-no-sockets]"),
    ("routing/a.cpp", "auto t = std::chrono::steady_clock::now();", "[core-reads-clock]"),
    ("config/a.cpp", "auto t = std::time(nullptr);", "[core-reads-clock]"),
    ("durable/a.cpp", 'void f() { std::cerr << "x"; }', "[core-logs]"),
    ("durable/a.cpp", 'void f() { printf("x"); }', "[core-logs]"),
    ("routing/a.cpp", "std::random_device device;", "[core-rolls-dice]"),
    ("proxy/a.cpp", 'void f() { spdlog::info("x"); }', "[shell-prints]"),
    ("tests/integration/a.cpp", "std::this_thread::sleep_for(1s);", "[sleep]"),
    ("tests/integration/a.cpp", "void f() { sleep(1); }", "[sleep]"),
    ("app/a.cpp", "int i = rand();", "[c-random]"),
    ("app/a.cpp", "co_spawn(io, run(), boost::asio::detached);", "[detached]"),
    ("app/a.cpp", "std::atomic<std::shared_ptr<int>> p;", "[atomic-shared-ptr]"),
    ("app/a.cpp", "std::regex pattern;", "[regex]"),
    ("app/a.cpp", 'auto s = std::format("{}", 1);', "[std-format-call]"),
    ("proxy/a.cpp", "void f() { stream.expires_after(1s); }", "[data-path-timer]"),
    ("app/a.cpp", "auto s = key.reveal();", "[secret]"),
    ("app/a.cpp", "// TO" "DO: later", "[left-open]"),
    ("app/a.hpp", "#include <string>", "#pragma once"),
    ("app/a.cpp", "\n" * (rules.MAX_LINES + 1), "split it"),
    ("app/a.cpp", "awaitable<void> f() {\n  co_await connect(Target{host, port});\n}", "app/a.cpp:2: [co_await]"),
    ("CMakeLists.txt", CMAKE + "understudy_box(transport transport LINKS config proxy_lib)\n", "transport links proxy"),
    ("CMakeLists.txt", CMAKE.replace("LINKS config desk durable ledger routing transport", "LINKS config"), "does not link routing"),
    ("CMakeLists.txt", CMAKE.replace("durable CORE", "durable"), "durable must be marked CORE"),
    ("CMakeLists.txt", CMAKE + "understudy_box(metrics metrics LINKS config)\n", "metrics has no arrows"),
]

HARMFUL = [  # each of these crashed under g++ 12, or is a shape of one that did
    "co_await f(Agg{s, 1});",
    "co_await f({s, 1});",
    "co_await (f(Agg{s, 1}) || timer.async_wait(use_awaitable));",
    "Agg g{s, co_await st()};",
    "auto g = Agg{.s = x + co_await y};",
    "co_return Agg{co_await st(), 1};",
    "co_await [q]() -> awaitable<int> { co_return q; }();",
    "co_await co_spawn(ex, [q] { return q; }, use_awaitable);",
    "co_await cb([q = std::move(q)] { use(q); });",
    "co_await cb([=] { use(q); });",
    "if (co_await f(Agg{s, 1})) return;",
    "const auto r = co_await f(a, std::vector<std::string>{a, b});",
]

HARMLESS = [
    "const Target target{host, port};\n  co_await connect(target);",
    "Agg g{s, 1};\n  co_await f(std::move(g));",
    "auto v = co_await st();\n  co_return Agg{std::move(v), 1};",
    "auto fn = [q] { return q; };\n  co_await co_spawn(ex, fn, use_awaitable);",
    "co_await cb([&q] { use(q); });",
    "co_await cb([this] { use(); });",
    "co_await wait(std::chrono::seconds{1});",
    "co_await f(values[index], std::array<char, 4>{});",
    "spawn(ex, [q]() -> awaitable<void> { co_await use(q); });",
    "if (ready) {\n    co_await f();\n  }\n  Agg g{s, 1};",
    "while (co_await more()) {\n    list.push_back(Agg{s, 1});\n  }",
    "for (auto& item : Items{a, b}) {\n    co_await use(item);\n  }",
    "switch (co_await next()) {\n    case 1: return Agg{s, 1};\n  }",
    "// co_await f(Agg{s, 1});",
]


def problems(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        # The exceptions name files of the real tree, which a planted one does not have.
        return [p for p in check.problems(root) if not p.startswith("rules.py: ")]


class Boundaries(unittest.TestCase):
    def test_a_clean_tree_has_no_problems(self):
        self.assertEqual(problems({"CMakeLists.txt": CMAKE, **CLEAN}), [])

    def test_each_planted_violation_is_named(self):
        board = {"health/board.hpp": "#pragma once\n", "app/metrics.hpp": "#pragma once\n"}
        for path, text, expected in PLANTED:
            with self.subTest(path=path, text=text[:60]):
                found = problems({"CMakeLists.txt": CMAKE, **CLEAN, **board, path: text})
                self.assertTrue(any(expected in p for p in found), f"{expected!r} not in {found}")

    def test_an_exception_that_matches_nothing_is_reported(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertTrue(any("transport/spawn.cpp matches nothing" in p for p in check.problems(root)))

    def test_every_rule_has_a_planted_violation(self):
        names = {rule.name for rule in rules.INCLUDES + rules.CALLS}
        planted = {expected.strip("[]") for _, _, expected in PLANTED}
        self.assertEqual(names - planted, set())

    def test_harmful_temporaries_beside_co_await_are_found(self):
        for statement in HARMFUL:
            with self.subTest(statement):
                body = f"awaitable<Agg> f(std::string s) {{\n  {statement}\n  co_return;\n}}\n"
                self.assertEqual([line for line, _ in co_await_lint.findings(body)], [2])

    def test_harmless_expressions_beside_co_await_are_not(self):
        for statement in HARMLESS:
            with self.subTest(statement):
                body = f"awaitable<Agg> f(std::string s) {{\n  {statement}\n  co_return;\n}}\n"
                self.assertEqual(list(co_await_lint.findings(body)), [])

    def test_comments_and_literals_are_not_code(self):
        text = 'a = "sleep_for("; // sleep_for(\nb = R"x(sleep_for()x"; /* sleep_for( */ c = 1\'000; d = \'"\';\n'
        self.assertNotIn("sleep_for", cpp_text.blank(text))
        self.assertIn("c = 1'000", cpp_text.blank(text))
        self.assertEqual(cpp_text.blank(text).count("\n"), 2)


if __name__ == "__main__":
    unittest.main()
