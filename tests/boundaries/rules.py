"""The shape of the source tree as tables: which box may include which, and what may not be called where.

Every rule carries its reason, which is printed with each violation. An exception names one file and
says why it is one; an exception that no longer matches anything is itself reported.
"""
import re
from dataclasses import dataclass, field

# The arrows of the drawing in ARCHITECTURE.md: a box may include what it reaches by following them.
# health/ and ledger/ hold two boxes each; CMakeLists.txt says which sources are the first one (SPLIT).
ARROWS = {
    "config": (),
    "durable": ("config",),
    "health_core": ("config",),
    "routing": ("config", "durable", "health_core"),
    "transport": ("config",),
    "health_io": ("config", "health_core", "transport"),
    "sqlite": (),
    "ledger": ("config", "durable", "sqlite"),
    "desk": ("config", "durable", "transport"),
    "proxy": ("config", "desk", "durable", "ledger", "routing", "transport"),
    "app": ("config", "desk", "ledger", "routing", "health_io", "proxy", "transport"),
    "rehearsal": ("config", "sqlite", "transport"),
    "scenario": ("config",),
    "verdict": ("config", "scenario"),
    "report": ("config", "scenario", "verdict"),
    "stage": ("config", "report", "scenario", "sqlite", "transport", "verdict"),
}

# Boxes below another folder; all others are named after their top folder.
BELOW = {"rehearsal/scenario/": "scenario", "rehearsal/verdict/": "verdict", "rehearsal/report/": "report",
         "rehearsal/stage/": "stage"}

# Folders of two boxes: the one whose sources are listed after ONLY, and the one of all the others.
SPLIT = {"health": ("health_core", "health_io"), "ledger": ("sqlite", "ledger")}

# Boxes that only compute: no Asio, no clock, no logging, so that every decision is tested by calling it.
CORE = ("config", "durable", "health_core", "routing", "scenario", "verdict")

# CMake target names where they differ from the box.
TARGETS = {"sqlite_lib": "sqlite", "proxy_lib": "proxy", "app_lib": "app", "rehearsal_lib": "rehearsal"}


@dataclass(frozen=True)
class Rule:
    name: str
    pattern: str  # of code, comments and string contents blanked out
    reason: str
    where: tuple = ()  # boxes, or path prefixes ending in "/"; empty: every C++ file
    headers_only: bool = False
    except_in: dict = field(default_factory=dict)  # file: why

    def finds(self, text):
        return re.finditer(self.pattern, text, re.M)


# Matched against the name inside #include "..." or <...>.
INCLUDES = (
    Rule("core-includes-io",
         r"^(boost/|openssl/|prometheus/|spdlog/|fmt/|CLI/|sqlite3\.h|sys/|netinet/|arpa/|netdb\.h|unistd\.h|poll\.h)",
         "below the line there is the standard library only: a decision must be testable without I/O",
         where=CORE,
         except_in={"config/url.cpp": "inet_pton: a pure function of a text",
                    "durable/status_tokens.cpp": "HMAC and a comparison in constant time: pure functions of bytes"}),
    Rule("core-includes-threads",
         r"^(thread|future|condition_variable|stop_token|coroutine|iostream|csignal)$",
         "a core box waits for nothing and prints nothing; its shell does", where=CORE),
    Rule("core-reads-files", r"^(fstream|filesystem)$",
         "only the configuration is read from files, by its parser", where=("durable", "health_core", "routing")),
    Rule("json-in-header", r"^nlohmann/json\.hpp$",
         "it costs every file that includes it about 4 s; headers take nlohmann/json_fwd.hpp", headers_only=True),
    Rule("umbrella-header", r"^boost/(beast|asio)\.hpp$",
         "the umbrella headers cost seconds per file; include the parts"),
    Rule("std-format", r"^(format|print|expected|generator)$", "libstdc++ 12 does not have it"),
    Rule("unit-tests-open-no-sockets", r"^(boost/asio|sys/socket\.h)",
         "a unit test of a core box calls functions; sockets belong to tests/integration",
         where=("tests/unit/config/", "tests/unit/durable/", "tests/unit/health/", "tests/unit/routing/")),
)

