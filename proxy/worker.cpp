#include "proxy/worker.hpp"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <cstring>
#include <ctime>

#include "proxy/client_connection.hpp"
#include "proxy/doubtful.hpp"
#include "proxy/listener.hpp"

namespace proxy {
namespace {

std::uint64_t next_random(std::uint64_t& state) {  // splitmix64; ids need no secrecy
  state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// Sixteen digits; the order of an id's digits is nobody's business.
char* put_hex(char* out, std::uint64_t value) {
#ifdef __SSE2__
  const __m128i low = _mm_set1_epi8(0x0f);
  const __m128i bytes = _mm_cvtsi64_si128(static_cast<long long>(value));
  const __m128i nibbles =
      _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi64(bytes, 4), low), _mm_and_si128(bytes, low));
  const __m128i letters =
      _mm_and_si128(_mm_cmpgt_epi8(nibbles, _mm_set1_epi8(9)), _mm_set1_epi8('a' - '0' - 10));
  const __m128i digits = _mm_add_epi8(_mm_add_epi8(nibbles, _mm_set1_epi8('0')), letters);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), digits);
#else
  for (int i = 0; i < 16; ++i, value >>= 4) out[i] = "0123456789abcdef"[value & 15];
#endif
  return out + 16;
}

}  // namespace

void Worker::List::add(ClientConnection* connection) {
  connection->previous = last;
  connection->next = nullptr;
  (last ? last->next : first) = connection;
  last = connection;
}

void Worker::List::remove(ClientConnection* connection) {
  (connection->previous ? connection->previous->next : first) = connection->next;
  (connection->next ? connection->next->previous : last) = connection->previous;
  connection->next = connection->previous = nullptr;
}

Worker::Worker(std::size_t index_, Shared& shared_)
    : index{index_},
      shared{shared_},
      pool{loop, index_},
      random_{shared_.seed ^ (0x51ed2701u * (index_ + 1))} {}

Worker::~Worker() {
  loop.settle();
  close_everything();
  loop.settle();
}

void Worker::run() {
  (void)snapshot();
  compare_clocks();
  loop.run(tick_length, [this] { on_tick(); });
}

const Snapshot& Worker::snapshot() {
  const std::uint64_t version = shared.snapshots->version();
  if (version != snapshot_version_) {
    cached_ = new CachedSnapshot{shared.snapshots->snapshot(), 0};
    current_ = SnapshotHold{cached_};
    snapshot_version_ = version;
  }
  return *cached_->value;
}

void Worker::add_listener(int descriptor, const ListenerFacts& facts) {
  loop.post([this, descriptor, facts] {
    auto listener = std::make_unique<Listener>(*this, facts);
    if (listener->adopt(descriptor)) listeners_.push_back(std::move(listener));
  });
}

void Worker::remove_listener(std::size_t key) {
  loop.post([this, key] {
    std::erase_if(listeners_, [&](std::unique_ptr<Listener>& listener) {
      if (listener->facts().key != key) return false;
      listener->close();
      loop.bury(std::move(listener));
      return true;
    });
  });
}

void Worker::renew_listener(std::size_t key, transport::TlsContext tls) {
  loop.post([this, key, tls = std::move(tls)] {
    for (const auto& listener : listeners_)
      if (listener->facts().key == key) listener->renew(tls);
  });
}

template <class Visit>
void Worker::each_connection(Visit visit) {
  // A visit may end the connection it is given, never another one.
  for (List* list : {&active_, &parked_}) {
    for (ClientConnection* at = list->first; at;) {
      ClientConnection* following = at->next;
      visit(*at);
      at = following;
    }
  }
}

void Worker::snapshot_changed() {
  loop.post([this] {
    const Snapshot& now = snapshot();
    for (const routing::RoutingEntry& entry : now.table.entries)
      if (entry.rotation == routing::Rotation::out) pool.close_idle_of(entry.id);
    look_again();
  });
}

// What is under way sees whether the change concerns it.
void Worker::look_again() {
  std::vector<ClientConnection*> concerned;  // a rescue moves its connection between lists
  for (ClientConnection* at = active_.first; at; at = at->next) concerned.push_back(at);
  for (ClientConnection* connection : concerned) connection->on_snapshot_change();
}

void Worker::drain(config::Millis limit, std::function<void()> done) {
  loop.post([this, limit, done = std::move(done)] {
    draining_ = true;
    drain_deadline_ = deadline_in(limit);
    drained_ = done;
    close_listeners();
    each_connection([](ClientConnection& connection) { connection.close_if_parked(); });
    look_again();
    check_drained();
  });
}

void Worker::check_drained() {
  if (!drained_) return;
  if (connection_count_ > 0 && static_cast<std::int32_t>(tick_ - drain_deadline_) < 0) return;
  const auto done = std::exchange(drained_, nullptr);
  done();
}

