// What an orchestration of the stand-in does, read from its own input. Plain values; pure, any
// thread.
//
// An input that is a JSON object may hold these members; any other input plays the app's defaults
// (--steps, --step-time), and what has another type or is unknown is passed over:
//
//   "steps": 5                 activities, one after the other (1 to 10,000), or a list of steps
//   "stepMilliseconds": 200    how long an activity takes that does not say so itself
//   "waitForEvent": "Go"       after the steps: waits for an external event (any letter case)
//   "fail": true               fails when all else is done
//   "failAtStep": 3            that step fails: an activity throws, any other step ends the run
//   "output": JSON             the output; else the list of what the steps gave
//
// A list holds up to 1,000 steps, each an object with one of these members:
//
//   {"activity": "Pay", "milliseconds": 100}          gives a text that names the step and the app
//   {"timer": 1500}                                   a durable timer, in milliseconds
//   {"waitForEvent": "Go"}                            gives the event's data
//   {"subOrchestration": "Child", "input": JSON, "instanceId": "c-1"}
//                              a child, whose input is a plan in turn (1 activity, unless it says
//                              otherwise); gives the child's output, fails when the child does
//   {"customStatus": JSON}     shown from then on, instead of the progress
//   {"fail": "why"}            fails the orchestration
//
// Every finished step is checkpointed in the hub. A rewind takes the cause of the failure to be
// repaired: what was told to fail does so no more.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rehearsal {

enum class StepKind { activity, timer, wait_event, sub_orchestration, custom_status, fail };

struct Step {
  StepKind kind = StepKind::activity;
  std::string name;                   // of the activity, the event or the child's function
  std::chrono::milliseconds time{0};  // of an activity or a timer
  std::string data = "null";          // JSON: the child's input, the custom status, why it fails
  std::string child_id;               // "" is made from the parent's
  bool operator==(const Step&) const = default;
};

struct Plan {
  int steps = 5;  // activities, unless `list` is there
  std::chrono::milliseconds step_time{200};
  std::vector<Step> list;
  std::string wait_for;  // name of an event
  bool fails = false;
  int fail_at = 0;     // 0: none
  std::string output;  // JSON, "" is what the steps gave
  bool operator==(const Plan&) const = default;
};

// The steps of a plan are counted from 1; the wait at the end is one more.
int steps_before_wait(const Plan&);
int step_count(const Plan&);
Step step_at(const Plan&, int number);
bool shows_own_status(const Plan&);  // it has custom status steps: no progress is shown

Plan plan_of(std::string_view input, const Plan& defaults);

// As the hub keeps it. The reader gives nullopt for what is not a plan.
std::string write_plan(const Plan&);
std::optional<Plan> read_plan(std::string_view text);

}  // namespace rehearsal
