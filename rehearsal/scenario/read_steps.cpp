#include "rehearsal/scenario/read_steps.hpp"

#include <algorithm>
#include <vector>

#include "rehearsal/scenario/words.hpp"

namespace scenario {
namespace {

using config::Node;
using config::Reader;
using Keys = std::vector<std::string_view>;

constexpr Millis an_hour = 1h;
constexpr const char* fault_keys[] = {"status", "path",  "times", "by",  "jitter",
                                      "rate",   "bytes", "up",    "down"};

bool has(const Keys& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// The keys of a fault besides "target" and "for"; the first one of `needed` has to be written.
struct FaultKeys {
  Keys known;
  std::string_view needed;
};

FaultKeys keys_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::answer:
      return {{"status", "path", "times"}, ""};
    case FaultKind::slow:
    case FaultKind::storage_latency:
      return {{"by"}, "by"};
    case FaultKind::cut_body:
      return {{"bytes"}, ""};
    case FaultKind::delay:
      return {{"by", "jitter"}, "by"};
    case FaultKind::limit:
      return {{"rate"}, "rate"};
    case FaultKind::flap:
      return {{"times", "up", "down"}, "times"};
    default:
      return {{}, ""};
  }
}

std::string listed(const FaultKeys& keys, bool lasting) {
  std::string text = "target";
  if (lasting) text += ", for";
  for (const std::string_view key : keys.known) text += ", " + std::string(key);
  return text;
}

void read_fault(Reader& r, Fault& fault) {
  r.word("fault", fault.kind);
  r.text("target", fault.target, config::check_not_empty);
  r.time("for", fault.lasts, 10ms, an_hour);
  r.number("status", fault.status, 200, 599);
  r.text("path", fault.path, config::check_path);
  r.number("times", fault.times, 1, 1'000'000);
  r.time("by", fault.by, 1ms, an_hour);
  r.time("jitter", fault.jitter, 0ms, an_hour);
  r.rate("rate", fault.rate);
  r.size("bytes", fault.bytes, 0, 1ULL << 40);
  r.time("up", fault.up, 10ms, an_hour);
  r.time("down", fault.down, 10ms, an_hour);
  const std::string kind{to_string(fault.kind)};
  const Node* word = r.find("fault");
  if (word->text != kind) return;  // refused: what it may have is unknown
  const FaultKeys keys = keys_of(fault.kind);
  const bool lasting = fault.kind != FaultKind::flap;
  const auto refuse = [&](std::string_view key) {
    const std::string name{key};
    if (const Node* node = r.find(key); node && !has(keys.known, key))
      r.refuse_at(r.at(name.c_str()), *node, "", "has no meaning for \"" + kind + "\"",
                  "it has " + listed(keys, lasting));
  };
  for (const std::string_view key : fault_keys) refuse(key);
  if (!lasting) refuse("for");
  if (!keys.needed.empty() && !r.find(keys.needed))
    r.refuse_at(r.at("fault"), *word, "\"" + kind + "\"",
                "needs \"" + std::string(keys.needed) + "\"", "it has " + listed(keys, lasting));
}

bool is_named(Until until) {
  switch (until) {
    case Until::active:
    case Until::online:
    case Until::degraded:
    case Until::answered_by:
    case Until::work_done_by:
    case Until::alert:
    case Until::lease_at:
      return true;
    default:
      return false;
  }
}

void read_condition(Reader& r, const std::string& key, WaitUntil& wait) {
  if (is_named(wait.until)) return r.text(key.c_str(), wait.name, config::check_label);
  if (wait.until == Until::since_fault || wait.until == Until::since_heal)
    return r.time(key.c_str(), wait.time, 1ms, an_hour);
  if (wait.until == Until::requests) return r.number(key.c_str(), wait.count, 1, 1'000'000);
  bool truth = true;
  r.flag(key.c_str(), truth);
  if (!truth)
    r.refuse_at(r.at(key.c_str()), *r.find(key), "false", "cannot be waited for",
                "write true, or remove the step");
}

void read_wait(Reader& r, WaitUntil& wait) {
  r.time("within", wait.within, 10ms, an_hour);
  r.group("wait_until", [&](Reader& inside) {
    bool found = false;
    for (const auto& word : config::words_of<Until>()) {
      const std::string key{word.text};
      const Node* node = inside.find(key);
      if (!node || found) inside.take(key.c_str());
      if (!node) continue;
      if (found) {
        inside.refuse_at(inside.at(key.c_str()), *node, "", "is a second condition",
                         "make it a step of its own");
        continue;
      }
      found = true;
      wait.until = word.value;
      read_condition(inside, key, wait);
    }
    if (!found && inside.object().members.empty())
      inside.refuse_object("waits for nothing", "write one condition, like {\"healed\": true}");
  });
}

void read_heal(Reader& r, Heal& heal) {
  r.text("heal", heal.target, config::check_not_empty);
  if (heal.target == "all") heal.target.clear();
}

void read_operate(Reader& r, Operate& operate) {
  r.word("operate", operate.operation);
  r.text("target", operate.target, config::check_not_empty);
  r.time("takes", operate.takes, 0ms, an_hour);
  const Node* takes = r.find("takes");
  if (takes && operate.operation < Operation::account_failover_planned)
    r.refuse_at(r.at("takes"), *takes, "", "has meaning for account failovers only", "remove it");
}

}  // namespace

void read_step(Reader& r, Step& step) {
  constexpr const char* kinds[] = {"fault", "heal", "operate", "wait_until"};
  std::string_view kind;
  for (const char* one : kinds) {
    const Node* node = r.find(one);
    if (!node) {
      r.take(one);
    } else if (kind.empty()) {
      kind = one;
    } else {
      r.take(one);
      r.refuse_at(r.at(one), *node, "", "cannot stand beside \"" + std::string(kind) + "\"",
                  "make it a step of its own");
    }
  }
  if (kind == "fault")
    read_fault(r, step.emplace<Fault>());
  else if (kind == "heal")
    read_heal(r, step.emplace<Heal>());
  else if (kind == "operate")
    read_operate(r, step.emplace<Operate>());
  else if (kind == "wait_until")
    read_wait(r, step.emplace<WaitUntil>());
  else if (r.object().members.empty())
    r.refuse_object("is no step", "write fault, heal, operate or wait_until");
  // Otherwise the unknown keys say what is wrong.
}

}  // namespace scenario
