// A storage account: its task hubs, their asynchronous replica in another region, and what becomes
// of both in an account failover. Replication copies the account every so often, and not at all
// while the account is out of order. The Last Sync Time is when the last complete copy was begun:
// all writes until then are in it, and some of those during it.
//
//   planned     both regions are there: replication is brought up to date, nothing is lost, and the
//               account stays geo-redundant
//   unplanned   what came after the Last Sync Time is gone; the account is locally redundant
//               afterwards, until replication is configured again. An outage ends with it.
//
// Until a failover is through, calls are answered 503. Owned by storage_main or a test, one thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "rehearsal/hub_store.hpp"
#include "rehearsal/replica.hpp"
#include "rehearsal/storage_faults.hpp"

namespace rehearsal {

class StorageAccount {
 public:
  // "" journals beside the file, see HubStore.
  StorageAccount(boost::asio::any_io_executor executor, std::string file, std::string journal,
                 StorageFaults& faults);
  ~StorageAccount();
  StorageAccount(const StorageAccount&) = delete;
  StorageAccount& operator=(const StorageAccount&) = delete;

  HubStore& hubs() { return *hubs_; }
  bool is_lost() const { return !hubs_; }  // by a failover that broke half-way
  int failovers() const { return state_.failovers; }
  // Why a call that came when there had been so many failovers is not served; "" it is.
  std::string away(int failovers_then) const;

  // From now on. Throws when the replica's file is there and something else.
  void replicate(Replication replication);

  //   GET  /_control/replica        Last Sync Time, the state of replication, the last failover
  //   POST /_control/replication?every={15s|off}[&skew=2s]
  //   POST /_control/failover?kind={planned|unplanned}[&takes=2s]
  //                                 answers when it is through; 409: not now
  // Nullopt: something else.
  boost::asio::awaitable<std::optional<transport::ServerResponse>> command(
      const transport::ServerRequest& request);

 private:
  using Response = transport::ServerResponse;
  // A coroutine that waits asks afterwards whether it is still its turn, or its account's end.
  struct Turn {
    Turn(std::shared_ptr<int> current_in, int own_in)
        : current{std::move(current_in)}, own{own_in} {}
    std::shared_ptr<int> current;
    int own;
    bool over() const { return *current != own; }
  };

  Turn next_turn();
  void start_replicating();
  boost::asio::awaitable<void> replicate_on(Turn turn);
  boost::asio::awaitable<void> copy(Turn turn, std::chrono::milliseconds skew);
  boost::asio::awaitable<void> copy_steps(Turn turn, std::chrono::milliseconds skew);
  Response configure(std::string_view query);
  boost::asio::awaitable<Response> failover(std::string query);
  Response switch_over(bool planned);
  void serve_replica();

  boost::asio::any_io_executor executor_;
  const std::string file_, journal_;
  StorageFaults& faults_;
  std::unique_ptr<HubStore> hubs_;
  std::shared_ptr<int> turn_ = std::make_shared<int>(0);
  std::unique_ptr<ReplicaCopy> copy_;
  ReplicaState state_;
};

std::optional<std::chrono::milliseconds> parse_skew(std::string_view text);  // also "-2s"

}  // namespace rehearsal