CALLS = (
    Rule("core-reads-clock",
         r"\w*[Cc]lock::now\s*\(|\b(gettimeofday|clock_gettime|localtime|mktime)\s*\(|\bstd::time\s*\(",
         "time is an argument below the line: a test must be able to choose it", where=(*CORE, "report")),
    Rule("core-logs", r"\bstd::(cout|cerr|clog)\b|\bspdlog::|\b(v?f?printf|f?puts|putchar)\s*\(",
         "modules report through values; only recorders in app/ write lines", where=(*CORE, "report")),
    Rule("core-rolls-dice", r"\b(std::)?random_device\b",
         "jitter comes from a generator that is passed in, so that a test can repeat it", where=CORE),
    Rule("shell-prints", r"\bstd::(cout|cerr|clog)\b|\bspdlog::|\b(v?f?printf|f?puts|putchar)\s*\(",
         "a shell emits events through the callback it was given; app/ decides what becomes a line",
         where=("transport", "desk", "health_io", "ledger", "proxy"),
         except_in={"transport/spawn.cpp": "the last words before std::abort, when no recorder can be trusted"}),
    Rule("sleep", r"\b(sleep_for|sleep_until|usleep|nanosleep)\s*\(|(?<![\w.:>])sleep\s*\(",
         "waiting for time to pass hides races and blocks a worker: wait for the event itself",
         except_in={"app/admin_client.cpp": "`status --watch`, a command that does nothing between two looks"}),
    Rule("c-random", r"\bs?rand\s*\(|\bstd::s?rand\b", "one hidden global state, predictable: use <random> or OpenSSL"),
    Rule("detached", r"\bdetached\b",
         "an exception out of a detached coroutine vanishes; transport/spawn.hpp starts coroutines and reports"),
    Rule("atomic-shared-ptr", r"\batomic\s*<\s*(std::)?shared_ptr",
         "ThreadSanitizer reports a race inside libstdc++ 12's; routing::Published costs the same"),
    Rule("regex", r"\bstd::(basic_)?regex\b",
         "libstdc++'s recurses once per character: a long input overflows the stack"),
    Rule("std-format-call", r"\bstd::(format|print|println)\s*\(", "libstdc++ 12 does not have it; fmt does"),
    Rule("data-path-timer", r"\.expires_(after|at)\s*\(|\bbeast::(basic_stream|tcp_stream)\b|\bhttp::async_",
         "the data path has one coarse tick per worker and reads the socket itself; a timer or a Beast "
         "operation per read costs more than the rest of a request", where=("proxy",)),
    Rule("secret", r"\breveal\s*\(",
         "a secret may only be read where it is put on the wire or compared; list the file here with its use",
         where=("config", "desk", "durable", "health_core", "health_io", "routing", "transport", "ledger", "proxy",
                "app", "rehearsal", "scenario", "verdict", "report", "stage"),
         except_in={"config/config.hpp": "the definition",
                    "app/key_api.cpp": "`keys`: the master key into the request head, a copied key into its PUT",
                    "app/key_undo.cpp": "`keys sync`: the replaced keys into the undo file, mode 0600",
                    "app/ledger_hub.cpp": "the durable key, so that an answer that repeats it is not kept",
                    "desk/ask.cpp": "the durable key, into the head of a request of the desk",
                    "health/prober.cpp": "the probe's key, into its request head",
                    "proxy/access.cpp": "the clients' keys, compared with what a client presents",
                    "proxy/exchange_durable.cpp": "an endpoint's key, into the head of a forwarded request",
                    "proxy/snapshot.cpp": "the endpoints' keys, compared with what leaves in an answer",
                    "proxy/sticky_cookie.cpp": "the cookie keys, from which those that sign are derived"}),
    Rule("left-open", r"\b(TODO|FIXME|XXX)\b", "finish it, or write it down as an issue"),
)

# One idea per file: above this a file is split. Tables of tests may be longer than code.
MAX_LINES = 500
MAX_TEST_LINES = 800
