#include "rehearsal/stage/rehearse.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "rehearsal/report/report.hpp"
#include "rehearsal/scenario/adopt.hpp"
#include "rehearsal/scenario/parse.hpp"
#include "rehearsal/stage/attached.hpp"
#include "rehearsal/stage/conductor.hpp"
#include "rehearsal/stage/evidence.hpp"
#include "rehearsal/stage/progress.hpp"
#include "rehearsal/stage/running_proxy.hpp"
#include "rehearsal/stage/sandbox.hpp"
#include "rehearsal/verdict/verdict.hpp"
#include "transport/spawn.hpp"

namespace stage {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using scenario::Scenario;

namespace {

config::Environment process_environment() {
  config::Environment environment;
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>{value} : std::nullopt;
  };
  return environment;
}

// The reader's configuration is played on stand-ins, which know none of its secrets: those that are
// not here are made up.
config::Environment without_secrets() {
  config::Environment environment = process_environment();
  environment.variable = [given = environment.variable](const std::string& name) {
    return given(name).value_or("not-needed-by-stand-ins");
  };
  environment.file = [](const std::string& path) -> std::optional<std::string> {
    // A certificate has to look like one.
    return config::Environment::read_file(path).value_or("-----BEGIN not-needed-by-stand-ins-----");
  };
  return environment;
}

void print(const std::vector<config::Issue>& issues) {
  std::fputs(config::to_text(issues).c_str(), stderr);
}

int fail(const std::string& why) {
  std::fprintf(stderr, "understudy rehearse: %s\n", why.c_str());
  return exit_bad_input;
}

bool is_file_name(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".json");
}

// The scenario of that name or file, and its text; nothing when it cannot be used, which was said
// then.
std::optional<Scenario> load(const std::string& name, std::string& text) {
  scenario::ParseResult parsed;
  if (const scenario::BuiltIn* built_in = scenario::find_built_in(name)) {
    text = built_in->text;
    parsed = scenario::parse_text(text, name, process_environment());
  } else if (is_file_name(name)) {
    text = config::Environment::read_file(name).value_or("");
    parsed = scenario::parse_file(name, process_environment());
  } else {
    const std::string near = scenario::nearest_built_in(name);
    fail("there is no scenario \"" + name + "\"" +
         (near.empty() ? "; `understudy rehearse list` names them, and a file ends in .json"
                       : "; did you mean \"" + near + "\"?"));
    return std::nullopt;
  }
  print(parsed.issues);
  if (!parsed.scenario) fail(name + " cannot be played; nothing was started");
  return std::move(parsed.scenario);
}

bool adopt(Scenario& scenario, const std::string& file) {
  const auto text = config::Environment::read_file(file);
  if (!text) return fail(file + " cannot be read"), false;
  const config::ParseResult parsed = config::parse_text(*text, file, without_secrets());
  print(parsed.issues);
  if (!parsed.config) return fail(file + " cannot be used; nothing was started"), false;
  std::vector<config::Issue> issues;
  const bool adopted = scenario::adopt_config(scenario, parsed, issues);
  print(issues);
  return adopted || (fail("this scenario cannot be played with " + file), false);
}

int list(bool json) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const scenario::BuiltIn& one : scenario::built_in_scenarios()) {
    const auto parsed =
        scenario::parse_text(one.text, std::string{one.name}, process_environment());
    if (!parsed.scenario) continue;  // a test keeps it from happening
    const Scenario& s = *parsed.scenario;
    const bool misses = s.expect == scenario::Expected::missed;
    out.push_back(
        {{"name", s.name}, {"title", s.title}, {"expected", misses ? "missed" : "passed"}});
    if (!json)
      fmt::print("{:<28}{}{}\n", s.name, s.title,
                 misses ? " (misses an objective: its point)" : "");
  }
  if (json) fmt::print("{}\n", out.dump(2));
  return exit_ok;
}

int show(const std::string& name) {
  const scenario::BuiltIn* found = scenario::find_built_in(name);
  if (!found) return fail("there is no built-in scenario \"" + name + "\"; see `rehearse list`");
  std::fwrite(found->text.data(), 1, found->text.size(), stdout);
  return exit_ok;
}

