#include "durable/hub_claim.hpp"

#include <map>
#include <utility>

namespace durable {
namespace {

using Hubs = HubClaim::Hubs;
using Kind = HubSample::Kind;
using Verdict = HubClaim::Verdict;

struct Pair {
  std::string first, second;
  Hubs hubs = Hubs::unknown;
  bool at_odds = false;  // the two directions say opposite things
  std::string reason;    // of unknown
};

Hubs hubs_of(Kind kind) {
  if (kind == Kind::same) return Hubs::shared;
  if (kind == Kind::different || kind == Kind::absent) return Hubs::separate;
  return Hubs::unknown;
}

std::string reason_of(const HubSample& sample) {
  switch (sample.kind) {
    case Kind::empty:
      return sample.holder + " lists no instance to ask for";
    case Kind::gone:
      return "the instance that " + sample.holder + " listed was gone a moment later";
    case Kind::trouble:
      return sample.reason;
    case Kind::same:
    case Kind::different:
    case Kind::absent:
      break;
  }
  return "";
}

// Both directions of each two endpoints together.
std::vector<Pair> pairs_of(const std::vector<HubSample>& samples) {
  std::map<std::pair<std::string, std::string>, std::size_t> place;
  std::vector<Pair> pairs;
  for (const HubSample& sample : samples) {
    const bool turned = place.contains({sample.other, sample.holder});
    const auto key =
        turned ? std::pair{sample.other, sample.holder} : std::pair{sample.holder, sample.other};
    const auto [found, fresh] = place.try_emplace(key, pairs.size());
    if (fresh) pairs.push_back({key.first, key.second, Hubs::unknown, false, ""});
    Pair& pair = pairs[found->second];
    const Hubs hubs = hubs_of(sample.kind);
    if (hubs == Hubs::unknown) {
      // Trouble says more than "nothing is listed".
      if (pair.reason.empty() || sample.kind == Kind::trouble) pair.reason = reason_of(sample);
    } else {
      pair.at_odds = pair.at_odds || (pair.hubs != Hubs::unknown && pair.hubs != hubs);
      pair.hubs = hubs;
    }
  }
  for (Pair& pair : pairs) {
    if (!pair.at_odds) continue;
    pair.hubs = Hubs::unknown;
    pair.reason = pair.first + " and " + pair.second + " contradict each other";
  }
  return pairs;
}

std::string_view claim_text(config::TaskHub claimed) {
  switch (claimed) {
    case config::TaskHub::shared:
      return "shared";
    case config::TaskHub::per_region:
      return "per_region";
    case config::TaskHub::geo_replicated:
      return "geo_replicated";
    case config::TaskHub::none:
      break;
  }
  return "";
}

std::string contradiction_text(const Pair& pair, config::TaskHub claimed) {
  const std::string both = pair.first + " and " + pair.second;
  std::string text = "durable.task_hub is \"" + std::string{claim_text(claimed)} + "\", but ";
  if (pair.hubs == Hubs::shared)
    return text + both + " know the same instance: they share one hub. Set \"shared\", or give " +
           "each app a hub of its own";
  return text + "an instance of one of " + both + " is not known to the other: their hubs are " +
         "separate. Set \"per_region\", or give both apps the same storage and hubName";
}

}  // namespace

HubSample::Kind compare_instances(const StatusAnswer& listed, const StatusAnswer& elsewhere) {
  if (!listed.created_time || !elsewhere.created_time) return Kind::trouble;
  const bool same =
      *listed.created_time == *elsewhere.created_time && listed.name == elsewhere.name;
  return same ? Kind::same : Kind::different;
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::contradiction:
      return "contradiction";
    case Verdict::cannot_tell:
      break;
  }
  return "cannot_tell";
}

std::string_view to_string(Hubs hubs) {
  switch (hubs) {
    case Hubs::shared:
      return "shared";
    case Hubs::separate:
      return "separate";
    case Hubs::unknown:
      break;
  }
  return "unknown";
}

HubClaim judge_hub_claim(config::TaskHub claimed, const std::vector<HubSample>& samples) {
  const std::vector<Pair> pairs = pairs_of(samples);
  HubClaim claim;
  if (pairs.empty()) {
    claim.message = "there are no two endpoints to compare";
    return claim;
  }
  const Hubs expected = claimed == config::TaskHub::per_region ? Hubs::separate : Hubs::shared;
  const Pair* open = nullptr;
  for (const Pair& pair : pairs) {
    if (pair.hubs == Hubs::unknown) {
      if (open == nullptr) open = &pair;
    } else if (claimed != config::TaskHub::none && pair.hubs != expected) {
      return {Verdict::contradiction, pair.hubs, contradiction_text(pair, claimed)};
    }
  }
  if (open != nullptr) {
    claim.message = open->reason;
    return claim;
  }
  claim.hubs = pairs.front().hubs;
  for (const Pair& pair : pairs)
    if (pair.hubs != claim.hubs) claim.hubs = Hubs::unknown;  // some share, some do not
  if (claimed == config::TaskHub::none) {
    claim.message = "durable.task_hub is not set; the hubs look ";
    claim.message += claim.hubs == Hubs::unknown ? "mixed" : to_string(claim.hubs);
    return claim;
  }
  claim.verdict = Verdict::ok;
  claim.message = expected == Hubs::shared ? "one hub, shared" : "a hub per region";
  return claim;
}

}  // namespace durable