void Worker::close_listeners() {
  for (auto& listener : listeners_) {
    listener->close();
    loop.bury(std::move(listener));
  }
  listeners_.clear();
}

void Worker::close_everything() {
  stopping_ = true;
  close_listeners();
  std::vector<ClientConnection*> all;
  each_connection([&](ClientConnection& connection) { all.push_back(&connection); });
  for (ClientConnection* connection : all) connection->abandon();
  while (!doubtful.empty()) doubtful.back()->abandon();
  pool.close_all_idle();
}

void Worker::stop() {
  loop.post([this] { close_everything(); });
  loop.stop();
}

void Worker::compare_clocks() {
  using std::chrono::duration_cast, std::chrono::microseconds;
  wall_offset_us_ =
      duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch()).count() -
      duration_cast<microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void Worker::on_tick() {
  ++tick_;
  compare_clocks();
  std::vector<ClientConnection*> due;
  for (ClientConnection* at = active_.first; at; at = at->next)
    if (static_cast<std::int32_t>(tick_ - at->deadline_tick()) >= 0) due.push_back(at);
  for (ClientConnection* connection : due) connection->on_deadline();
  for (std::size_t i = doubtful.size(); i-- > 0;)
    if (static_cast<std::int32_t>(tick_ - doubtful[i]->deadline()) >= 0) doubtful[i]->time_out();
  while (parked_.first && static_cast<std::int32_t>(tick_ - parked_.first->deadline_tick()) >= 0)
    parked_.first->close_if_parked();
  const auto idle = snapshot().config->timeouts.upstream_idle;
  pool.close_idle_before(tick_ - (deadline_in(idle) - tick_));
  for (const auto& listener : listeners_) listener->tick();
  check_drained();
}

std::uint32_t Worker::deadline_in(config::Millis span) const {
  const auto ticks = (span + tick_length - config::Millis{1}) / tick_length;
  // One more tick: the current one is already partly over, and no deadline may come early.
  return tick_ + static_cast<std::uint32_t>(std::min<std::int64_t>(ticks, 1 << 30)) + 1;
}

std::string_view Worker::date() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != date_second_) {
    date_second_ = now.tv_sec;
    tm parts{};
    ::gmtime_r(&now.tv_sec, &parts);
    std::strftime(date_, sizeof date_, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  }
  return {date_, 29};
}

void Worker::make_traceparent(char (&into)[56]) {
  char* at = into;
  *at++ = '0', *at++ = '0', *at++ = '-';
  at = put_hex(at, next_random(random_) | 1);  // an id of zeros would be invalid
  at = put_hex(at, next_random(random_));
  *at++ = '-';
  at = put_hex(at, next_random(random_) | 1);
  *at++ = '-', *at++ = '0', *at++ = '0';
  *at = '\0';
}

std::uint64_t Worker::random() {
  return next_random(random_);
}

void Worker::report(routing::EndpointId endpoint, health::EvidenceKind kind) {
  if (!shared.callbacks.on_evidence) return;
  health::Evidence evidence;
  evidence.endpoint = endpoint;
  evidence.kind = kind;
  evidence.at = health::Clock::now();
  shared.callbacks.on_evidence(evidence);
}

void Worker::learn_starter(std::string_view path) {
  constexpr std::size_t most = 1024, longest = 512;
  if (starters_.size() < most && path.size() <= longest) starters_.emplace(path);
}

bool Worker::over_limit(std::size_t limit, Counter WorkerCounters::* which) const {
  // The other workers' counters are looked at only when this one has used its own share.
  const std::size_t workers = shared.all_counters.size();
  if ((counters.*which).value() < limit / workers) return false;
  std::uint64_t total = 0;
  for (const WorkerCounters* each : shared.all_counters) total += (each->*which).value();
  return total >= limit;
}

void Worker::opened(ClientConnection* connection) {
  active_.add(connection);
  ++connection_count_;
  counters.connections.bump();
}

void Worker::to_active(ClientConnection* connection) {
  parked_.remove(connection);
  active_.add(connection);
  counters.idle_connections.drop();
}

void Worker::to_parked(ClientConnection* connection) {
  active_.remove(connection);
  parked_.add(connection);
  counters.idle_connections.bump();
}

void Worker::closed(ClientConnection* connection) {
  if (connection->parked()) {
    parked_.remove(connection);
    counters.idle_connections.drop();
  } else {
    active_.remove(connection);
  }
  --connection_count_;
  counters.connections.drop();
  loop.bury(connection->take_channel());
  delete connection;
  if (draining_ && !stopping_) check_drained();
}

}  // namespace proxy
