// The task hubs of one storage account, in one SQLite file (WAL). A call is one transaction, so
// that a start, a checkpoint or a takeover happened or did not, whatever is killed when.
// `synchronous` is NORMAL: what was committed survives the death of the process; only a power cut
// could take the last moments, and no rehearsal cuts the power. While another process holds the
// file's lock, reads go on and writes fail after a short wait, because all others wait behind one.
// Owned by the storage process, used on its one thread. Time is an argument. Throws
// std::runtime_error when the file cannot be read or written.
//
// A turn of an orchestrator takes no time in the stand-in, so an app that runs one does not carry
// it home: the turn happens in the app's name inside the exchange that asked for it, and needs no
// lease of its own. Activities take time, and are handed out under a lease.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/sqlite.hpp"
#include "rehearsal/app_lease_store.hpp"
#include "rehearsal/entity_store.hpp"
#include "rehearsal/instance.hpp"
#include "rehearsal/run_journal.hpp"

namespace rehearsal {

enum class Control {
  accepted,
  not_found,
  finished,  // nothing left to act on: 410
  wrong_state,
};

class HubStore {
 public:
  // "" journals beside the file, in FILE.runs.
  explicit HubStore(const std::string& file, const std::string& journal_file = {});

  EntityStore& entities() { return entities_; }
  AppLeaseStore& app_leases() { return app_leases_; }
  RunJournal& journal() { return journal_; }
  ledger::Database& database() { return db_; }  // for whoever copies it

  // The file as on a disk that takes no more writes: they throw SQLite's own error, reads go on.
  void set_read_only(bool on);

  // A hub comes into being with the first call that names it, as in the real thing.
  void ensure_hub(std::string_view hub, WallTime now);
  std::vector<HubSummary> hubs();

  // A live instance of that id refuses the start and its status is returned; a finished one is
  // silently replaced, as the Durable extension does by default. nullopt: created.
  std::optional<RuntimeStatus> create(std::string_view hub, const NewInstance&, WallTime now);

  std::optional<Instance> get(std::string_view hub, std::string_view id);
  std::vector<HistoryEvent> history(std::string_view hub, std::string_view id);
  Page list(std::string_view hub, const ListFilter&);

  Control terminate(std::string_view hub, std::string_view id, std::string_view reason,
                    WallTime now);
  Control suspend(std::string_view hub, std::string_view id, std::string_view reason, WallTime now);
  Control resume(std::string_view hub, std::string_view id, std::string_view reason, WallTime now);
  Control rewind(std::string_view hub, std::string_view id, std::string_view reason, WallTime now);
  Control raise_event(std::string_view hub, std::string_view id, std::string_view event,
                      std::string_view data, WallTime now);

  bool purge(std::string_view hub, std::string_view id);
  std::size_t purge(std::string_view hub, const ListFilter&);  // finished ones only

  // Records what an app's activities gave, renews their leases, runs the orchestrators and entities
  // that have something to do, if the app may, and hands out activities: the scheduled ones, and
  // those under a lease that has ended (their app is dead or frozen). A frozen app that thaws finds
  // its reports refused, for the epoch has moved on: what it did then was done twice.
  WorkAnswer exchange(std::string_view hub, const WorkReport&, WallTime now);

 private:
  struct Deal {  // of activities among the apps that ask for some
    std::int64_t apps = 1;
    std::int64_t rank = 0;
  };
  struct Run;  // an instance with what only its orchestrator sees

  std::optional<Run> load(std::string_view hub, std::string_view id);
  void insert(std::string_view hub, const NewInstance&, const Run* parent, int parent_step,
              WallTime now);
  void add_history(std::string_view hub, std::string_view id, const HistoryEvent&, int step = 0);
  void set_status(std::string_view hub, const Run&, RuntimeStatus, WallTime now);
  void forget(std::string_view hub, const Run&);
  void rewind(std::string_view hub, const Run&, std::string_view reason, WallTime now);

  bool record(std::string_view hub, const WorkReport&, const ActivityReport&, WallTime now);
  bool renew(std::string_view hub, const WorkReport&, const ActivityLease&, WallTime now);
  bool run_turns(std::string_view hub, const WorkReport&, WallTime now);
  void run_turn(std::string_view hub, Run&, const WorkReport&, WallTime now);
  // False: the step waits for something. A step that fails sets the run's failure.
  bool take_step(std::string_view hub, Run&, const std::string& app, WallTime now);
  void schedule(std::string_view hub, const Run&, const Step&, WallTime now);
  bool await_timer(std::string_view hub, Run&, const Step&, const std::string& app, WallTime now);
  bool await_event(std::string_view hub, const Run&, const Step&);
  void await_child(std::string_view hub, Run&, const Step&, WallTime now);
  void save(std::string_view hub, const Run&, bool ready, WallTime now);
  void finish(std::string_view hub, const Run&, RuntimeStatus, const std::string& output,
              std::string_view app, WallTime now);
  void tell_parent(std::string_view hub, const Run&, RuntimeStatus, const std::string& output,
                   WallTime now);
  std::string results(std::string_view hub, std::string_view id);
  Deal deal(std::string_view hub, const std::string& app, WallTime now);
  void claim(std::string_view hub, const WorkReport&, WallTime now, WorkAnswer&);

  ledger::Database db_;
  EntityStore entities_{db_};
  AppLeaseStore app_leases_{db_};
  RunJournal journal_{db_};
  bool read_only_ = false;
  std::set<std::string, std::less<>> known_hubs_;
  std::map<std::string, std::map<std::string, WallTime>> consumers_;  // by hub: when it last asked
};

}  // namespace rehearsal
