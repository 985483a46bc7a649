// The task hubs of one storage account, in one SQLite file (WAL). A call is one transaction, so
// that a start, a checkpoint or a takeover happened or did not, whatever is killed when.
// `synchronous` is NORMAL: what was committed survives the death of the process; only a power cut
// could take the last moments, and no rehearsal cuts the power. Owned by the storage process, used
// on its one thread. Time is an argument. Throws std::runtime_error when the file cannot be read or
// written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rehearsal/instance.hpp"
#include "rehearsal/sqlite.hpp"

namespace rehearsal {

enum class Control {
  accepted,
  not_found,
  finished,  // nothing left to act on: 410
  wrong_state,
};

class HubStore {
 public:
  explicit HubStore(const std::string& file);

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

  // Records an app's progress, renews its leases and hands out work: what is Pending, and what is
  // Running under a lease that has ended (its app is dead or frozen). A frozen app that thaws finds
  // its reports refused, for the epoch of the lease has moved on.
  WorkAnswer exchange(std::string_view hub, const WorkReport&, WallTime now);

  std::vector<ActivityCount> activity_counts(std::string_view hub);

 private:
  void add_history(std::string_view hub, std::string_view id, std::string_view type,
                   std::string_view name, std::string_view result, std::string_view app,
                   WallTime now);
  Control act(std::string_view hub, std::string_view id, RuntimeStatus to, std::string_view event,
              std::string_view reason, WallTime now);
  void forget(std::string_view hub, std::string_view id);
  void finish(std::string_view hub, const Instance&, WallTime now);
  bool has_event(std::string_view hub, std::string_view id, std::string_view event);
  std::string results(std::string_view hub, std::string_view id);
  bool checkpoint(std::string_view hub, const WorkReport&, const StepReport&, WallTime now);
  bool renew(std::string_view hub, const WorkReport&, const Lease&, WallTime now);
  void claim(std::string_view hub, const WorkReport&, WallTime now, WorkAnswer&);
  void count(std::string_view hub, std::string_view app, int activities, int taken_over);

  Database db_;
};

}  // namespace rehearsal
