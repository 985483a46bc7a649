// Whether `durable.task_hub` says the truth, judged from one id of each endpoint asked of the
// others. Pure; the asking is desk/hub_desk.hpp. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "durable/status_answer.hpp"

namespace durable {

// What became of the question: "is an instance that `holder` lists also known at `other`?"
struct HubSample {
  enum class Kind {
    empty,      // the holder lists nothing: there was no id to ask for
    same,       // the other one has this very instance
    different,  // the other one has an instance of that id, created at another time
    absent,     // the other one does not know it, and the holder still does
    gone,       // the holder itself does not know it any more: purged meanwhile
    trouble,    // one of the two could not be asked: `reason`
  };
  std::string holder, other;  // endpoint names
  Kind kind = Kind::trouble;
  std::string reason;
};

HubSample::Kind compare_instances(const StatusAnswer& listed, const StatusAnswer& elsewhere);

struct HubClaim {
  enum class Verdict { ok, contradiction, cannot_tell };
  enum class Hubs { unknown, shared, separate };
  Verdict verdict = Verdict::cannot_tell;
  Hubs hubs = Hubs::unknown;  // what was seen
  std::string message;        // one sentence that names endpoints, never an instance
};
std::string_view to_string(HubClaim::Verdict);  // ok, contradiction, cannot_tell
std::string_view to_string(HubClaim::Hubs);     // unknown, shared, separate

HubClaim judge_hub_claim(config::TaskHub claimed, const std::vector<HubSample>& samples);

}  // namespace durable
