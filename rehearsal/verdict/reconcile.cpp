// What clients were told about their starts, beside what the apps executed.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "rehearsal/verdict/verdict.hpp"

namespace verdict {
namespace {

constexpr std::size_t most_examples = 5;  // of one word

using Runs = std::vector<const Execution*>;

bool counts_as_run(const Execution& execution) {
  // An instance that an account failover has undone ran, but is gone: the start is lost.
  return !execution.lost;
}

class Reconciler {
 public:
  explicit Reconciler(bool executions_known) : known_{executions_known} {}

  void add(const Start& start, const Runs& all) {
    Runs runs;
    std::copy_if(all.begin(), all.end(), std::back_inserter(runs),
                 [](const Execution* run) { return counts_as_run(*run); });
    const bool undone = runs.size() < all.size();
    count(start, undone);
    if (runs.size() > 1) say(result_.duplicate, start, "duplicate", runs);
    switch (start.said) {
      case Said::accepted:
        ++result_.accepted;
        result_.unconfirmed += start.unconfirmed;
        accepted(start, runs, undone);
        break;
      case Said::refused:
        if (runs.empty()) ++result_.refused;
        if (!runs.empty()) say(result_.ghost, start, "ghost", runs);
        break;
      case Said::failed:
        say(result_.failed, start, "failed", runs);
        if (!runs.empty()) say(result_.ghost, start, "ghost", runs);
        break;
      case Said::unknown:
        say(result_.unknown, start, "unknown", runs);
        break;
      case Said::unanswered:
        say(result_.unanswered, start, "unanswered", runs);
        break;
    }
    misnamed(start, runs);
  }

  Reconciliation result() { return std::move(result_); }
  void nobodys() { ++result_.nobodys; }

 private:
  void accepted(const Start& start, const Runs& runs, bool undone) {
    const bool completed = start.final == "Completed";
    if (start.final.empty()) {
      // With nothing left to run it is lost, which says more.
      if (!known_ || !runs.empty()) say(result_.stranded, start, "stranded", runs);
    } else if (completed) {
      const bool seen = std::any_of(runs.begin(), runs.end(), [](const Execution* run) {
        return run->status == "Completed";
      });
      if (!known_ || seen) ++result_.completed;
    } else {  // no payload of ours fails or is terminated
      say(result_.failed, start, "failed", runs);
      if (!runs.empty()) say(result_.ghost, start, "ghost", runs);
    }
    if (known_ && runs.size() == 1) ++result_.once;
    const bool told_failed = !start.final.empty() && !completed;
    if (known_ && runs.empty() && (undone || !told_failed)) say(result_.lost, start, "lost", runs);
  }

  void misnamed(const Start& start, const Runs& runs) {
    const std::string& own = start.id.empty() ? start.given_id : start.id;
    const bool elsewhere =
        !own.empty() &&
        std::any_of(runs.begin(), runs.end(), [&](const Execution* run) { return run->id != own; });
    const bool renamed = !start.id.empty() && !start.given_id.empty() && start.id != start.given_id;
    if (elsewhere || renamed) say(result_.misnamed, start, "misnamed", runs);
  }

  void count(const Start& start, bool undone) {
    ++result_.sent;
    result_.wrong_urls += static_cast<std::int64_t>(start.wrong_urls.size());
    for (const auto& [status, times] : start.polls) {
      result_.polls += times;
      // Of an instance that is gone with its account's past, 404 is the truth.
      if (status == 404 && !undone) result_.polls_not_found += times;
      if (status != 200 && status != 202 && status != 503 && status != 404)
        result_.polls_failed += times;
    }
  }

  void say(std::int64_t& counter, const Start& start, const char* word, const Runs& runs) {
    ++counter;
    if (examples_[word]++ >= most_examples) return;
    std::string detail = start.detail;
    if (known_)
      detail += (detail.empty() ? "" : ", ") + ("ran " + std::to_string(runs.size())) + "x";
    for (const Execution* run : runs) detail += " at " + (run->app.empty() ? "nobody" : run->app);
    result_.examples.push_back({start.number, word, std::move(detail)});
  }

  const bool known_;
  std::map<std::string, std::size_t> examples_;
  Reconciliation result_;
};

}  // namespace

Reconciliation reconcile(const std::vector<Start>& starts, const std::vector<Execution>& executions,
                         bool executions_known) {
  std::map<int, Runs> runs;
  std::map<std::string, int> by_id;  // of runs whose payload cannot be read any more
  for (const Start& start : starts) {
    runs[start.number];
    const std::string& id = start.id.empty() ? start.given_id : start.id;
    if (!id.empty()) by_id.emplace(id, start.number);
  }
  Reconciler reconciler{executions_known};
  for (const Execution& execution : executions) {
    if (!executions_known) break;  // a part of them proves nothing
    std::optional<int> number = execution.number;
    if (!number)
      if (const auto found = by_id.find(execution.id); found != by_id.end()) number = found->second;
    if (number && runs.contains(*number))
      runs[*number].push_back(&execution);
    else
      reconciler.nobodys();
  }
  for (const Start& start : starts) reconciler.add(start, runs[start.number]);
  return reconciler.result();
}

}  // namespace verdict
