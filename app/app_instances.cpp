// What operators ask of the running App about single starts: lists, resubmit, forget, and what a
// storage account that failed over has lost. The ledger answers on its own thread; everything that
// follows happens on the control thread.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <map>

#include "app/running_app.hpp"
#include "app/text_table.hpp"

namespace app {
namespace {

namespace asio = boost::asio;

constexpr const char* operator_name = "an operator";

ledger::WallTime wall_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

}  // namespace

// By place, why what lives there cannot be reached now. What is in no configuration any more is
// away for good, so that places are asked for rather than listed.
std::string App::away_reason(ledger::Place place) const {
  const std::string name = directory_.name_of(place);
  const auto endpoints = published_->upstreams;
  const auto upstream = std::find_if(endpoints.begin(), endpoints.end(),
                                     [&](const auto& each) { return each->place == place; });
  if (upstream == endpoints.end())
    return fmt::format("it lives in the hub of {}, which is not in the configuration", name);
  const routing::RoutingEntry* entry = published_->table.find((*upstream)->id);
  // With everything degraded an attempt is made all the same; for operators it is away.
  const bool away = entry != nullptr &&
                    (published_->away(*entry) || entry->monitor == health::MonitorStatus::degraded);
  if (!away) return {};
  return fmt::format("it lives in the hub of {}, which is {}", name, to_string(entry->monitor));
}

void App::add_stranded(InstancesReport& report, std::size_t most) {
  const config::TaskHub hub = config_->durable.task_hub;
  if (hub == config::TaskHub::shared || hub == config::TaskHub::geo_replicated) {
    report.notes.push_back(
        "All endpoints share one task hub, so any of them can go on with every "
        "instance: nothing is stranded.");
    return;
  }
  std::map<ledger::Place, std::string> reasons;
  const auto reason = [&](ledger::Place place) -> const std::string& {
    const auto known = reasons.find(place);
    return known != reasons.end() ? known->second
                                  : reasons.emplace(place, away_reason(place)).first->second;
  };
  directory_.for_each_unfinished(
      wall_now().time_since_epoch().count(),
      [&](ledger::Place place) { return !reason(place).empty(); },
      [&](std::string_view key, const ledger::Instance& instance) {
        report.rows.push_back(
            row_of(key, instance, directory_.name_of(instance.place), reason(instance.place)));
        // A region can hold a million of them; only the oldest are kept.
        if (report.rows.size() >= 2 * most_instances + most) keep_oldest(report, most);
      });
  keep_oldest(report, most);
}

void App::list_instances(InstanceList list, std::size_t most,
                         std::function<void(InstancesReport)> done) {
  InstancesReport report;
  report.list = list;
  report.now = wall_now();
  const bool stranded = list == InstanceList::stranded;
  if (stranded) add_stranded(report, most);
  if (!start_ledger_) {
    report.notes.push_back("Starts are not protected, so none is kept: " +
                           std::string{config_->durable.task_hub == config::TaskHub::none
                                           ? "set durable.task_hub."
                                           : "durable.ledger.mode is off."});
    return done(std::move(report));
  }
  start_ledger_->list(start_list_of(list), stranded ? most_instances : most + 1,
                      [this, report = std::move(report), most,
                       done = std::move(done)](std::vector<ledger::StartLine> lines) mutable {
                        asio::post(io_,
                                   [this, report = std::move(report), most, done = std::move(done),
                                    lines = std::move(lines)]() mutable {
                                     add_starts(report, lines);
                                     keep_oldest(report, most);
                                     done(std::move(report));
                                   });
                      });
}

void App::add_starts(InstancesReport& report, const std::vector<ledger::StartLine>& lines) const {
  for (const ledger::StartLine& line : lines) {
    InstanceRow row =
        row_of(line, [this](ledger::Place place) { return directory_.name_of(place); });
    if (report.list != InstanceList::stranded) {
      report.rows.push_back(std::move(row));
      continue;
    }
    for (const ledger::Place place : line.places)
      if (const std::string away = away_reason(place); !away.empty()) {
        row.why = "it may have been started there: " + away;
        report.rows.push_back(std::move(row));
        break;
      }
  }
}

void App::act_on_instances(const InstanceCommand& command, std::function<void(ActionResult)> done) {
  using Kind = InstanceCommand::Kind;
  const auto refuse = [&](std::string why) { done({ActionResult::Kind::refused, std::move(why)}); };
  if (!start_ledger_) return refuse("starts are not protected, so none is kept here");
  if (draining_) return refuse("the proxy is shutting down; ask the next one");
  if (command.kind == Kind::failed_over && command.last_sync > wall_now())
    return refuse("the last sync time lies in the future: " + rfc3339(command.last_sync));
  const std::string what =
      command.kind == Kind::failed_over ? rfc3339(command.last_sync) : shown(command.id);
  auto answered = [this, kind = command.kind, what,
                   done = std::move(done)](const ledger::OperatorResult& result) mutable {
    asio::post(io_, [this, kind, result, text = fmt::format("{}: {}", what, result.message),
                     done = std::move(done)] {
      if (result.done)
        log_.write(history_.command(to_string(kind), "", text, std::chrono::system_clock::now()));
      update_alerts();
      done({result.done ? ActionResult::Kind::done : ActionResult::Kind::refused, text});
    });
  };
  if (command.kind == Kind::resubmit)
    start_ledger_->resubmit(command.id, operator_name, std::move(answered));
  else if (command.kind == Kind::forget)
    start_ledger_->forget(command.id, operator_name, std::move(answered));
  else
    start_ledger_->storage_failed_over(command.last_sync, operator_name, std::move(answered));
}

}  // namespace app
