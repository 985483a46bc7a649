// What is known about one orchestration instance or entity: which endpoint's hub holds it and what
// its last seen status was. Pure values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ledger {

// The numbers are written to disk: add at the end, never renumber.
enum class LastStatus : std::uint8_t {
  unknown = 0,
  pending = 1,
  running = 2,
  suspended = 3,
  continued_as_new = 4,
  completed = 5,
  failed = 6,
  canceled = 7,
  terminated = 8,
};
bool is_final(LastStatus);
// The Durable Functions word ("Running"), empty for unknown; and back, in any letter case.
std::string_view runtime_status(LastStatus);
LastStatus status_of_word(std::string_view runtime_status);

// An endpoint's name as a small number that stays the same as long as the process lives. Names are
// what survives a restart and a reload; EndpointIds are not.
using Place = std::uint16_t;
inline constexpr Place no_place = 0xffff;

struct Instance {
  Place place = no_place;
  LastStatus status = LastStatus::unknown;
  bool provisional = false;     // chosen by place_if_absent, not yet seen in a hub
  std::string function;         // empty: unknown
  std::int64_t created_ms = 0;  // the hub's times, ms since the epoch; 0: unknown
  std::int64_t updated_ms = 0;
  std::int64_t seen_ms = 0;  // our time of the last fact
  // created_ms of the run that this one took the id of, while its own is not known; kept by the
  // directory alone.
  std::int64_t replaced_ms = 0;
  std::uint64_t credential = 0;  // InstanceDirectory::credential_of one accepted for it; 0: none
  bool operator==(const Instance&) const = default;
};

// Brings `known` up to date with a later answer of a hub; ids are reused and answers overtake each
// other, so a fact about an older run, or an older status of the same run, changes nothing but
// `seen_ms`. True when the fact was taken.
bool take_fact(Instance& known, const Instance& fact);

// The directory's keys, from ids as durable::canonical_id gives them. An entity's own instance id
// ("@Counter@total") and the entity by name and key are the same key, its name in lower case.
std::string directory_key_of_instance(std::string_view id);
std::string directory_key_of_entity(std::string_view name, std::string_view key);

}  // namespace ledger
