// The instance directory: which endpoint's hub holds an instance, learned from starts and answers.
// Bounded, and kept on disk when it has a path: a change is visible at once and written within
// 100 ms by the one writer thread. Losing the last writes, or all of them, is safe: an unknown id
// is asked of the endpoints. Owned by the app; any thread may call it. One short lock per shard of
// the table, no waiting for the disk. Times are wall clock, ms since the epoch, given by the
// caller.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/instance.hpp"

namespace ledger {

class NameTable;
class Store;
class Writer;

struct DirectoryOptions {
  std::size_t max_entries = 1'000'000;  // durable.directory.max_entries
  std::chrono::milliseconds retention = std::chrono::hours{30 * 24};
  std::string path;  // of the database; empty: in memory only
  bool operator==(const DirectoryOptions&) const = default;
};

struct DirectoryStatus {
  std::size_t entries = 0;
  std::uint64_t evicted = 0;         // left for want of room
  std::uint64_t dropped_writes = 0;  // did not fit the queue; made up for when the disk keeps up
  std::uint64_t written = 0;         // changes committed to disk
  bool on_disk = false;              // has a path
  bool disk_ok = true;
  std::string disk_message;  // why not, with the path
  std::string warning;       // at opening: a file system that forgets
};

class InstanceDirectory {
 public:
  // Loads what is on disk. Throws StoreError, its text meant for the operator, when the file must
  // not be used: corrupt, of a newer version, another program's, on a network file system. A
  // folder or disk that merely cannot be written is no reason not to start: the directory works in
  // memory, says so in status() and tries again.
  explicit InstanceDirectory(DirectoryOptions, std::int64_t now);
  InstanceDirectory(DirectoryOptions, std::unique_ptr<Store>, std::int64_t now);
  ~InstanceDirectory();  // writes what is queued, unless the disk refuses

  Place place_of(std::string_view endpoint_name);  // no_place once 4,096 names are known
  std::string name_of(Place) const;

  std::optional<Instance> find(std::string_view key, std::int64_t now) const;
  // A fact from an answer of the hub at `fact.place`; its seen_ms and provisional are ignored.
  // take_fact() is the rule. False: what was known is newer.
  bool learn(std::string_view key, const Instance& fact, std::int64_t now);
  // A start that was accepted: a new run at fact.place with fact.function and fact.credential. It
  // replaces an earlier run's status; what was learned after `sent_ms` (our time, when the start
  // was sent) may already be about this run and stays.
  void learn_start(std::string_view key, const Instance& fact, std::int64_t sent_ms,
                   std::int64_t now);
  // Where the instance is, or from now on shall be: racing creators of an entity agree on one
  // place. Provisional until learned; forgotten after a minute otherwise, never written to disk.
  Place place_if_absent(std::string_view key, Place place, std::int64_t now);
  void forget(std::string_view key, std::optional<Place> only_if_at = std::nullopt);

  // The body of a final status, for polls while its region is away. In memory only (it may hold
  // what an orchestration returned), at most 16 KiB each and 64 MiB together. Found only while the
  // directory still says that the run it was kept for is over.
  void keep_final_answer(std::string_view key, const Instance& fact, std::string body);
  std::shared_ptr<const std::string> final_answer(std::string_view key, std::int64_t now) const;

  // A credential as it may be kept: a hash with a key that lives in the database. Never 0.
  std::uint64_t credential_of(std::string_view secret) const;

  // For operators; see InstanceTable.
  void for_each_unfinished(
      std::int64_t now, const std::function<bool(Place)>& wanted,
      const std::function<void(std::string_view key, const Instance&)>& take) const;

  // For the start ledger, which shares the numbers, the file and its writer. Null: there is no
  // file.
  NameTable& places();
  Writer* writer();

  std::size_t size() const;
  DirectoryStatus status() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ledger
