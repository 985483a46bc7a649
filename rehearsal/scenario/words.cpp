#include "rehearsal/scenario/words.hpp"

namespace config {
namespace {

using scenario::Expected;
using scenario::FaultKind;
using scenario::Operation;
using scenario::Until;
using scenario::Work;

constexpr Word<FaultKind> fault_kinds[] = {
    {"kill", FaultKind::kill},
    {"freeze", FaultKind::freeze},
    {"stopped", FaultKind::stopped},
    {"host_down", FaultKind::host_down},
    {"app_offline", FaultKind::app_offline},
    {"answer", FaultKind::answer},
    {"slow", FaultKind::slow},
    {"cut_body", FaultKind::cut_body},
    {"refuse", FaultKind::refuse},
    {"reset", FaultKind::reset},
    {"blackhole", FaultKind::blackhole},
    {"delay", FaultKind::delay},
    {"limit", FaultKind::limit},
    {"flap", FaultKind::flap},
    {"certificate_expired", FaultKind::certificate_expired},
    {"certificate_wrong_name", FaultKind::certificate_wrong_name},
    {"storage_errors", FaultKind::storage_errors},
    {"storage_hangs", FaultKind::storage_hangs},
    {"storage_latency", FaultKind::storage_latency},
    {"storage_locked", FaultKind::storage_locked},
    {"storage_read_only", FaultKind::storage_read_only},
    {"unreachable", FaultKind::unreachable}};
constexpr Word<Operation> operations[] = {
    {"enable", Operation::enable},
    {"disable", Operation::disable},
    {"drain", Operation::drain},
    {"undrain", Operation::undrain},
    {"hold", Operation::hold},
    {"release", Operation::release},
    {"failback", Operation::failback},
    {"makeprimary", Operation::makeprimary},
    {"reload", Operation::reload},
    {"account_failover_planned", Operation::account_failover_planned},
    {"account_failover_unplanned", Operation::account_failover_unplanned}};
constexpr Word<Until> untils[] = {{"active", Until::active},
                                  {"online", Until::online},
                                  {"degraded", Until::degraded},
                                  {"answered_by", Until::answered_by},
                                  {"failing", Until::failing},
                                  {"work_done", Until::work_done},
                                  {"work_done_by", Until::work_done_by},
                                  {"starts_final", Until::starts_final},
                                  {"alert", Until::alert},
                                  {"lease_at", Until::lease_at},
                                  {"healed", Until::healed},
                                  {"since_fault", Until::since_fault},
                                  {"since_heal", Until::since_heal},
                                  {"requests", Until::requests}};
constexpr Word<Work> works[] = {{"activities", Work::activities}, {"timer", Work::timer}};
constexpr Word<Expected> expectations[] = {{"pass", Expected::pass}, {"missed", Expected::missed}};

}  // namespace

// clang-format off
template <> std::span<const Word<FaultKind>> words_of() { return fault_kinds; }
template <> std::span<const Word<Operation>> words_of() { return operations; }
template <> std::span<const Word<Until>> words_of() { return untils; }
template <> std::span<const Word<Work>> words_of() { return works; }
template <> std::span<const Word<Expected>> words_of() { return expectations; }
// clang-format on

}  // namespace config

namespace scenario {

std::string_view to_string(FaultKind kind) {
  return config::to_string<FaultKind>(kind);
}

std::string_view to_string(Operation operation) {
  return config::to_string<Operation>(operation);
}

std::string_view to_string(Until until) {
  return config::to_string<Until>(until);
}

}  // namespace scenario
