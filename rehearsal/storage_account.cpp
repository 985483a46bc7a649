#include "rehearsal/storage_account.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "config/units.hpp"
#include "rehearsal/hub_json.hpp"
#include "rehearsal/hub_wire.hpp"
#include "rehearsal/uri.hpp"
#include "transport/spawn.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using transport::ServerRequest;
using transport::ServerResponse;

namespace {

constexpr int pages_in_a_step = 256;  // 1 MiB between two calls of the apps
constexpr milliseconds longest{3'600'000};

asio::awaitable<void> pause_until(steady_clock::time_point end) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer{executor, end};
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

ServerResponse json(int status, std::string text) {
  return {status, "application/json", std::move(text)};
}

std::optional<milliseconds> duration_in(std::string_view text) {
  milliseconds value{0};
  if (config::parse_duration(text, value) || value < milliseconds{0} || value > longest)
    return std::nullopt;
  return value;
}

}  // namespace

std::optional<milliseconds> parse_skew(std::string_view text) {
  const bool before = text.starts_with('-');
  if (before) text.remove_prefix(1);
  const auto value = duration_in(text);
  if (!value) return std::nullopt;
  return before ? -*value : *value;
}

StorageAccount::StorageAccount(asio::any_io_executor executor, std::string file,
                               std::string journal, StorageFaults& faults)
    : executor_{std::move(executor)},
      file_{std::move(file)},
      journal_{journal.empty() ? file_ + ".runs" : std::move(journal)},
      faults_{faults},
      hubs_{std::make_unique<HubStore>(file_, journal_)} {
  state_.replication.file = file_ + ".replica";
}

StorageAccount::~StorageAccount() {
  ++*turn_;
}

std::string StorageAccount::away(int failovers_then) const {
  if (state_.failing_over) return "the account is failing over";
  if (failovers_then != state_.failovers) return "the account has failed over meanwhile";
  return hubs_ ? "" : "the account was lost in a failover: " + state_.trouble;
}

StorageAccount::Turn StorageAccount::next_turn() {
  copy_.reset();
  const int own = ++*turn_;
  return Turn{turn_, own};
}

void StorageAccount::replicate(Replication replication) {
  if (replication.file.empty()) replication.file = file_ + ".replica";
  if (replication.every > milliseconds{0}) state_.last = read_replica(replication.file);
  state_.replication = std::move(replication);
  state_.trouble.clear();
  start_replicating();
}

void StorageAccount::start_replicating() {
  Turn turn = next_turn();
  if (state_.replication.every == milliseconds{0}) {
    state_.last.reset();
    return;
  }
  transport::spawn(executor_, "storage replication", replicate_on(std::move(turn)));
}

asio::awaitable<void> StorageAccount::replicate_on(Turn turn) {
  while (!turn.over()) {
    const auto next = steady_clock::now() + state_.replication.every;
    if (faults_.outage() == Outage::none) co_await copy(turn, state_.replication.skew);
    co_await pause_until(next);
  }
}

// One copy. What goes wrong with it is remembered; the replica before it goes on to count.
asio::awaitable<void> StorageAccount::copy(Turn turn, milliseconds skew) {
  try {
    co_await copy_steps(turn, skew);
  } catch (const std::exception& error) {
    if (turn.over()) co_return;
    state_.trouble = error.what();
  }
  if (!turn.over()) copy_.reset();
}

asio::awaitable<void> StorageAccount::copy_steps(Turn turn, milliseconds skew) {
  const auto ended = [this, &turn] { return turn.over() || faults_.outage() != Outage::none; };
  copy_ = std::make_unique<ReplicaCopy>(hubs_->database(), state_.replication.file);
  if (skew < milliseconds{0}) {
    copy_->cut_queues(wall_now());
    co_await pause_until(steady_clock::now() - skew);
    if (ended()) co_return;
  }
  const auto began = steady_clock::now();
  copy_->begin_tables(wall_now());
  while (!copy_->copy_pages(pages_in_a_step)) {
    co_await asio::post(executor_, asio::use_awaitable);
    if (ended()) co_return;
  }
  if (skew > milliseconds{0}) {
    co_await pause_until(began + skew);
    if (ended()) co_return;
    copy_->cut_queues(wall_now());
  }
  state_.last = copy_->complete();
  state_.trouble.clear();
  ++state_.copies;
}

