// What a request about an instance, an entity or a list needs beyond a plain one: where the
// directory says it is, and an inquiry at the desk that it waits for. Made only for such requests;
// owned by their Exchange, worker thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "desk/hub_desk.hpp"
#include "durable/status_answer.hpp"
#include "ledger/instance_directory.hpp"
#include "ledger/start_ledger.hpp"

namespace proxy {

class ClientConnection;

// A question to the desk. The desk's thread fills it in and posts it to the worker; the request may
// be gone by then, and says so by `owner`, which belongs to the worker.
struct Inquiry {
  ClientConnection* owner = nullptr;
  bool done = false;
  desk::SharedPicture picture;                // what the result's indexes mean
  desk::Found found;                          // of a look-up
  desk::Answer answer;                        // of a list or a purge
  ledger::WaitingReply waiting;               // of the ledger
  std::vector<ledger::WaitingReply> to_list;  // likewise

  void arrive();  // on the worker's thread
};

std::int64_t wall_ms();  // the directory's clock
ledger::Instance fact_of(const durable::StatusAnswer& answer);

struct DurableCall {
  std::string key;  // in the directory
  std::optional<ledger::Instance> known;
  std::shared_ptr<Inquiry> inquiry;
  bool merged = false;  // the inquiry is a list or a purge over all regions
  enum class Of : std::uint8_t { desk, ledger, ledger_list } inquiry_of = Of::desk;
  bool looked_up = false;  // once is enough: what the desk says then counts
  bool fixed = false;      // the instance lives at this endpoint, no other can answer
  // Raw credential of the client, hashed: an away answer is given only to who was let in before.
  std::uint64_t credential = 0;

  ~DurableCall() {
    if (inquiry) inquiry->owner = nullptr;
  }
  DurableCall() = default;
  DurableCall(const DurableCall&) = delete;
  DurableCall& operator=(const DurableCall&) = delete;
};

}  // namespace proxy
