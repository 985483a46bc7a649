// How apps and storage write the values of instance.hpp to each other: JSON text in and out; the
// library stays in the source file. The readers give nullopt for anything that is not theirs.
// Pure, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rehearsal/app_lease_store.hpp"
#include "rehearsal/entity_store.hpp"
#include "rehearsal/instance.hpp"
#include "rehearsal/replica.hpp"

namespace rehearsal {

struct InstanceAndHistory {
  Instance instance;
  std::vector<HistoryEvent> history;
};

std::string write_new_instance(const NewInstance&);
std::optional<NewInstance> read_new_instance(std::string_view text);
std::string write_instance(const Instance&, const std::vector<HistoryEvent>& history);
std::optional<InstanceAndHistory> read_instance(std::string_view text);
std::string write_page(const Page&);
std::optional<Page> read_page(std::string_view text);
std::string write_entity_page(const EntityPage&);
std::optional<EntityPage> read_entity_page(std::string_view text);
std::string write_report(const WorkReport&);
std::optional<WorkReport> read_report(std::string_view text);
std::string write_answer(const WorkAnswer&);
std::optional<WorkAnswer> read_answer(std::string_view text);
std::string write_lease_state(const AppLeaseState&);
std::optional<AppLeaseState> read_lease_state(std::string_view text);

// For whoever rehearses; nothing here reads them.
std::string write_shares(const std::vector<AppShare>&);
std::string write_executions(const ExecutionPage&);
std::string write_hubs(const std::vector<HubSummary>&);
std::string write_runs(const RunPage&);
std::string write_replica_state(const ReplicaState&);
std::string write_failover(const AccountFailover&);

}  // namespace rehearsal
