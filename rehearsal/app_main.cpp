// understudy-app: a stand-in function app, see function_app.hpp.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>

#include "config/url.hpp"
#include "rehearsal/app_lease.hpp"
#include "rehearsal/cli.hpp"
#include "rehearsal/durable_route.hpp"
#include "rehearsal/function_app.hpp"
#include "rehearsal/process.hpp"

namespace {

using config::Problem;
using rehearsal::add_parsed;
using rehearsal::AnswerCoding;
using rehearsal::AppOptions;
using rehearsal::bad_input;
using rehearsal::PayloadShape;

std::optional<Problem> parse_storage(std::string_view text, std::optional<config::Url>& storage) {
  config::Url url;
  if (auto problem = config::parse_url(text, url)) return problem;
  if (url.tls) return Problem{"the storage speaks plain HTTP", "write http://"};
  storage = url;
  return std::nullopt;
}

// The service lets a lease last 15 s at least, which three renewals must fit into.
std::optional<Problem> parse_lease_every(std::string_view text, std::chrono::milliseconds& every) {
  if (auto problem = config::parse_duration(text, every)) return problem;
  if (every < std::chrono::milliseconds{50} || every > rehearsal::BlobLease::lasts / 3)
    return Problem{"not a pace for renewals", "take 50ms to 5s"};
  return std::nullopt;
}

// The account's key is no argument, for those show in the list of processes.
bool read_storage_key(std::string& key) {
  constexpr const char* name = "UNDERSTUDY_APP_STORAGE_KEY";
  constexpr const char* emulators_own =  // printed in the manual of every emulator: no secret
      "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/"
      "K1SZFPTOtr/KBHBeksoGMGw==";
  const char* given = std::getenv(name);
  auto read = rehearsal::read_storage_key(given == nullptr ? emulators_own : given);
  if (!read) {
    std::fprintf(stderr, "understudy-app: %s is not a storage account's key\n", name);
    return false;
  }
  key = std::move(*read);
  return true;
}

std::optional<Problem> parse_state(std::string_view text, rehearsal::AppState& state) {
  const auto parsed = rehearsal::parse_app_state(text);
  if (!parsed)
    return Problem{"not a state", "write running, stopped, offline, app_offline or error"};
  state = *parsed;
  return std::nullopt;
}

std::optional<Problem> parse_hub(std::string_view text, std::string& hub) {
  if (!rehearsal::is_valid_hub_name(text))
    return Problem{"not a task hub name", "3 to 45 letters and digits, a letter first"};
  hub = std::string{text};
  return std::nullopt;
}

std::optional<Problem> read_keys(const std::string& file, rehearsal::GivenKeys& keys) {
  std::ifstream in{file};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  auto parsed = in ? rehearsal::parse_keys(text) : std::nullopt;
  if (!parsed)
    return Problem{
        "cannot be read as keys",
        R"(write {"master": "…", "host": {"default": "…"}, "system": {}, "functions": {}})"};
  keys = std::move(*parsed);
  if (keys.master.empty()) keys.master = rehearsal::generate_key();  // even {} closes
  return std::nullopt;
}

std::optional<Problem> parse_required_header(std::string_view text,
                                             std::optional<config::NameValue>& header) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size())
    return Problem{"not NAME=VALUE", "write it like X-Lock=a-long-secret"};
  header = {std::string{text.substr(0, equals)}, std::string{text.substr(equals + 1)}};
  return std::nullopt;
}

// Any of these closes what keys close; without them all is open.
void declare_keys(CLI::App& app, AppOptions& options) {
  add_parsed(app, "--keys", options.keys, read_keys,
             "File with keys; those it does not name are generated");
  app.add_option("--key", options.key, "System key of the Durable API");
  app.add_option("--master-key", options.master_key, "Master key, for the key API");
  add_parsed(app, "--require-header", options.required_header, parse_required_header,
             "NAME=VALUE of a header that every request needs, as an access restriction of the "
             "platform asks for it; 403 without it");
  app.add_option("--auth", options.auth_function, "anonymous, or function: functions ask for a key")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, bool>{{"anonymous", false}, {"function", true}}))
      ->option_text("TEXT");
}

