#include "ledger/instance_directory.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <stdexcept>
#include <utility>
#include <vector>

#include "config/sip_hash.hpp"
#include "ledger/final_answers.hpp"
#include "ledger/instance_table.hpp"
#include "ledger/sqlite_store.hpp"
#include "ledger/writer.hpp"

namespace ledger {
namespace {

constexpr std::size_t left_over_at_once = 4096;

template <std::size_t N>
std::array<std::uint64_t, N> random_numbers() {
  std::array<std::uint64_t, N> numbers;
  auto* bytes = reinterpret_cast<unsigned char*>(numbers.data());
  for (std::size_t done = 0; done < sizeof numbers;) {
    const ssize_t got = ::getrandom(bytes + done, sizeof numbers - done, 0);
    if (got < 0 && errno != EINTR) throw std::runtime_error{"the system gives no random numbers"};
    if (got > 0) done += static_cast<std::size_t>(got);
  }
  return numbers;
}

InstanceTable::Options table_options(const DirectoryOptions& options, std::int64_t now) {
  const auto key = random_numbers<2>();
  // Rows given by now are above those of earlier runs, even while the file cannot be read.
  const std::int64_t first_row = std::max<std::int64_t>(1, now * 1000);
  return {options.max_entries, options.retention, {key[0], key[1]}, first_row};
}

FinalAnswers::Ending ending_of(const Instance& instance) {
  return {instance.place, instance.status, instance.created_ms};
}

}  // namespace

struct InstanceDirectory::Impl {
  Impl(DirectoryOptions given, std::unique_ptr<Store> store, std::int64_t now);

  bool save(std::string_view key, const Instance* instance, Row row);
  bool collect(std::vector<InstanceWrite>& batch);
  InstanceWrite write_of(std::string_view key, const Instance& instance, Row row) const;
  enum class Opened { at_once, late };
  void load(Store& store, Opened when);
  bool trim(Store& store);
  // The wall clock at opening plus what has passed: a step of the wall clock removes nothing.
  std::int64_t wall_now() const {
    const auto passed = std::chrono::steady_clock::now() - opened_at;
    return opened_ms + std::chrono::duration_cast<std::chrono::milliseconds>(passed).count();
  }

