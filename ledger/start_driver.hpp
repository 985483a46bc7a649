// The inside of the start ledger, all of it on the writer's thread: a turn takes the messages and
// what is due, applies the rule, carries out its effects up to a Commit, and names the entries to
// be written; written() goes on behind the Commit. While an entry's commit is under way its events
// wait in its record.
//   start_driver.cpp    turns, events, timers
//   start_writing.cpp   groups for the writer, and what follows
//   start_effects.cpp   what the rule says becomes calls; what settled ones leave behind
//   start_hub.cpp       look-ups, replays and terminates, a bounded number at a time
//   start_arrival.cpp   admission, repeats, ids, new entries
//   start_asking.cpp    polls and lists of what waits
//   start_operators.cpp lists, resubmit, forget
//   start_failover.cpp  the search after a storage failover
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "ledger/start_agenda.hpp"
#include "ledger/start_book.hpp"
#include "ledger/start_ledger.hpp"
#include "ledger/start_mailbox.hpp"
#include "ledger/writer_guest.hpp"

namespace ledger {

// What the last publish left for the workers' threads.
struct KeptConnections {
  std::atomic<std::size_t> count{0};
  std::atomic<std::size_t> most{1024};
};

class StartDriver : public WriterGuest {
 public:
  StartDriver(InstanceDirectory&, HubAccess&, StartLedger::Options, std::shared_ptr<StartMailbox>,
              KeptConnections&);
  ~StartDriver() override;

  // WriterGuest.
  void opened(Store&) override;
  void turn(Store*, GuestWrites&) override;
  void written(bool ok, const std::string& why, std::chrono::nanoseconds took) override;
  std::optional<std::chrono::steady_clock::time_point> next_turn() override;
  bool trim(Store&) override;

  // Messages.
  void publish(std::shared_ptr<const LedgerPicture>);
  void clock_stepped(config::Millis by);
  void stop();
  void arrive(StartRequest, std::shared_ptr<StartClient>);
  void attempt_ended(std::uint64_t number, std::size_t attempt, const AttemptReport&,
                     bool live_resendable, const std::shared_ptr<const StoredAnswer>&);
  void client_left(const StartClient*);
  void ask(WaitingAction, const std::string& id, std::optional<std::uint64_t> only_for,
           std::function<void(WaitingReply)> done);
  void list_waiting(std::size_t most, const std::function<void(std::vector<WaitingReply>)>& done);
  void list(StartList, std::size_t most, const std::function<void(std::vector<StartLine>)>& done);
  OperatorResult resubmit(const std::string& id, const std::string& who);
  OperatorResult forget(const std::string& id, const std::string& who);
  void storage_failed_over(WallTime last_sync, const std::string& who,
                           std::function<void(OperatorResult)> done);

  // Any thread.
  const StartBook& book() const { return book_; }
  bool knows_the_past() const { return knows_the_past_.load(std::memory_order_relaxed); }
  StartLedgerStatus status() const;
  void wait_until_stopped();
  void wait_until_loaded(config::Millis most);

 private:
  // At one endpoint: what is out, and what waits for room, by number of the start.
  struct Lane {
    struct Look {
      std::uint64_t number = 0, token = 0;
    };
    std::size_t looks_out = 0, sends_out = 0;
    std::size_t sends_promised = 0;  // being committed, waiting or out
    std::deque<Look> looks;
    std::set<std::pair<std::uint64_t, std::size_t>> sends;  // number, attempt
  };
  // Starts of one id that wait for what another region's hub says.
  struct Asking {
    struct Arrival {
      StartRequest request;
      std::shared_ptr<StartClient> client;
    };
    std::vector<Arrival> arrivals;
    std::uint64_t token = 0;
    std::optional<StartAgenda::Id> until;
  };
  struct Failover;

  // Turns and writing.
  void take_messages();
  void run_due();
  void catch_up();  // with a disk that is there again, other processes, and the operator's wishes
  void take_over();
  void watch_from_now(StartEntry&) const;  // one that comes settled from the store
  void obey(const OperatorAction&);
  void trim_to_size();
  void collect(GuestWrites&);
  void hand_over(StartRecord&, GuestWrites&);
  void after_write(StartRecord&, bool ok);
  void note_commit(bool ok, std::chrono::nanoseconds took);
  void note_status();
  // A StoreError ends the store's use for this turn.
  void with_store(const std::function<void(Store&)>& work);

  // Events.
  Policy policy() const;
  void event(StartRecord&, Event);
  void event_now(StartRecord&, const Event&);
  void everyone(const Event&);
  void endpoints_changed();
  void probes_passed();
  void step(StartRecord&, const Event&);
  void drain(StartRecord&);
  void wake_at(StartRecord&, TimePoint);
  bool has_to_wait(const StartRecord&, const Event&);
  std::optional<Place> next_place() const;  // where a start from the entry would go
  bool has_room(Place);
  void pump();
  void hold(const StartRecord&);
  std::optional<std::uint64_t> take_held();
  void mark_dirty(StartRecord&);
  void leave(StartRecord&, const StartClient*);
  void make_room();  // in memory
  bool all_done() const;

