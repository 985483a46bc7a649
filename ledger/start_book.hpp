// Every start that the ledger keeps in memory, and the ways to find one: by number, by id, by
// Idempotency-Key. Counts them by state and says which ids are asked of the ledger before a hub.
// Belongs to the ledger's thread; `ids` and the counts may be read by any.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ledger/start_agenda.hpp"
#include "ledger/start_ids.hpp"
#include "ledger/start_ledger.hpp"

namespace ledger {

// queued: in doubt about nothing and on its way nowhere.
enum class StartState : std::uint8_t { queued, in_flight, unknown, settled };
StartState state_of(const StartEntry&);
// Told "queued", and its turn is still to come. A listed one waits for an operator, and nobody
// behind it.
inline bool waits_in_line(const StartEntry& entry) {
  return entry.told == Told::queued && entry.listed == Listed::no;
}
std::string_view state_word(const StartEntry&);

struct StartRecord {
  struct Waiter {
    std::shared_ptr<StartClient> client;
    bool first = false;
  };
  struct Asker {
    WaitingAction action = WaitingAction::poll;
    std::function<void(WaitingReply)> done;
  };

  StartEntry entry;
  std::vector<Waiter> waiters;
  std::shared_ptr<StartClient> first;  // for close(), also after its answer
  std::vector<Asker> askers;           // wait for a look-up
  std::optional<StartAgenda::Id> askers_until;
  std::vector<std::function<void(WaitingReply)>> terminators;
  std::shared_ptr<const StoredAnswer> last_answer;  // of an attempt
  std::uint64_t live = 0;                           // bit n: attempt n is its client's own

  // A commit is under way: what it holds back, and what came meanwhile.
  bool committing = false;
  bool busy = false;  // an event is being applied: the next one waits
  Effects held;
  std::vector<Event> deferred;
  bool dirty = false;  // memory and disk differ
  bool on_disk = false;
  bool maybe_on_disk = false;  // a commit whose sync failed may have been written all the same
  bool drop_body = false;

  std::optional<StartAgenda::Id> wake, forget_at;
  std::uint64_t look = 0, terminate = 0;  // which one is out
  std::optional<StartAgenda::Id> look_until, terminate_until;
  TimePoint asked{};

  // The book's.
  std::optional<StartState> counted;
  bool counted_listed = false, indexed = false, shown = false;
  std::optional<std::list<std::uint64_t>::iterator> place_among_settled;
};

class StartBook {
 public:
  static constexpr std::size_t most_settled = 100'000, most_beyond_help = 10'000;

  StartRecord& add(StartEntry&&);
  void remove(StartRecord&);
  // To be called after every change of its entry.
  void update(StartRecord&);

  StartRecord* find(std::uint64_t number);
  StartRecord* by_id(const std::string& id);  // the latest
  StartRecord* by_key(const std::string& scope);
  // For operators: by id or number, all that are meant by it.
  std::vector<StartRecord*> named(const std::string& id_or_number);

  const std::map<std::uint64_t, StartRecord*>& open() const { return open_; }
  // Told "queued" and not sent with success yet, nothing of it in doubt: they go out in this order.
  const std::set<std::uint64_t>& queue() const { return queue_; }
  // Open, in doubt, and nothing can ever tell: as-is starts, and those no key of ours can ask for.
  const std::set<std::uint64_t>& beyond_help() const { return beyond_help_; }
  const std::map<std::uint64_t, StartRecord*>& shown() const { return shown_; }
  std::vector<StartRecord*> all() const;                                // by number
  const std::list<std::uint64_t>& settled() const { return settled_; }  // in that order
  std::size_t count(StartState state) const { return counts_[static_cast<std::size_t>(state)]; }
  std::size_t listed() const { return listed_; }

  const StartIds& ids() const { return ids_; }
  std::size_t shown_count() const { return shown_count_.load(std::memory_order_relaxed); }

 private:
  void index(StartRecord&, bool present);

  std::unordered_map<std::uint64_t, std::unique_ptr<StartRecord>> records_;
  std::map<std::uint64_t, StartRecord*> open_, shown_;
  std::unordered_map<std::string, StartRecord*> by_id_, by_key_;
  std::list<std::uint64_t> settled_;
  std::set<std::uint64_t> queue_, beyond_help_;
  std::array<std::size_t, 4> counts_{};
  std::size_t listed_ = 0;
  StartIds ids_;
  std::atomic<std::size_t> shown_count_{0};
};

}  // namespace ledger
