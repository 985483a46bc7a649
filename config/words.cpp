#include "config/words.hpp"

namespace config {
namespace {

constexpr Word<Preset> presets[] = {{"traffic-manager", Preset::traffic_manager},
                                    {"azure", Preset::azure},
                                    {"responsive", Preset::responsive}};
constexpr Word<Protocol> protocols[] = {
    {"http", Protocol::http}, {"https", Protocol::https}, {"tcp", Protocol::tcp}};
constexpr Word<Peer> peers[] = {{"direct", Peer::direct}, {"gateway", Peer::gateway}};
constexpr Word<HostPolicy> host_policies[] = {{"endpoint", HostPolicy::endpoint},
                                              {"preserve", HostPolicy::preserve},
                                              {"explicit", HostPolicy::explicit_value}};
constexpr Word<AuthMode> auth_modes[] = {{"keys", AuthMode::keys}, {"none", AuthMode::none}};
constexpr Word<AllDegraded> all_degraded[] = {{"fail_open", AllDegraded::fail_open},
                                              {"unavailable", AllDegraded::unavailable}};
constexpr Word<Disagreement> disagreements[] = {{"traffic", Disagreement::traffic},
                                                {"probe", Disagreement::probe}};
constexpr Word<StickyClient> sticky_clients[] = {{"address", StickyClient::address},
                                                 {"header", StickyClient::header},
                                                 {"cookie", StickyClient::cookie}};
constexpr Word<OnDegraded> on_degraded[] = {{"release", OnDegraded::release},
                                            {"hold", OnDegraded::hold}};
constexpr Word<FailbackMode> failback_modes[] = {{"automatic", FailbackMode::automatic},
                                                 {"manual", FailbackMode::manual}};
constexpr Word<TaskHub> task_hubs[] = {{"none", TaskHub::none},
                                       {"shared", TaskHub::shared},
                                       {"per_region", TaskHub::per_region},
                                       {"geo_replicated", TaskHub::geo_replicated}};
constexpr Word<AwayPolls> away_polls[] = {{"last_known", AwayPolls::last_known},
                                          {"unavailable", AwayPolls::unavailable}};
constexpr Word<DuplicateStatus> duplicate_statuses[] = {{"pass", DuplicateStatus::pass},
                                                        {"409", DuplicateStatus::conflict}};
constexpr Word<LedgerMode> ledger_modes[] = {
    {"durable", LedgerMode::durable}, {"memory", LedgerMode::memory}, {"off", LedgerMode::off}};
constexpr Word<GiveUp> give_ups[] = {{"list", GiveUp::list}, {"resubmit", GiveUp::resubmit}};
constexpr Word<SameIdElsewhere> same_ids[] = {{"refuse", SameIdElsewhere::refuse},
                                              {"start", SameIdElsewhere::start}};
constexpr Word<LeaseFollow> lease_follows[] = {
    {"ask", LeaseFollow::ask}, {"auto", LeaseFollow::automatic}, {"never", LeaseFollow::never}};
constexpr Word<StartVia> start_vias[] = {{"built-in", StartVia::built_in},
                                         {"as-is", StartVia::as_is}};
constexpr Word<LogFormat> log_formats[] = {{"text", LogFormat::text}, {"json", LogFormat::json}};
constexpr Word<LogLevel> log_levels[] = {{"debug", LogLevel::debug},
                                         {"info", LogLevel::info},
                                         {"warning", LogLevel::warning},
                                         {"error", LogLevel::error}};

}  // namespace

// clang-format off
template <> std::span<const Word<Preset>> words_of() { return presets; }
template <> std::span<const Word<Protocol>> words_of() { return protocols; }
template <> std::span<const Word<Peer>> words_of() { return peers; }
template <> std::span<const Word<HostPolicy>> words_of() { return host_policies; }
template <> std::span<const Word<AuthMode>> words_of() { return auth_modes; }
template <> std::span<const Word<AllDegraded>> words_of() { return all_degraded; }
template <> std::span<const Word<Disagreement>> words_of() { return disagreements; }
template <> std::span<const Word<StickyClient>> words_of() { return sticky_clients; }
template <> std::span<const Word<OnDegraded>> words_of() { return on_degraded; }
template <> std::span<const Word<FailbackMode>> words_of() { return failback_modes; }
template <> std::span<const Word<TaskHub>> words_of() { return task_hubs; }
template <> std::span<const Word<AwayPolls>> words_of() { return away_polls; }
template <> std::span<const Word<DuplicateStatus>> words_of() { return duplicate_statuses; }
template <> std::span<const Word<LedgerMode>> words_of() { return ledger_modes; }
template <> std::span<const Word<GiveUp>> words_of() { return give_ups; }
template <> std::span<const Word<SameIdElsewhere>> words_of() { return same_ids; }
template <> std::span<const Word<LeaseFollow>> words_of() { return lease_follows; }
template <> std::span<const Word<StartVia>> words_of() { return start_vias; }
template <> std::span<const Word<LogFormat>> words_of() { return log_formats; }
template <> std::span<const Word<LogLevel>> words_of() { return log_levels; }
// clang-format on

}  // namespace config
