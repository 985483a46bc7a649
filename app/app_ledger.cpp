// What the running App does for the start ledger: builds it, tells it how the endpoints stand and
// when a clock was set, and passes on what it has to say.
#include <fmt/format.h>

#include <boost/asio/post.hpp>

#include "app/running_app.hpp"
#include "config/units.hpp"

namespace app {
namespace {

namespace asio = boost::asio;
using Clock = health::Clock;

// A region that fails can make news of thousands of starts at once; these would push everything
// else out of the history.
constexpr std::size_t most_news_at_once = 20;

WallTime wall_now() {
  return std::chrono::system_clock::now();
}

ledger::Now now_of_both() {
  return {std::chrono::steady_clock::now(),
          std::chrono::floor<std::chrono::milliseconds>(wall_now())};
}

}  // namespace

std::unique_ptr<ledger::StartLedger> App::make_start_ledger() {
  if (ledger_settings_.mode == config::LedgerMode::off) return nullptr;
  if (ledger_settings_.mode == config::LedgerMode::durable &&
      ledger_settings_.directory.path.empty())
    throw StartError{
        "the start ledger has no place: there is no home folder; set durable.ledger.path, "
        "$STATE_DIRECTORY or $XDG_STATE_HOME, or write \"mode\": \"memory\""};
  ledger::StartLedger::Options options;
  options.mode = ledger_settings_.mode;
  options.now = now_of_both;
  options.on_news = [this](const ledger::StartNews& news) {  // on the ledger's thread
    if (start_news_.put(news)) asio::post(io_, [this] { take_start_news(); });
  };
  return std::make_unique<ledger::StartLedger>(directory_, ledger_hub_, std::move(options));
}

void App::say_where_starts_are_kept() {
  const std::string& path = ledger_settings_.directory.path;
  switch (ledger_settings_.mode) {
    case config::LedgerMode::durable:
      log_.write("info", "lifecycle", "start ledger: " + path);
      break;
    case config::LedgerMode::memory:
      log_.write("warning", "lifecycle",
                 "start ledger: in memory only; a restart forgets the starts that are open");
      break;
    case config::LedgerMode::off:
      if (config_->durable.task_hub != config::TaskHub::none)
        log_.write("warning", "lifecycle", "starts are not protected: durable.ledger.mode is off");
      break;
  }
  const ledger::DirectoryStatus status = directory_.status();
  if (!status.warning.empty())
    log_.write("warning", "lifecycle", "start ledger: " + status.warning);
}

void App::publish_to_ledger() {
  if (!published_) return;
  HubView hub;
  hub.picture = published_->desk_picture;
  for (const auto& upstream : published_->upstreams) hub.places.push_back(upstream->place);
  hub.first_byte = published_->config->timeouts.first_byte;
  ledger_hub_.publish(std::move(hub));
  if (start_ledger_)
    start_ledger_->publish(ledger_picture(*published_, board_.snapshot(), probe_marks_));
}

// A probe's result is known before what it changes: the picture is of what follows from it.
void App::publish_to_ledger_soon() {
  if (!start_ledger_ || std::exchange(ledger_waits_, true)) return;
  asio::post(io_, [this] {
    ledger_waits_ = false;
    publish_to_ledger();
  });
}

void App::take_start_news() {
  const std::uint64_t dropped = start_news_.take(news_);
  const health::TimePoint now = Clock::now();
  std::size_t told = 0;
  for (const ledger::StartNews& news : news_) {
    starts_.note(news, now);
    const std::string endpoint = directory_.name_of(news.place);
    if (news.kind == ledger::AlertKind::key_refused)
      if (const auto id = registry_.id_of(endpoint); id != health::no_endpoint)
        ++refused_starts_[id];
    if (++told <= most_news_at_once)
      log_.write(history_.durable("start", news_text(news, endpoint), wall_now(), "warning"));
  }
  const std::uint64_t more = dropped + (told - std::min(told, most_news_at_once));
  if (more > 0)
    log_.write(history_.durable(
        "start", fmt::format("and {} more starts: `understudy instances unknown` lists them", more),
        wall_now(), "warning"));
  if (told > 0) update_alerts();
}

void App::watch_clocks() {
  const auto by = clocks_.step(Clock::now(), wall_now());
  if (!by) return;
  log_.write(history_.durable(
      "clock",
      fmt::format("the wall clock was set {} by {}; times of starts that are open are compared "
                  "with care",
                  by->count() > 0 ? "forward" : "back",
                  config::duration_text(by->count() > 0 ? *by : -*by)),
      wall_now(), "warning"));
  if (start_ledger_) start_ledger_->clock_stepped(*by);
}

void App::stop_asking() {
  desk_.stop();
  ledger_hub_.stop();
}

}  // namespace app
