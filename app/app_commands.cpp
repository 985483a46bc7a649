// What operators ask of the running App: the picture, commands on endpoints and routing, reload.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "app/command_line.hpp"
#include "app/config_hash.hpp"
#include "app/running_app.hpp"
#include "app/state_folder.hpp"
#include "app/take_picture.hpp"
#include "config/explain.hpp"
#include "config/parse.hpp"

namespace app {
namespace {

namespace asio = boost::asio;
using Clock = health::Clock;
using health::EndpointId;

constexpr std::chrono::seconds longest_command{15};  // the desk's own limit comes first

}  // namespace

void apply_options(config::Config& config, const AppOptions& options) {
  if (options.listen) config.listen = {config::Listener{*options.listen, std::nullopt}};
  if (options.admin) config.admin.address = *options.admin;
  if (options.json) config.log.format = config::LogFormat::json;
}

// Operator ----------------------------------------------------------------------------------------

// The answer to one request at the admin listener. Only a command that asks an endpoint makes it
// wait, and nothing else waits with it.
asio::awaitable<transport::ServerResponse> App::serve_admin(transport::ServerRequest request) {
  struct Waiting {
    explicit Waiting(asio::io_context& io) : timer{io} {}
    asio::steady_timer timer;
    std::optional<transport::ServerResponse> response;
  };
  const auto waiting = std::make_shared<Waiting>(io_);
  waiting->timer.expires_after(longest_command);
  admin_->handle(request, [waiting](transport::ServerResponse response) {
    waiting->response = std::move(response);
    waiting->timer.cancel();
  });
  if (!waiting->response) {
    boost::system::error_code canceled;
    auto wait = waiting->timer.async_wait(asio::redirect_error(asio::use_awaitable, canceled));
    co_await std::move(wait);
  }
  if (!waiting->response) waiting->response.emplace(504, "text/plain", "no answer in time\n");
  co_return *std::move(waiting->response);
}

Picture App::picture() {
  Picture out =
      take_picture({*config_, config_hash_, generation_, started_, draining_, router_, board_,
                    registry_, data_plane_, sticky_, history_, probes_, durable_view()});
  if (fault_legs_) add_faults(out);
  return out;
}

ActionResult App::act(Action action, const std::string& endpoint,
                      std::optional<config::Millis> time) {
  if (action == Action::reload) return reload();
  if (!endpoint.empty()) return act_on_endpoint(action, endpoint);
  const health::TimePoint now = Clock::now();
  routing::CommandResult result;
  if (action == Action::hold)
    result = router_.hold(time, now);
  else if (action == Action::release)
    result = router_.release(now);
  else
    result = router_.failback_now(now);
  publish();
  arm_router_timer();
  if (!result.ok) return {ActionResult::Kind::refused, result.message};
  log_.write(
      history_.command(to_string(action), "", result.message, std::chrono::system_clock::now()));
  return {ActionResult::Kind::done, result.message};
}

ActionResult App::unknown_endpoint(const std::string& name) const {
  std::vector<std::string> names;
  for (const config::Endpoint& endpoint : config_->endpoints) names.push_back(endpoint.name);
  std::string message = fmt::format("there is no endpoint \"{}\"", name);
  if (const std::string_view guess = nearest(name, names); !guess.empty())
    message += fmt::format("; did you mean \"{}\"?", guess);
  return {ActionResult::Kind::unknown_endpoint,
          message + fmt::format(" The endpoints are: {}", fmt::join(names, ", "))};
}

ActionResult App::act_on_endpoint(Action action, const std::string& name) {
  const EndpointId id = registry_.id_of(name);
  if (id == health::no_endpoint) return unknown_endpoint(name);
  std::string message;
  if (action == Action::drain || action == Action::undrain) {
    message = router_.drain(id, action == Action::drain, Clock::now()).message;
  } else {
    board_.set_enabled(id, action == Action::enable);
    const EndpointId active = router_.table().active;
    message =
        fmt::format("{} is {}; active: {}", name, action == Action::enable ? "enabled" : "disabled",
                    active == health::no_endpoint ? "nobody" : registry_.name_of(active));
  }
  publish();
  log_.write(history_.command(to_string(action), name, message, std::chrono::system_clock::now()));
  return {ActionResult::Kind::done, message};
}

ActionResult App::reload_failed(const std::string& problem) {
  log_.write(history_.reload("failed",
                             "reload refused, the last good configuration stays: " + problem,
                             std::chrono::system_clock::now()));
  return {ActionResult::Kind::refused, problem};
}

ActionResult App::reload() {
  if (options_.config_path.empty())
    return {ActionResult::Kind::refused, "the proxy was started without a file: nothing to reload"};
  if (draining_) return {ActionResult::Kind::refused, "the proxy is shutting down"};
  const config::Environment environment = process_environment();
  const auto text = environment.file(options_.config_path);
  if (!text) return reload_failed(options_.config_path + " cannot be read");
  config::ParseResult parsed = config::parse_text(*text, options_.config_path, environment);
  for (const config::Issue& issue : parsed.issues)
    log_.write(issue.severity == config::Severity::error ? "error" : "warning", "reload",
               to_text(issue));
  if (!parsed.config) {
    std::erase_if(parsed.issues, [](const config::Issue& issue) {
      return issue.severity != config::Severity::error;
    });
    ActionResult result = reload_failed(parsed.issues.empty() ? "the file is not usable"
                                                              : to_text(parsed.issues.front()));
    result.message = config::to_text(parsed.issues);  // the operator gets them all
    return result;
  }
  const std::string effective = config::explain_json(*parsed.config, parsed.source);
  return accept_reload(*std::move(parsed.config), *text, effective);
}

ActionResult App::accept_reload(config::Config next, const std::string& text,
                                const std::string& effective) {
  apply_options(next, options_);
  std::string problem;
  EndpointRegistry::Proposal proposal = registry_.propose(next, problem);
  if (problem.empty()) problem = data_plane_.listen(next.listen);
  if (!problem.empty()) return reload_failed(problem);
  std::string message = fmt::format("reloaded {}", options_.config_path);
  if (next.admin.address != config_->admin.address) message += "; admin.address needs a restart";
  if (next.faults_allow != config_->faults_allow) message += "; faults.allow needs a restart";
  if (next.stickiness.max_clients != config_->stickiness.max_clients)
    message += "; stickiness.max_clients needs a restart";
  if (ledger_settings(next) != ledger_settings_)
    message +=
        "; what durable says about the ledger's mode, its file and the directory needs a restart";
  if (const std::string trouble = log_.configure(next.log); !trouble.empty())
    message += "; the log stays where it is: " + trouble;
  config_hash_ = config_hash(text);
  effective_ = effective;
  apply(std::move(proposal), std::make_shared<const config::Config>(std::move(next)));
  log_.write(history_.reload("ok", message, std::chrono::system_clock::now()));
  return {ActionResult::Kind::done, message};
}

}  // namespace app