int check(const Command& command) {
  const auto parsed = scenario::parse_file(command.names.front(), process_environment());
  if (command.json)
    std::fputs(config::to_json(parsed.issues).c_str(), stdout);
  else
    print(parsed.issues);
  if (!parsed.scenario) return exit_bad_input;
  if (!command.json)
    fmt::print("{}: scenario {}, {} steps, ok\n", command.names.front(), parsed.scenario->name,
               parsed.scenario->steps.size());
  return exit_ok;
}

int init(const std::string& file) {
  const auto text = config::Environment::read_file(file);
  if (!text) return fail(file + " cannot be read");
  const config::ParseResult parsed = config::parse_text(*text, file, without_secrets());
  print(parsed.issues);
  if (!parsed.config) return fail(file + " cannot be used");
  std::fputs(scenario::starter(*parsed.config, file).c_str(), stdout);
  return exit_ok;
}

std::optional<std::string> result_text(const std::string& place) {
  std::error_code error;
  const fs::path path =
      fs::is_directory(place, error) ? fs::path{place} / "result.json" : fs::path{place};
  // A long run's result is larger than a configuration may be.
  if (fs::file_size(path, error) > (1U << 30) || error) return std::nullopt;
  std::string text;
  if (std::FILE* in = std::fopen(path.c_str(), "rb")) {
    char piece[65536];
    for (std::size_t n = 0; (n = std::fread(piece, 1, sizeof piece, in)) > 0;)
      text.append(piece, n);
    std::fclose(in);
    return text;
  }
  return std::nullopt;
}

int compare(const Command& command) {
  std::vector<std::string> texts;
  for (const std::string& place : command.names) {
    auto text = result_text(place);
    if (!text)
      return fail(place + " cannot be read; name the folder of a report, or its result.json");
    texts.push_back(*std::move(text));
  }
  std::string problem;
  const auto compared = report::compare(texts[0], texts[1], problem);
  if (!compared) return fail(problem);
  std::fputs((command.json ? compared->json : compared->text).c_str(), stdout);
  return compared->regressed ? exit_missed : exit_ok;
}

// play -------------------------------------------------------------------------------------------

std::string utc_stamp() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return text;
}

