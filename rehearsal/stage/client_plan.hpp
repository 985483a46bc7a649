// What clients send, decided by a seed alone: the same seed gives the same requests. Pure.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "rehearsal/scenario/scenario.hpp"
#include "rehearsal/verdict/record.hpp"

namespace stage {

struct PlannedRequest {
  verdict::RequestKind kind = verdict::RequestKind::get;  // or start
  int client = 0;
  int number = 0;        // of a start, from 0
  std::string given_id;  // of a start whose client chooses it
  bool custom = false;   // by a starter function of the app
  std::string path;      // of either
  std::string body;
};

class ClientPlan {
 public:
  explicit ClientPlan(const scenario::Load& load) : load_{load}, random_{load.seed} {}
  PlannedRequest next();

 private:
  double chance() { return static_cast<double>(random_() >> 11) * 0x1.0p-53; }

  const scenario::Load& load_;
  std::mt19937_64 random_;
  int starts_ = 0;
};

// What a client was told about its start: fills `said`, `detail`, `id`, `unconfirmed` and the URLs
// that do not lead back to `origin`; answers with the URL to poll, "" when there is none.
std::string take_start_answer(int status, const std::string* outcome,
                              const std::string* retry_after, const std::string* location,
                              const std::string& body, const std::string& origin,
                              verdict::Start& start);

// The runtime status in the answer to a poll when it is a final one, else "".
std::string final_status(int status, const std::string& body);

// Whether a client that follows this URL comes back to `origin`; a relative one does.
bool leads_back(const std::string& url, const std::string& origin);

// URLs of a check-status payload or Location that do not lead back to `origin`.
void note_wrong_urls(const std::string* location, const std::string& body,
                     const std::string& origin, verdict::Start& start);

}  // namespace stage