asio::awaitable<std::optional<ServerResponse>> StorageAccount::command(
    const ServerRequest& request) {
  const std::string_view path = request.path();
  std::optional<ServerResponse> response;
  if (request.method == "GET" && path == "/_control/replica") {
    state_.copying = copy_ != nullptr;
    response = json(200, write_replica_state(state_));
  } else if (request.method == "POST" && path == "/_control/replication") {
    response = configure(request.query());
  } else if (request.method == "POST" && path == "/_control/failover") {
    std::string query{request.query()};
    response = co_await failover(std::move(query));
  }
  co_return response;
}

ServerResponse StorageAccount::configure(std::string_view query_text) {
  const Query query{query_text};
  const std::string every = query.get("every");
  const std::string skew = query.get("skew");
  Replication next = state_.replication;
  const auto time = every == "off" ? milliseconds{0} : duration_in(every);
  if (!time || (every != "off" && *time < milliseconds{10}))
    return json(400, error_object("replication needs every=10ms..60m, or off"));
  const auto apart = skew.empty() ? milliseconds{0} : parse_skew(skew);
  if (!apart)
    return json(400, error_object("skew is a duration of at most 60m, or one after \"-\""));
  if (state_.failing_over || !hubs_) return json(409, error_object(away(state_.failovers)));
  next.every = *time;
  next.skew = *apart;
  try {
    replicate(std::move(next));
  } catch (const std::exception& error) {
    return json(409, error_object(error.what()));
  }
  return json(200, write_replica_state(state_));
}

asio::awaitable<ServerResponse> StorageAccount::failover(std::string query_text) {
  const Query query{query_text};
  const std::string kind = query.get("kind");
  const std::string time = query.get("takes");
  const auto takes = duration_in(time.empty() ? "2s" : time);
  const bool planned = kind == "planned";
  if ((!planned && kind != "unplanned") || !takes)
    co_return json(400, error_object("failover needs kind=planned or unplanned; takes=0s..60m"));
  if (state_.failing_over || !hubs_) co_return json(409, error_object(away(state_.failovers)));
  if (state_.replication.every == milliseconds{0})
    co_return json(409, error_object("the account is locally redundant: there is no replica"));
  if (planned && faults_.outage() != Outage::none)
    co_return json(409, error_object("a planned failover needs both regions: heal the outage"));
  if (!planned && !state_.last)
    co_return json(409, error_object("no copy is complete yet: there is nothing to go on with"));

  const auto end = steady_clock::now() + *takes;
  const Turn turn = next_turn();
  state_.failing_over = true;
  const std::int64_t copies = state_.copies;
  if (planned) {
    const milliseconds none{0};
    co_await copy(turn, none);
  }
  co_await pause_until(end);
  if (turn.over()) co_return json(503, error_object("the account has ended"));
  const bool up_to_date = state_.copies > copies;  // not with a full disk, or an outage meanwhile
  ServerResponse response =
      planned && !up_to_date
          ? json(500, error_object("nothing has changed: replication could not be brought up to"
                                   " date; " +
                                   state_.trouble))
          : switch_over(planned);
  state_.failing_over = false;
  if (state_.replication.every > milliseconds{0} && hubs_) start_replicating();
  co_return response;
}

ServerResponse StorageAccount::switch_over(bool planned) {
  AccountFailover done;
  done.planned = planned;
  try {
    done.replica = *state_.last;
    try {
      done.difference = compare_with_replica(hubs_->database(), state_.replication.file);
    } catch (const std::exception&) {
      done.difference.reset();  // the primary is broken: that is what failovers are for
    }
    serve_replica();
  } catch (const std::exception& error) {
    state_.trouble = error.what();
    return json(500, error_object("nothing has changed: " + state_.trouble));
  }
  ++state_.failovers;
  state_.last_failover = std::move(done);
  state_.last.reset();
  if (!planned) state_.replication.every = milliseconds{0};
  if (!planned) faults_.set_outage(Outage::none);
  return json(200, write_failover(*state_.last_failover));
}

// Throws when the replica cannot take the primary's place, which then goes on.
void StorageAccount::serve_replica() {
  if (!read_replica(state_.replication.file)) throw std::runtime_error("the replica is gone");
  hubs_.reset();
  try {
    take_place(state_.replication.file, file_, false);
  } catch (const std::exception&) {
    hubs_ = std::make_unique<HubStore>(file_, journal_);
    throw;
  }
  hubs_ = std::make_unique<HubStore>(file_, journal_);
}

}  // namespace rehearsal