  const DirectoryOptions options;
  const std::int64_t opened_ms;
  const std::chrono::steady_clock::time_point opened_at = std::chrono::steady_clock::now();
  HashKey credential_key = random_numbers<2>();
  // False when the file turned up late with hashes of another key: then none is read or written.
  std::atomic<bool> credentials_on_disk{true};
  bool loaded = false;  // the opener's, then the writer thread's
  std::string warning;
  FinalAnswers answers;
  InstanceTable table;
  std::unique_ptr<Writer> writer;  // nothing: in memory only. Last: its thread uses the rest
};

InstanceDirectory::Impl::Impl(DirectoryOptions given, std::unique_ptr<Store> store,
                              std::int64_t now)
    : options{std::move(given)},
      opened_ms{now},
      table{table_options(options, now),
            store == nullptr ? InstanceTable::Save{}
                             : [this](std::string_view key, const Instance* instance, Row row) {
                                 return save(key, instance, row);
                               }} {
  if (store == nullptr) return;
  std::string trouble;
  try {
    store->open();
    warning = store->warning();
    load(*store, Opened::at_once);
  } catch (const StoreError& error) {
    if (error.refused) throw;
    trouble = error.what();
  }
  Writer::Work work{[this](Store& opened) { load(opened, Opened::late); },
                    [this](Store& opened) { return trim(opened); },
                    [this](std::vector<InstanceWrite>& batch) { return collect(batch); }};
  writer = std::make_unique<Writer>(std::move(store), Writer::Options{}, std::move(work),
                                    table.places(), std::move(trouble));
}

InstanceWrite InstanceDirectory::Impl::write_of(std::string_view key, const Instance& instance,
                                                Row row) const {
  InstanceWrite write{std::string{key}, table.places().name_of(instance.place), instance, row};
  if (!credentials_on_disk) write.instance->credential = 0;
  return write;
}

bool InstanceDirectory::Impl::save(std::string_view key, const Instance* instance, Row row) {
  if (instance != nullptr) return writer->push(write_of(key, *instance, row));
  return writer->push(InstanceWrite{std::string{key}, {}, std::nullopt, row});
}

bool InstanceDirectory::Impl::collect(std::vector<InstanceWrite>& batch) {
  return table.collect_unsaved(
      left_over_at_once, [this, &batch](std::string_view key, const Instance& instance, Row row) {
        batch.push_back(write_of(key, instance, row));
      });
}

void InstanceDirectory::Impl::load(Store& store, Opened when) {
  if (loaded) return;
  const HashKey kept = store.credential_key(credential_key);
  if (when == Opened::at_once) credential_key = kept;
  credentials_on_disk = kept == credential_key;  // clients know us by the key that we began with
  const std::int64_t now = wall_now();
  store.load_instances(options.max_entries, now - options.retention.count(),
                       [this, now](const StoredInstance& stored) {
                         Instance instance = stored.instance;
                         instance.place = table.places().number_of(stored.endpoint);
                         if (!credentials_on_disk) instance.credential = 0;
                         if (instance.place != no_place)
                           table.load(stored.key, instance, stored.row, now);
                       });
  loaded = true;
}

bool InstanceDirectory::Impl::trim(Store& store) {
  return store.trim(options.max_entries, wall_now() - options.retention.count());
}

InstanceDirectory::InstanceDirectory(DirectoryOptions options, std::int64_t now) {
  std::unique_ptr<Store> store;
  if (!options.path.empty()) store = std::make_unique<SqliteStore>(options.path);
  impl_ = std::make_unique<Impl>(std::move(options), std::move(store), now);
}

InstanceDirectory::InstanceDirectory(DirectoryOptions options, std::unique_ptr<Store> store,
                                     std::int64_t now)
    : impl_{std::make_unique<Impl>(std::move(options), std::move(store), now)} {}

InstanceDirectory::~InstanceDirectory() = default;

Place InstanceDirectory::place_of(std::string_view endpoint_name) {
  return impl_->table.places().number_of(endpoint_name);
}

std::string InstanceDirectory::name_of(Place place) const {
  return impl_->table.places().name_of(place);
}

std::optional<Instance> InstanceDirectory::find(std::string_view key, std::int64_t now) const {
  return impl_->table.find(key, now);
}

bool InstanceDirectory::learn(std::string_view key, const Instance& fact, std::int64_t now) {
  return impl_->table.learn(key, fact, now);
}

void InstanceDirectory::learn_start(std::string_view key, const Instance& fact,
                                    std::int64_t sent_ms, std::int64_t now) {
  impl_->table.learn_start(key, fact, sent_ms, now);
}

Place InstanceDirectory::place_if_absent(std::string_view key, Place place, std::int64_t now) {
  return impl_->table.place_if_absent(key, place, now);
}

void InstanceDirectory::forget(std::string_view key, std::optional<Place> only_if_at) {
  if (impl_->table.forget(key, only_if_at)) impl_->answers.drop(key);
}

void InstanceDirectory::keep_final_answer(std::string_view key, const Instance& fact,
                                          std::string body) {
  if (!is_final(fact.status) || key.size() > InstanceTable::longest_key) return;
  impl_->answers.keep(key, ending_of(fact), std::move(body));
}

std::shared_ptr<const std::string> InstanceDirectory::final_answer(std::string_view key,
                                                                   std::int64_t now) const {
  const std::optional<Instance> known = find(key, now);
  if (!known || !is_final(known->status)) return nullptr;
  return impl_->answers.find(key, ending_of(*known));
}

std::uint64_t InstanceDirectory::credential_of(std::string_view secret) const {
  const HashKey& key = impl_->credential_key;
  const std::uint64_t hash = config::hash_text(key[0], key[1], secret);
  return hash == 0 ? 1 : hash;
}

NameTable& InstanceDirectory::places() {
  return impl_->table.places();
}

Writer* InstanceDirectory::writer() {
  return impl_->writer.get();
}

std::size_t InstanceDirectory::size() const {
  return impl_->table.size();
}

DirectoryStatus InstanceDirectory::status() const {
  DirectoryStatus status;
  status.entries = impl_->table.size();
  status.evicted = impl_->table.evicted();
  status.warning = impl_->warning;
  if (impl_->writer == nullptr) return status;
  Writer::Status writer = impl_->writer->status();
  status.on_disk = true;
  status.disk_ok = writer.ok;
  status.disk_message = std::move(writer.message);
  status.written = writer.written;
  status.dropped_writes = writer.dropped;
  return status;
}

void InstanceDirectory::for_each_unfinished(
    std::int64_t now, const std::function<bool(Place)>& wanted,
    const std::function<void(std::string_view key, const Instance&)>& take) const {
  impl_->table.for_each_unfinished(now, wanted, take);
}

}  // namespace ledger
