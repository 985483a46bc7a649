// What the start ledger asks of the endpoints, asked through the desk. Look-ups go to the desk that
// the workers use too, so that a poll and the ledger share an answer; replays have a desk of their
// own, because one that waits for a hanging app holds its place for minutes. Owned by the App,
// which tells it where the endpoints are with every snapshot; every other function is for any
// thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "desk/hub_desk.hpp"
#include "ledger/start_ledger.hpp"
#include "routing/published.hpp"

namespace app {

// The published snapshot as the ledger's questions need it.
struct HubView {
  desk::SharedPicture picture;
  std::vector<ledger::Place> places;  // beside the picture
  config::Millis first_byte{};        // how long a replay may wait for its answer
};

class LedgerHub final : public ledger::HubAccess {
 public:
  explicit LedgerHub(desk::HubDesk& look_ups);  // outlives this

  void publish(HubView view);  // control thread
  // After this every callback was called, and none comes any more but from inside the call itself.
  // The desk of the look-ups is its owner's to stop.
  void stop();

  void look_up(ledger::Place place, const std::string& id,
               std::function<void(ledger::Look)> done) override;
  void send(ledger::SendJob job, std::function<void(ledger::SendResult)> done) override;
  void terminate(ledger::Place place, const std::string& id,
                 std::function<void(bool)> done) override;
  void ask_hub(ledger::Place place, const std::string& id,
               std::function<void(ledger::HubSays)> done) override;

  desk::DeskCounts sending() const { return replays_.counts(); }

 private:
  // `done` gets nothing when no endpoint of the configuration has this place.
  void ask(ledger::Place place, const std::string& id,
           std::function<void(std::optional<desk::Found>, std::size_t endpoint)> done);

  desk::HubDesk& look_ups_;
  desk::HubDesk replays_;
  routing::Published<HubView> view_;
};

// What the desk's answers mean to the ledger: pure.
ledger::Look look_of(const desk::Found& found, std::size_t endpoint);
ledger::HubSays hub_says(const desk::Found& found, std::size_t endpoint);
ledger::AttemptReport report_of(const desk::StartResult& result);
// What is worth keeping of it for those who ask later. Nothing of an acceptance: its URLs carry our
// key, and whoever is told of it gets URLs of the proxy's own making.
std::shared_ptr<const ledger::StoredAnswer> answer_to_keep(const desk::StartResult& result,
                                                           const config::Secret& key);

}  // namespace app