std::size_t terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// A folder of our own that goes away again.
class Scratch {
 public:
  Scratch() {
    const char* base = std::getenv("TMPDIR");
    path_ = std::string{base && *base ? base : "/tmp"} + "/understudy-rehearsal-XXXXXX";
    if (!mkdtemp(path_.data())) throw std::runtime_error{"no folder can be made in " + path_};
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::optional<std::string> admin_token(const Command& command) {
  if (command.token_file.empty()) {
    const char* value = std::getenv("UNDERSTUDY_ADMIN_TOKEN");
    return value ? value : "";
  }
  auto text = config::Environment::read_file(command.token_file);
  if (!text) return std::nullopt;
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  return text;
}

std::optional<config::ProfileTimes> predicted_times(const Scenario& scenario) {
  const std::string text = scenario::proxy_config(scenario, {});
  const auto parsed = config::parse_text(text, "understudy.json", process_environment());
  if (!parsed.config) return std::nullopt;
  return config::compute_times(*parsed.config);
}

void print_head(std::FILE* out, const Scenario& scenario, const verdict::RunRecord& record,
                bool attached) {
  fmt::print(out, "{}: {}\n", scenario.name, scenario.title);
  if (attached) fmt::print(out, "  on a running proxy: real clients are disturbed\n");
  if (scenario.time_scale > 1)
    fmt::print(out, "  every interval, wait and fault divided by {}\n", scenario.time_scale);
  for (const std::string& change : scenario.changed) fmt::print(out, "  {}\n", change);
  if (!record.predicted) return;
  const config::EndpointTimes& worst = record.predicted->worst;
  const auto text = [](config::Millis time) {
    return fmt::format("{:.1f} s", static_cast<double>(time.count()) / 1e3);
  };
  fmt::print(out, "  predicted  detect ≤ {}  failover ≤ {}  failback ≤ {}\n",
             text(worst.detect_frozen), text(worst.failover_new),
             worst.failback_sticky ? text(*worst.failback_sticky) : "by hand");
}

void print_end(std::FILE* out, const report::Run& run, const std::string& folder) {
  using verdict::Met;
  for (const verdict::ObjectiveResult& one : run.judgement.objectives)
    fmt::print(out, "  {} {:<34} {:<14} {}\n",
               one.met == Met::yes  ? "✓"
               : one.met == Met::no ? "✗"
                                    : "?",
               one.name, one.target, one.measured);
  const verdict::Reconciliation& starts = run.judgement.starts;
  if (starts.sent > 0)
    fmt::print(out,
               "  starts     sent {} · accepted {} · once {} · completed {} · refused {} · unknown "
               "{} · ghosts {} · duplicates {} · lost {} · stranded {}\n",
               starts.sent, starts.accepted, starts.once, starts.completed, starts.refused,
               starts.unknown, starts.ghost, starts.duplicate, starts.lost, starts.stranded);
  for (const verdict::Finding& finding : run.judgement.findings)
    if (finding.severity == verdict::Severity::high ||
        finding.severity == verdict::Severity::medium)
      fmt::print(out, "  finding    {}{}{}\n", finding.text, finding.change.empty() ? "" : " → ",
                 finding.change);
  std::string outcome{verdict::to_string(run.judgement.outcome)};
  for (char& c : outcome) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  fmt::print(out, "  verdict    {}: {}\n  report     {}/report.html\n", outcome,
             run.judgement.summary, folder);
}

// One run, from the first process to the last file.
class Performance {
 public:
  Performance(const Command& command, std::string bin, std::string line)
      : command_{command}, bin_{std::move(bin)}, out_{command.json ? stderr : stdout} {
    run_.command_line = std::move(line);
    run_.attached = !command.attach.empty();
  }

  int play() {
    if (!prepare()) return exit_bad_input;
    if (!command_.quiet) print_head(out_, run_.scenario, run_.record, run_.attached);
    perform();
    return finish();
  }

 private:
  bool prepare() {
    auto scenario = load(command_.names.front(), scenario_text_);
    if (!scenario) return false;
    run_.scenario = *std::move(scenario);
    run_.scenario_source =
        scenario::find_built_in(command_.names.front()) ? "built-in" : command_.names.front();
    std::vector<config::Issue> issues;
    if (!command_.config.empty() && !adopt(run_.scenario, command_.config)) return false;
    if (command_.time_scale > 1 &&
        !scenario::apply_time_scale(run_.scenario, command_.time_scale, issues)) {
      print(issues);
      return false;
    }
    print(issues);
    if (command_.seed) run_.scenario.load.seed = *command_.seed;
    if (command_.rate) run_.scenario.load.rate = *command_.rate;
    if (!command_.meta.empty() && !read_meta()) return false;
    const auto token = admin_token(command_);
    if (!token) return fail(command_.token_file + " cannot be read"), false;
    token_ = *token;
    folder_ = command_.report.empty()
                  ? "understudy-rehearsals/" + run_.scenario.name + "-" + utc_stamp()
                  : command_.report;
    if (const std::string problem = make_report_folder(folder_); !problem.empty())
      return fail(problem), false;
    folder_ = fs::absolute(folder_).string();
    if (!run_.attached) run_.record.predicted = predicted_times(run_.scenario);
    return true;
  }

  bool read_meta() {
    const auto text = config::Environment::read_file(command_.meta);
    if (!text) return fail(command_.meta + " cannot be read"), false;
    std::vector<config::Issue> issues;
    auto meta = report::parse_meta(*text, command_.meta, issues);
    print(issues);
    if (!meta) return false;
    run_.meta = *std::move(meta);
    return true;
  }

  std::string evidence() const { return folder_ + "/evidence"; }

  void perform() {
    const Scratch scratch;
    asio::io_context context{1};
    const Clock clock;
    run_.record.started = clock.began_wall;
    std::unique_ptr<Scene> scene = make_scene(context, clock, scratch.path());
    ProgressOptions look;
    look.quiet = command_.quiet;
    look.terminal = !command_.plain && isatty(fileno(out_)) != 0;
    look.columns = terminal_columns();
    Progress progress{out_, look, clock};
    StopCondition stop;
    stop.error_share = command_.max_error_rate;
    stop.time_limit = command_.time_limit;
    Conductor conductor{
        context.get_executor(), run_.scenario, *scene, clock, run_.record, progress, stop};
    asio::signal_set signals{context, SIGINT, SIGTERM, SIGHUP};
    std::function<void(const boost::system::error_code&, int)> on_signal =
        [&](const boost::system::error_code& error, int) {
          if (error) return;
          const bool again = run_.record.interrupted;
          conductor.interrupt();
          if (again || conductor.raising()) return context.stop();
          signals.async_wait(on_signal);
        };
    signals.async_wait(on_signal);
    const auto whole = [&]() -> asio::awaitable<void> {
      if (run_.attached) run_.record.predicted = co_await bounds_of(command_.attach, token_);
      co_await conductor.play();
      if (run_.record.aborted.empty()) run_.versions = scene->versions();
      signals.cancel();
      context.stop();
    };
    transport::spawn(context.get_executor(), "rehearsal", whole());
    context.run();
    if (run_.record.ended == verdict::At{0}) run_.record.ended = clock.now();
  }

  std::unique_ptr<Scene> make_scene(asio::io_context& context, const Clock& clock,
                                    const std::string& scratch) {
    if (run_.attached) {
      AttachOptions options;
      options.admin = command_.attach;
      options.target = command_.target;
      options.token = token_;
      return make_attached(context.get_executor(), run_.scenario, options);
    }
    SandboxOptions options;
    options.bin = bin_;
    options.scratch = scratch;
    options.evidence = evidence();
    return make_sandbox(context.get_executor(), run_.scenario, clock, options);
  }

  int finish() {
    run_.judgement = verdict::judge(run_.scenario, run_.record);
    run_.machine = this_machine();
    if (const auto text = config::Environment::read_file(evidence() + "/understudy.json"))
      run_.config_hash = sha256(*text).substr(0, 12);
    if (!command_.compare_with.empty()) compare_settings();
    std::string problem = write_records(evidence(), run_.record);
    if (problem.empty()) problem = write_file(evidence() + "/scenario.json", scenario_text_);
    if (problem.empty()) problem = write_report(folder_, run_);
    if (!problem.empty()) {
      std::fprintf(stderr, "understudy rehearse: %s\n", problem.c_str());
      print_end(out_, run_, "(not written) " + folder_);
      return exit_bad_input;
    }
    print_end(out_, run_, folder_);
    if (command_.json) std::fputs(report::to_json(run_).c_str(), stdout);
    return verdict::exit_code(run_.judgement.outcome);
  }

  void compare_settings() {
    run_.compared_with = command_.compare_with;
    // What the proxy was really given; without one, what it would be given.
    const std::string text = config::Environment::read_file(evidence() + "/understudy.json")
                                 .value_or(scenario::proxy_config(run_.scenario, {}));
    std::string problem;
    run_.config_differences =
        differences_from(command_.compare_with, token_, text, process_environment(), problem);
    if (!problem.empty()) std::fprintf(stderr, "understudy rehearse: %s\n", problem.c_str());
  }

  const Command& command_;
  const std::string bin_;
  std::FILE* out_;
  std::string folder_, token_, scenario_text_;
  report::Run run_;
};

}  // namespace

int run_command(const Command& command, const std::string& bin, const std::string& line) {
  switch (command.action) {
    case Action::list:
      return list(command.json);
    case Action::show:
      return show(command.names.front());
    case Action::check:
      return check(command);
    case Action::schema:
      std::fwrite(scenario::schema().data(), 1, scenario::schema().size(), stdout);
      return exit_ok;
    case Action::init:
      return init(command.names.front());
    case Action::compare:
      return compare(command);
    case Action::play:
      break;
  }
  return Performance{command, bin, line}.play();
}

}  // namespace stage