void declare_answers(CLI::App& app, AppOptions& options) {
  CLI::Option* forwarded =
      app.add_flag("--forwarded-host", options.forwarded_host,
                   "Make URLs from X-Forwarded-Host and X-Forwarded-Proto instead of Host");
  app.add_option("--own-host", options.own_host,
                 "Make URLs of this host: https, but http for localhost:PORT")
      ->excludes(forwarded);
  app.add_option("--payload-shape", options.payload_shape,
                 "Answers of starter functions: built-in, isolated, isolated-201 or js")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, PayloadShape>{{"built-in", PayloadShape::built_in},
                                              {"isolated", PayloadShape::isolated},
                                              {"isolated-201", PayloadShape::isolated_created},
                                              {"js", PayloadShape::js}}))
      ->option_text("TEXT");
  app.add_option("--answer-coding", options.answer_coding,
                 "identity, gzip or deflate, for clients that accept it")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, AnswerCoding>{{"identity", AnswerCoding::identity},
                                              {"gzip", AnswerCoding::gzip},
                                              {"deflate", AnswerCoding::deflate}}))
      ->option_text("TEXT");
  app.add_flag("--chunked-answers", options.chunked_answers, "Answers come in chunks");
  app.add_flag("--affinity-cookie", options.affinity_cookie,
               "Set the platform's affinity cookie for the app's host");
}

void declare(CLI::App& app, AppOptions& options, double& lease_seconds) {
  add_parsed(app, "--listen", options.listen, config::parse_listen_address,
             "Address to listen on; port 0 takes a free one (127.0.0.1:0)");
  app.add_option("--name", options.name, "Name of the app, in X-Served-By and its answers")
      ->capture_default_str();
  app.add_option("--site-name", options.site_name,
                 "Name under which it takes leases; must differ between apps (the name)");
  add_parsed(app, "--storage", options.storage, parse_storage,
             "URL of its understudy-storage; without it there is no task hub");
  add_parsed(app, "--hub", options.hub, parse_hub, "Task hub (TestHub)");
  app.add_option("--function", options.functions,
                 "Known orchestrator; repeatable; any name by default");
  app.add_option("--steps", options.plan.steps, "Activities of an orchestration")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  add_parsed(app, "--step-time", options.plan.step_time, config::parse_duration,
             "How long an activity takes (200ms)");
  add_parsed(app, "--state", options.state, parse_state,
             "running, stopped, offline, app_offline or error");
  app.add_option("--lease-seconds", lease_seconds,
                 "After this long without a word another app goes on with its orchestrations")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  add_parsed(app, "--storage-timeout", options.storage_timeout, config::parse_duration,
             "How long the storage may take to answer (2s)");
  add_parsed(app, "--lease-blob", options.lease_blob, parse_storage,
             "URL of a storage account (Azurite) where it holds a lease on a blob to be healthy: "
             "http://HOST:PORT[/account[/container[/blob]]]");
  add_parsed(app, "--lease-every", options.lease_every, parse_lease_every,
             "How often that lease is renewed; lost after three times as long (500ms)");
  add_parsed(app, "--cold-start", options.cold_start, config::parse_duration,
             "The first request after the start, or after idling, takes this much longer (0s)");
  add_parsed(app, "--idle-after", options.idle_after, config::parse_duration,
             "After so long without a request the host is unloaded (20s)");
  app.add_flag("--app-lease", options.app_lease,
               "Only the owner of the hub's app lease runs orchestrators");
  app.add_flag("--activities-need-lease", options.activities_need_lease,
               "Activities too; without it any app takes them");
  app.add_option("--time-scale", options.time_scale,
                 "Divides the times of the app lease: 60 s, renewed every 25 s, tried every 300 s")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--already-exists", options.already_exists_status,
                 "Status for a start of a live id: 500, or 409 as newer extensions answer")
      ->check(CLI::IsMember({500, 409}))
      ->capture_default_str();
  declare_keys(app, options);
  declare_answers(app, options);
}

}  // namespace

int main(int argc, char** argv) {
  AppOptions options;
  double lease_seconds = 5;
  CLI::App app{"A stand-in for a function app with Durable Functions"};
  declare(app, options, lease_seconds);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : bad_input;
  }
  if (options.lease_blob && !read_storage_key(options.storage_key)) return bad_input;
  options.lease = std::chrono::milliseconds{static_cast<long long>(lease_seconds * 1000)};
  try {
    boost::asio::io_context context{1};
    rehearsal::FunctionApp function_app{context.get_executor(), options};
    if (options.app_lease)
      std::printf("%s\n", rehearsal::to_text(rehearsal::app_lease_times(options)).c_str());
    return rehearsal::run_until_signal(
        context, function_app.server().address(),
        [&function_app](std::function<void()> done) { function_app.stop(std::move(done)); });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "understudy-app: %s\n", error.what());
    return bad_input;
  }
}