  // Effects.
  void perform(StartRecord&, Effects&&, const Event*);
  void carry_out(StartRecord&, const Effect&, const Event*);
  void park(StartRecord&, Effects&& held);
  void tell(StartRecord&, const Answer&);
  void alert(const StartEntry&, AlertKind);
  void note_settled(StartRecord&, Settlement, const Event*);
  void learn(const StartEntry&);
  void drop_body(StartRecord&, config::Millis after);
  void tidy(StartRecord&);  // last: the record may be gone after it
  bool remember_run(StartRecord&);
  void answer_leftovers(StartRecord&);
  void forget_record(StartRecord&, bool on_disk_too);

  // Hubs.
  void look_up(StartRecord&, Place);
  void next_looks(Place);
  void look_timed_out(std::uint64_t number, std::uint64_t token, Place);
  void look_ended(std::uint64_t number, std::uint64_t token, Place, const Look&);
  void send(StartRecord&, const Send&);
  void next_sends(Place);
  void send_out(StartRecord&, std::size_t attempt, Place);
  void send_ended(std::uint64_t number, std::size_t attempt, Place, const SendResult&);
  void not_sent(StartRecord&, std::size_t attempt, Place, bool live);
  void promise_broken(const Effects& held);
  void terminate(StartRecord&, Place);
  void terminate_ended(std::uint64_t number, std::uint64_t token, bool delivered);
  const EndpointView* view(Place) const;

  // Arrivals.
  void admit(StartRequest, std::shared_ptr<StartClient>, HubSays);
  bool repeats(const StartRequest&, const std::shared_ptr<StartClient>&);
  void join(const StartEntry&, const std::shared_ptr<StartClient>&);
  void answer_again(const StartEntry&, StartClient&);
  bool is_elsewhere(StartRequest&, const std::shared_ptr<StartClient>&, HubSays);
  void elsewhere_said(const std::string& id, std::uint64_t token, HubSays);
  void begin(StartRequest&&, std::shared_ptr<StartClient>);
  void take_history(StartEntry&);
  std::uint64_t new_number();
  std::string new_id();

  // Those who ask.
  WaitingReply reply_of(const StartRecord&) const;
  void answer_askers(StartRecord&);
  void answer_askers_now(StartRecord&);
  StartRecord* only_one(const std::string& name, OperatorResult& why_not);
  void record_action(const std::string& who, const std::string& action, const std::string& text,
                     std::uint64_t number);
  void failover_next();
  bool failover_page();  // false: there is no more
  void failover_look(StartEntry&&, Place);
  void failover_looked(std::uint64_t sweep, std::uint64_t number, Place, const Look&);
  void failover_over();
  void lost(StartEntry&&);

  std::int64_t wall_ms() const { return now_.wall.time_since_epoch().count(); }

  InstanceDirectory& directory_;
  HubAccess& hub_;
  const StartLedger::Options options_;
  const std::shared_ptr<StartMailbox> mailbox_;
  KeptConnections& kept_;
  std::shared_ptr<const LedgerPicture> picture_;  // null: routing has not said anything yet
  Now now_;
  std::mt19937_64 random_;
  std::uint64_t last_us_ = 0, tag_ = 0, sequence_ = 0;

  StartBook book_;
  StartAgenda agenda_;
  std::map<Place, Lane> lanes_;
  std::set<std::uint64_t> held_, held_queue_;  // wait for room; of the queue, for their turn
  std::unordered_map<std::string, Asking> asking_;
  std::size_t arrivals_asking_ = 0;
  std::unordered_map<const StartClient*, std::uint64_t> waiting_;  // number; 0: asking
  std::unique_ptr<Failover> failover_;

  // Of the turn, and of the group that is being written.
  std::vector<StartMailbox::Message> messages_;
  Store* store_ = nullptr;
  std::optional<StoreError> store_error_;  // thrown when the turn is over
  bool disk_refuses_ = false;
  std::string disk_why_;
  std::vector<std::uint64_t> dirty_, group_;
  std::vector<std::uint64_t> removals_, removing_;
  std::vector<OperatorAction> actions_, recording_;
  std::size_t group_commits_ = 0;
  bool commits_wait_ = false;
  std::optional<TimePoint> write_by_;  // what nobody waits for
  TimePoint catch_up_at_{};
  std::optional<TimePoint> thawing_until_;
  bool endpoints_changed_ = false, probes_passed_ = false;
  bool nowhere_ = false;  // the rule is to see no endpoint: what it would begin has to wait
  bool disk_alarm_ = false;
  bool full_ = false;

  std::atomic<bool> knows_the_past_{false};
  bool stopping_ = false;
  StartLedgerStatus counts_;  // the thread's own; the copy is for others

  mutable std::mutex status_mutex_;
  StartLedgerStatus status_;
  std::condition_variable stopped_changed_;
  bool stopped_ = false;
  bool loaded_ = false;  // what an earlier process left open is known
};

}  // namespace ledger
