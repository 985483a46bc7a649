#include "rehearsal/verdict/story.hpp"

#include <algorithm>
#include <cstdio>

namespace verdict {

using scenario::Operation;

std::string endpoint_of(const std::string& target) {
  return target.substr(0, target.find('#'));
}

bool is_good(const Request& request) {
  return request.trouble.empty();
}

Millis millis(At time) {
  return std::chrono::duration_cast<Millis>(time);
}

std::string text(Millis time) {
  char out[64];
  const auto ms = static_cast<long long>(time.count());
  if (ms < 1000)
    std::snprintf(out, sizeof out, "%lld ms", ms);
  else if (ms < 120'000)
    std::snprintf(out, sizeof out, "%.2f s", static_cast<double>(ms) / 1000);
  else
    std::snprintf(out, sizeof out, "%lld min %lld s", ms / 60'000, ms / 1000 % 60);
  return out;
}

std::string text(std::optional<Millis> time) {
  return time ? text(*time) : "never";
}

namespace {

// Operations that take an endpoint out, or give it back.
bool takes_out(Operation operation) {
  return operation == Operation::disable || operation == Operation::drain;
}
bool gives_back(Operation operation) {
  return operation == Operation::enable || operation == Operation::undrain ||
         operation == Operation::failback || operation == Operation::release;
}

}  // namespace

Story::Story(const scenario::Scenario& scenario_in, const RunRecord& record_in)
    : scenario{scenario_in}, record{record_in} {
  const auto is_endpoint = [&](const FaultSpan& span) {
    return scenario::find_endpoint(scenario, span.target) != nullptr;
  };
  const auto first = std::find_if(record.faults.begin(), record.faults.end(), is_endpoint);
  if (first != record.faults.end()) {
    first_fault = &*first;
    broken = endpoint_of(first->target);
  } else if (!record.faults.empty()) {
    // A part that endpoints need: the best of them is the one whose loss is felt.
    first_fault = &record.faults.front();
    broken = record.best_endpoint;
  }
  if (!record.faults.empty()) trouble = record.faults.front().began;

  std::optional<At> any_end;
  for (const FaultSpan& span : record.faults) {
    if (!span.ended) continue;
    any_end = std::max(any_end.value_or(At{0}), *span.ended);
    if (endpoint_of(span.target) == record.best_endpoint)
      healed = std::max(healed.value_or(At{0}), *span.ended);
  }
  if (!healed) healed = any_end;
  for (std::size_t i = 0; i < std::min(record.steps.size(), scenario.steps.size()); ++i) {
    const auto* operate = std::get_if<scenario::Operate>(&scenario.steps[i]);
    if (!operate) continue;
    const StepResult& step = record.steps[i];
    if (takes_out(operate->operation) && broken.empty()) broken = endpoint_of(operate->target);
    if (!trouble || step.began < *trouble) trouble = step.began;
    if (gives_back(operate->operation) && (!healed || step.ended > *healed)) healed = step.ended;
  }
  if (!healed) return;
  for (const Request& request : record.requests)
    if (request.kind == RequestKind::get && is_good(request) && request.sent >= *healed &&
        request.served_by == record.best_endpoint && (!back || request.ended < *back))
      back = request.ended;
}

At Story::over() const {
  if (back) return *back;
  return healed.value_or(record.ended);
}

}  // namespace verdict
