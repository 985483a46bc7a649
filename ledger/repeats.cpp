#include "ledger/repeats.hpp"

namespace ledger {
namespace {

bool same_work(const NewStart& start, const StartEntry& entry) {
  return start.body_hashed && start.body_hash == entry.body_hash &&
         start.function == entry.function;
}

bool same_id(const NewStart& start, const StartEntry& entry) {
  return start.id == (entry.origin == IdOrigin::client ? std::string_view{entry.id} : "");
}

// It is certain that nothing ran, so starting afresh is what a repeat is for.
bool came_to_nothing(const StartEntry& entry) {
  if (entry.listed == Listed::may_have_run) return false;
  return entry.settlement == Settlement::refused || entry.settlement == Settlement::not_run ||
         entry.settlement == Settlement::waited_out || entry.settlement == Settlement::forgotten;
}

}  // namespace

std::string_view to_string(Repeat repeat) {
  switch (repeat) {
    case Repeat::fresh:
      return "fresh";
    case Repeat::join:
      return "join";
    case Repeat::stored_answer:
      return "stored_answer";
    case Repeat::other_body:
      return "other_body";
    case Repeat::id_in_use:
      break;
  }
  return "id_in_use";
}

std::string_view to_string(Elsewhere elsewhere) {
  switch (elsewhere) {
    case Elsewhere::start:
      return "start";
    case Elsewhere::ask:
      return "ask";
    case Elsewhere::refuse:
      break;
  }
  return "refuse";
}

std::string_view to_string(HubSays says) {
  switch (says) {
    case HubSays::not_asked:
      return "not_asked";
    case HubSays::cannot_be_asked:
      return "cannot_be_asked";
    case HubSays::absent:
      return "absent";
    case HubSays::finished:
      return "finished";
    case HubSays::alive:
      break;
  }
  return "alive";
}

Repeat judge_repeat(const NewStart& start, const StartEntry* by_key, const StartEntry* by_id) {
  if (by_key != nullptr && !came_to_nothing(*by_key)) {
    if (!same_work(start, *by_key) || !same_id(start, *by_key)) return Repeat::other_body;
    return is_open(*by_key) ? Repeat::join : Repeat::stored_answer;
  }
  // A finished id may be started again: that is how singletons are built.
  if (by_id == nullptr || !is_open(*by_id)) return Repeat::fresh;
  return same_work(start, *by_id) ? Repeat::join : Repeat::id_in_use;
}

Elsewhere judge_elsewhere(config::SameIdElsewhere policy, config::TaskHub hub, Place chosen,
                          const std::optional<Instance>& known, HubSays says) {
  if (policy == config::SameIdElsewhere::start || hub != config::TaskHub::per_region)
    return Elsewhere::start;
  if (!known || known->provisional || known->place == no_place || known->place == chosen)
    return Elsewhere::start;
  switch (says) {
    case HubSays::not_asked:
      return Elsewhere::ask;
    case HubSays::cannot_be_asked:
      return is_final(known->status) ? Elsewhere::start : Elsewhere::refuse;
    case HubSays::absent:
    case HubSays::finished:
      return Elsewhere::start;
    case HubSays::alive:
      break;
  }
  return Elsewhere::refuse;
}

}  // namespace ledger
