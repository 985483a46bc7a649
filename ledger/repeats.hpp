// What to do with a start that repeats an earlier one, by its Idempotency-Key or by its own id, and
// with an id that already lives in another region's hub. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "ledger/start_entry.hpp"

namespace ledger {

enum class Repeat {
  fresh,          // an entry of its own
  join,           // waits for, and gets, the answer of the open one
  stored_answer,  // of the settled one; nothing is forwarded
  other_body,     // 422: the key was used for something else
  id_in_use,      // 409: the id's open start has another body
};
std::string_view to_string(Repeat);

struct NewStart {
  std::string_view id;  // empty: the client gave none
  std::string_view function;
  Sha256 body_hash{};
  bool body_hashed = true;  // false: too long to be read first, so it equals nothing
};

// `by_key`: the entry with the same key scope, `by_id`: the latest entry of the same id. Each may
// be null. A key is asked first: it says more than an id.
Repeat judge_repeat(const NewStart&, const StartEntry* by_key, const StartEntry* by_id);

// An id that the directory places in a hub other than the one that routing chose.
enum class Elsewhere {
  start,   // nothing is in the way
  ask,     // ask that hub, then come again with what it said
  refuse,  // 409 that names the region
};
std::string_view to_string(Elsewhere);

enum class HubSays { not_asked, cannot_be_asked, absent, finished, alive };
std::string_view to_string(HubSays);

Elsewhere judge_elsewhere(config::SameIdElsewhere, config::TaskHub, Place chosen,
                          const std::optional<Instance>& known, HubSays);

}  // namespace ledger
