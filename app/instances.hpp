// What `understudy instances` shows: starts and instances that wait, or whose outcome is unsure, as
// plain values, and the same as JSON for the admin API and as text for a terminal. Pure. Holds no
// input of a start, no query and no key, ever.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/instance.hpp"
#include "ledger/start_ledger.hpp"

namespace app {

// What is shown unless asked otherwise, and at most.
inline constexpr std::size_t default_instances = 100, most_instances = 10'000;
inline constexpr std::size_t longest_instance_id = 1024;  // bytes; the app itself ends far earlier

enum class InstanceList { unknown, queued, possible_duplicates, listed, stranded };
std::string_view to_string(InstanceList);  // as on the command line: "possible-duplicates"
std::optional<InstanceList> instance_list_named(std::string_view word);
// What to ask the ledger for; for `stranded` the starts that may be there too.
ledger::StartList start_list_of(InstanceList);

// RFC 3339 with its offset from UTC, which a time that decides about starts may not leave open.
std::optional<ledger::WallTime> parse_sync_time(std::string_view text);
inline constexpr std::string_view sync_time_rule =
    "must be a time with its offset from UTC, such as 2026-11-23T16:00:00Z, as the storage account "
    "shows it";

struct InstanceRow {
  std::string id;            // empty: it has none, its number names it
  std::uint64_t number = 0;  // of the start in the ledger; 0: it is not there
  std::string function;
  std::vector<std::string> tried;  // endpoints, in order
  std::string at;                  // whose hub has it, if known
  std::string state;
  std::string told;  // what its client was told; empty: nothing is known of that
  ledger::WallTime since{};
  std::string why;  // it is in this list
  bool can_resubmit = false, can_forget = false;
  bool possible_duplicate = false, duplicate_found = false, resubmitted = false;
};

struct InstancesReport {
  InstanceList list = InstanceList::unknown;
  ledger::WallTime now{};
  std::string source;  // empty: the running proxy; else the path of the ledger file
  std::vector<InstanceRow> rows;
  bool more = false;  // than what was asked for
  std::vector<std::string> notes;
};

using EndpointNames = std::function<std::string(ledger::Place)>;
InstanceRow row_of(const ledger::StartLine&, const EndpointNames&);
// One that lives in the hub of `endpoint`, from the instance directory.
InstanceRow row_of(std::string_view key, const ledger::Instance&, std::string_view endpoint,
                   std::string why);

// Oldest first, each instance once, and at most `most` of them.
void keep_oldest(InstancesReport&, std::size_t most);

nlohmann::ordered_json instances_json(const InstancesReport&);
// Of what instances_json() made, so that a terminal shows what any client of the API gets.
std::string instances_text(const nlohmann::ordered_json&, bool colours);

}  // namespace app
