#include "ledger/evidence.hpp"

#include <algorithm>
#include <cctype>

namespace ledger {
namespace {

using namespace std::chrono_literals;

// What App Service's front end may keep a request for, and some.
constexpr config::Millis gateway_patience = 240s;
constexpr config::Millis direct_patience = 5s;

bool contains_any_case(std::string_view text, std::string_view wanted) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  return std::search(text.begin(), text.end(), wanted.begin(), wanted.end(), same) != text.end();
}

bool is_refusal(int status) {
  switch (status) {
    case 400:
    case 401:
    case 403:
    case 404:
    case 405:
    case 413:
    case 415:
    case 429:
      return true;
    default:
      return false;
  }
}

Judgement judge_answer(const AttemptReport& report) {
  if (report.proves_not_run) return {Proof::never_ran, ConnectionEnd::by_peer, false};
  if (report.status >= 200 && report.status < 300)
    return {Proof::ran, ConnectionEnd::by_peer, false};
  if (report.says_exists) return {Proof::exists, ConnectionEnd::by_peer, false};
  if (report.status == 401 && report.our_key)
    return {Proof::never_ran, ConnectionEnd::by_peer, true};
  if (is_refusal(report.status)) return {Proof::refused, ConnectionEnd::by_peer, false};
  return {Proof::unknown, ConnectionEnd::by_peer, false};
}

}  // namespace

std::string_view to_string(Proof proof) {
  switch (proof) {
    case Proof::never_ran:
      return "never_ran";
    case Proof::ran:
      return "ran";
    case Proof::refused:
      return "refused";
    case Proof::exists:
      return "exists";
    case Proof::unknown:
      break;
  }
  return "unknown";
}

std::string_view to_string(AttemptEnding ending) {
  switch (ending) {
    case AttemptEnding::connect_failed:
      return "connect_failed";
    case AttemptEnding::tls_failed:
      return "tls_failed";
    case AttemptEnding::nothing_sent:
      return "nothing_sent";
    case AttemptEnding::answered:
      return "answered";
    case AttemptEnding::peer_closed:
      return "peer_closed";
    case AttemptEnding::peer_reset:
      return "peer_reset";
    case AttemptEnding::timed_out:
      return "timed_out";
    case AttemptEnding::closed_by_us:
      break;
  }
  return "closed_by_us";
}

std::string_view to_string(LookResult result) {
  switch (result) {
    case LookResult::found:
      return "found";
    case LookResult::absent:
      return "absent";
    case LookResult::unanswered:
      break;
  }
  return "unanswered";
}

std::string_view to_string(Identity identity) {
  switch (identity) {
    case Identity::ours:
      return "ours";
    case Identity::older:
      return "older";
    case Identity::unclear:
      break;
  }
  return "unclear";
}

Judgement judge_attempt(const AttemptReport& report) {
  switch (report.ending) {
    case AttemptEnding::connect_failed:
    case AttemptEnding::tls_failed:
      return {Proof::never_ran, ConnectionEnd::by_peer, false};
    case AttemptEnding::nothing_sent:  // whoever ended it
      return {Proof::never_ran, ConnectionEnd::by_us, false};
    case AttemptEnding::answered:
      return judge_answer(report);
    case AttemptEnding::peer_closed:
    case AttemptEnding::peer_reset:
      return {Proof::unknown, ConnectionEnd::by_peer, false};
    case AttemptEnding::timed_out:
    case AttemptEnding::closed_by_us:
      break;
  }
  return {Proof::unknown, ConnectionEnd::by_us, false};
}

bool says_already_exists(int status, std::string_view body) {
  if (status == 409) return true;
  return status == 500 && contains_any_case(body, "Orchestration instance with the status") &&
         contains_any_case(body, "already exists");
}

Look judge_look(int status, std::string_view body) {
  // A body makes it the 404 of a host or front end that does not know the route.
  if (status == 404 && body.empty()) return {LookResult::absent, std::nullopt};
  if (status != 200 && status != 202) return {};
  const auto answer = durable::parse_status_answer(body);
  if (!answer) return {};
  return {LookResult::found, answer->created_time};
}

Identity identify(const StartEntry& entry, Place hub_seen_at, std::optional<WallTime> created,
                  config::Millis clock_skew) {
  // Nobody else can have started an id that we made up, whatever the clocks say.
  if (entry.origin == IdOrigin::assigned) return Identity::ours;
  const bool comparable = entry.earlier_created &&
                          (entry.earlier_place == no_place || entry.earlier_place == hub_seen_at);
  if (created && comparable) {
    if (*created > *entry.earlier_created) return Identity::ours;
    // The same second: the earlier run, unless ours may have been created in it too.
    if (*created < *entry.earlier_created || *created + 999ms < entry.arrived - clock_skew)
      return Identity::older;
    return Identity::unclear;
  }
  const Identity unclear = entry.id_seen_before ? Identity::unclear : Identity::ours;
  if (!created || entry.clock_doubt) return unclear;
  if (*created >= entry.arrived) return Identity::ours;
  // Hubs cut the fraction off: 12:00:07 may have been 12:00:07.999.
  const bool whole_second = created->time_since_epoch() % 1s == 0ms;
  const WallTime latest = whole_second ? *created + 999ms : *created;
  return latest < entry.arrived - clock_skew ? Identity::older : unclear;
}

config::Millis settle_after(const config::Ledger& ledger, config::Peer peer) {
  return ledger.settle_after.value_or(peer == config::Peer::direct ? direct_patience
                                                                   : gateway_patience);
}

config::Millis settle_after_own_end(const config::Ledger& ledger) {
  return ledger.settle_after.value_or(gateway_patience);
}

}  // namespace ledger
