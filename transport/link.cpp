#include "transport/link.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <random>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "transport/link_connection.hpp"
#include "transport/link_request.hpp"
#include "transport/spawn.hpp"
#include "transport/stream.hpp"
#include "transport/tcp_address.hpp"

namespace transport {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t least_held = 64 * 1024;
constexpr std::size_t most_held = 8 * 1024 * 1024;
constexpr milliseconds pause_without_descriptors{100};
constexpr std::chrono::seconds handshake_limit{30};
constexpr std::chrono::seconds connect_limit{10};  // for each address of the peer
constexpr std::chrono::seconds linger_limit{2};

asio::awaitable<void> wait(asio::steady_timer& timer, TimePoint until) {
  error_code ignored;
  timer.expires_at(until);
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

using ConnectionPtr = std::shared_ptr<LinkConnection>;

}  // namespace

struct Link::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::any_io_executor executor_in, LinkOptions options_in)
      : executor{std::move(executor_in)},
        options{std::move(options_in)},
        acceptor{executor},
        accept_again{executor} {
    if (options.tls) context = make_server_context(*options.tls);
    local = to_endpoint(options.listen);
    if (const error_code error = open())
      throw std::runtime_error("cannot listen on " + text_of(local) + ": " + error.message());
  }

  error_code open();
  void set_fault(LinkFault next);
  void reset_all();
  void reset(LinkConnection& connection);
  void use_up();
  void stop(std::function<void()> done);

  bool is_blackhole() const { return fault.mode == LinkMode::blackhole; }
  std::size_t most() const;
  TimePoint due_time();

  asio::awaitable<void> accept_loop(std::shared_ptr<Impl> self);
  asio::awaitable<void> session(std::shared_ptr<Impl> self, ConnectionPtr connection);
  asio::awaitable<bool> receive(ConnectionPtr connection);
  asio::awaitable<void> reach_peer(ConnectionPtr connection);
  asio::awaitable<bool> connect(ConnectionPtr connection);
  asio::awaitable<void> read(std::shared_ptr<Impl> self, ConnectionPtr connection, bool is_up);
  asio::awaitable<void> write(std::shared_ptr<Impl> self, ConnectionPtr connection, bool is_up);
  asio::awaitable<bool> write_piece(ConnectionPtr connection, bool is_up);
  void start(const ConnectionPtr& connection, bool reads, bool is_up);
  void left(const ConnectionPtr& connection);

  void from_client(const ConnectionPtr& connection, std::string_view bytes);
  void from_peer(const ConnectionPtr& connection, std::string_view bytes);
  void forward(LinkConnection& connection, std::string bytes);
  void answer(const ConnectionPtr& connection, bool to_head);

  asio::any_io_executor executor;
  LinkOptions options;
  SharedTlsContext context;
  tcp::acceptor acceptor;
  tcp::endpoint local;
  asio::steady_timer accept_again;
  bool listening = false;
  bool stopping = false;
  LinkFault fault;
  LinkCounts counts;
  std::array<TimePoint, 2> free_at{};  // under a rate; down, up
  std::set<ConnectionPtr> connections;
  std::minstd_rand random{std::random_device{}()};
  std::function<void()> stopped;
};

// As it is now: in `refuse` the port is held without listening, so that nobody else gets it.
error_code Link::Impl::open() {
  error_code error, ignored;
  const bool listens = fault.mode != LinkMode::refuse;
  if (!listens && listening) acceptor.close(ignored);
  listening = false;
  if (!acceptor.is_open()) {
    acceptor.open(local.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address{true}, error);
    if (!error) acceptor.bind(local, error);
    if (!error) local = acceptor.local_endpoint(error);
  }
  if (!error && listens) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) acceptor.close(ignored);
  listening = listens && !error;
  return error;
}

void Link::Impl::set_fault(LinkFault next) {
  if (stopping) return;
  fault = std::move(next);
  free_at = {};
  if (listening != (fault.mode != LinkMode::refuse)) open();  // the accept loop tries again
  if (fault.mode == LinkMode::refuse || (fault.mode == LinkMode::reset && fault.times == 0))
    reset_all();
  // What a healed delay holds back does not wait for it.
  const TimePoint latest =
      steady_clock::now() + fault.delay + fault.jitter + fault.first_byte_delay;
  for (const ConnectionPtr& connection : connections) {
    if (fault.mode != LinkMode::answer && !connection->request.empty())
      forward(*connection, std::exchange(connection->request, {}));
    for (LinkLane* lane : {&connection->up, &connection->down}) {
      lane->due_by(latest);
    }
    connection->wake();
  }
  accept_again.cancel();
}

void Link::Impl::reset_all() {
  for (const ConnectionPtr& connection : connections) reset(*connection);
}

void Link::Impl::reset(LinkConnection& connection) {
  if (!connection.dead) ++counts.reset;
  connection.shut(true);
}

void Link::Impl::use_up() {
  if (fault.times == 0 || --fault.times > 0) return;
  LinkFault rest = fault;
  rest.mode = LinkMode::forward;
  rest.cut_after = 0;
  rest.path.clear();
  set_fault(rest);
}

std::size_t Link::Impl::most() const {
  const auto tens = static_cast<std::size_t>((fault.delay + fault.jitter).count() / 10);
  return std::min(most_held, least_held * (1 + tens));
}

TimePoint Link::Impl::due_time() {
  auto delay = fault.delay.count();
  if (fault.jitter.count() > 0)
    delay += std::uniform_int_distribution<milliseconds::rep>{-fault.jitter.count(),
                                                              fault.jitter.count()}(random);
  return steady_clock::now() + milliseconds{std::max<milliseconds::rep>(0, delay)};
}

asio::awaitable<void> Link::Impl::accept_loop(std::shared_ptr<Impl> self) {
  while (!stopping) {
    if (fault.mode == LinkMode::refuse || connections.size() >= options.max_connections) {
      co_await wait(accept_again, never);
      continue;
    }
    error_code error;
    if (!listening) error = open();
    tcp::socket socket{executor};
    if (!error)
      co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (stopping) break;
    if (error) {
      // Out of descriptors or the like; or the link closed it, and the next turn sees why.
      if (error != asio::error::operation_aborted)
        co_await wait(accept_again, steady_clock::now() + pause_without_descriptors);
      continue;
    }
    ++counts.connections;
    const auto connection = std::make_shared<LinkConnection>(executor, std::move(socket));
    connections.insert(connection);
    if (fault.mode == LinkMode::refuse) reset(*connection);  // accepted just before
    spawn(executor, "link session", session(self, connection));
  }
}

asio::awaitable<void> Link::Impl::session([[maybe_unused]] std::shared_ptr<Impl> self,
                                          ConnectionPtr connection) {
  struct Leave {
    Impl& impl;
    const ConnectionPtr& connection;
    ~Leave() { impl.left(connection); }
  };
  const Leave leave{*this, connection};
  const bool open = co_await receive(connection);
  if (open) {
    start(connection, true, true);
    start(connection, false, false);
    co_await reach_peer(connection);
  }
  while (connection->running > 0) co_await wait(connection->changed, never);
}

void Link::Impl::left(const ConnectionPtr& connection) {
  connection->shut(false);
  connections.erase(connection);
  accept_again.cancel();
  if (!stopping || !connections.empty() || !stopped) return;
  const auto tell = std::exchange(stopped, nullptr);
  tell();
}

// Until the client may speak: false when there is no such client any more.
asio::awaitable<bool> Link::Impl::receive(ConnectionPtr connection) {
  for (;;) {
    while (is_blackhole() && !connection->dead) co_await wait(connection->changed, never);
    if (connection->dead) co_return false;
    if (fault.mode != LinkMode::reset) break;
    error_code ignored;
    co_await connection->accepted.async_wait(tcp::socket::wait_read,
                                             asio::redirect_error(asio::use_awaitable, ignored));
    if (connection->dead) co_return false;
    if (fault.mode != LinkMode::reset) continue;
    reset(*connection);
    use_up();
    co_return false;
  }
  Stream& client = connection->client.emplace(std::move(connection->accepted), context);
  client.expires_at(steady_clock::now() + handshake_limit);
  const auto shaken = co_await client.handshake();
  client.expires_at(never);
  co_return shaken && !connection->dead;
}

asio::awaitable<void> Link::Impl::reach_peer(ConnectionPtr connection) {
  LinkConnection& c = *connection;
  // A link that answers by itself asks the peer only for what it does not answer.
  while (!c.dead && !c.answering &&
         (is_blackhole() || (fault.mode == LinkMode::answer && c.up.queue.empty() && !c.up.ended)))
    co_await wait(c.changed, never);
  if (c.dead || c.answering) co_return;
  if (fault.mode == LinkMode::answer && c.up.queue.empty()) {  // came and went
    c.shut(false);
    co_return;
  }
  const bool connected = co_await connect(connection);
  if (c.dead || c.answering) co_return;
  if (!connected) {
    ++counts.refused_by_peer;
    c.shut(true);
    co_return;
  }
  c.peer.emplace(std::move(c.connecting), SharedTlsContext{});
  start(connection, true, false);
  start(connection, false, true);
}

asio::awaitable<bool> Link::Impl::connect(ConnectionPtr connection) {
  const std::vector<config::SocketAddress> peers = options.peers;
  for (const config::SocketAddress& address : peers) {
    const tcp::endpoint endpoint = to_endpoint(address);
    connection->connecting = tcp::socket{executor};
    connection->limit.expires_after(connect_limit);
    connection->limit.async_wait([connection](error_code cancelled) {
      error_code ignored;
      if (!cancelled) connection->connecting.close(ignored);
    });
    error_code error;
    co_await connection->connecting.async_connect(endpoint,
                                                  asio::redirect_error(asio::use_awaitable, error));
    if (connection->dead || connection->answering) co_return false;
    // When it expired just now, its handler is about to close the socket.
    if (connection->limit.cancel() == 0) error = asio::error::timed_out;
    if (!error) co_return true;
  }
  co_return false;
}

void Link::Impl::start(const ConnectionPtr& connection, bool reads, bool is_up) {
  ++connection->running;
  if (reads)
    spawn(executor, "link reader", read(shared_from_this(), connection, is_up));
  else
    spawn(executor, "link writer", write(shared_from_this(), connection, is_up));
}

asio::awaitable<void> Link::Impl::read([[maybe_unused]] std::shared_ptr<Impl> self,
                                       ConnectionPtr connection, bool is_up) {
  LinkConnection& c = *connection;
  const LinkConnection::Ended ended{c};
  LinkLane& lane = is_up ? c.up : c.down;
  Stream& source = is_up ? *c.client : *c.peer;
  std::string space(link_piece, '\0');
  for (;;) {
    while (!c.dead && !c.answering && (is_blackhole() || lane.held >= most()))
      co_await wait(lane.room, never);
    if (c.dead || (c.answering && !is_up)) co_return;
    const std::size_t size = c.answering ? space.size() : std::min(link_piece, most() - lane.held);
    const asio::mutable_buffer into{space.data(), size};
    const auto got = co_await source.read_some(into);
    if (c.dead || (c.answering && !is_up)) co_return;
    // A TLS client may leave without saying so.
    if (got ? *got == 0 : got.error().kind == FailureKind::closed) break;
    if (!got) {
      while (!c.dead && is_blackhole()) co_await wait(lane.room, never);
      c.shut(true);
      co_return;
    }
    const std::string_view bytes{space.data(), *got};
    is_up ? from_client(connection, bytes) : from_peer(connection, bytes);
  }
  if (is_up && !c.request.empty()) forward(c, std::exchange(c.request, {}));
  if (!c.answering) lane.last_due = std::max(lane.last_due, due_time());
  lane.ended = true;
  lane.news.cancel();
  c.changed.cancel();
}

void Link::Impl::from_client(const ConnectionPtr& connection, std::string_view bytes) {
  LinkConnection& c = *connection;
  if (c.answering) return;  // the rest of what was answered
  if (fault.mode == LinkMode::reset) {
    reset(c);
    use_up();
    return;
  }
  if (fault.mode != LinkMode::answer || !c.request_begins) return forward(c, std::string{bytes});
  c.request += bytes;
  const LinkRequest request = look_at(c.request, fault.path);
  if (request.verdict == LinkRequest::Verdict::answer) answer(connection, request.is_head);
  if (request.verdict == LinkRequest::Verdict::forward) forward(c, std::exchange(c.request, {}));
}

void Link::Impl::forward(LinkConnection& connection, std::string bytes) {
  connection.request_begins = false;
  connection.answer_begins = true;
  connection.up.put(std::move(bytes), due_time(), false);
  connection.changed.cancel();
}

void Link::Impl::from_peer(const ConnectionPtr& connection, std::string_view bytes) {
  LinkConnection& c = *connection;
  const bool begins = std::exchange(c.answer_begins, false);
  c.request_begins = true;
  const TimePoint due = due_time() + (begins ? fault.first_byte_delay : milliseconds{0});
  c.down.put(std::string{bytes}, due, begins);
}

void Link::Impl::answer(const ConnectionPtr& connection, bool to_head) {
  LinkConnection& c = *connection;
  ++counts.answered;
  c.answering = true;
  c.request.clear();
  c.down.put(link_answer(fault.status, to_head), due_time() + fault.first_byte_delay, true);
  c.down.ended = true;
  error_code ignored;
  c.connecting.close(ignored);
  if (c.peer) c.peer->close();
  c.wake();
  use_up();
}

asio::awaitable<void> Link::Impl::write([[maybe_unused]] std::shared_ptr<Impl> self,
                                        ConnectionPtr connection, bool is_up) {
  LinkConnection& c = *connection;
  const LinkConnection::Ended ended{c};
  LinkLane& lane = is_up ? c.up : c.down;
  for (;;) {
    if (c.dead || (c.answering && is_up)) co_return;
    const TimePoint now = steady_clock::now();
    TimePoint next =
        lane.queue.empty() ? (lane.ended ? lane.last_due : never) : lane.queue.front().due;
    if (fault.rate > 0 && !lane.queue.empty()) next = std::max(next, free_at[is_up]);
    if (is_blackhole()) next = never;
    if (next > now) {
      co_await wait(lane.news, next);
      continue;
    }
    if (lane.queue.empty()) break;
    const bool more = co_await write_piece(connection, is_up);
    if (!more) co_return;
  }
  // The end of TLS is said in both directions at once, and whoever does not answer is not waited
  // for; neither is a client whose request was not read to its end.
  if (!is_up && (context || c.answering)) connection->close_after(linger_limit);
  Stream& target = is_up ? *c.peer : *c.client;
  co_await target.shutdown_send();
}

// A part of what is due; false when the connection is no more.
asio::awaitable<bool> Link::Impl::write_piece(ConnectionPtr connection, bool is_up) {
  LinkConnection& c = *connection;
  LinkLane& lane = is_up ? c.up : c.down;
  LinkChunk& chunk = lane.queue.front();
  std::size_t size = std::min(link_piece, chunk.bytes.size() - chunk.sent);
  if (!is_up && chunk.begins_answer && chunk.sent == 0) c.answer_bytes = 0;
  if (!is_up && fault.cut_after > 0) {
    const std::uint64_t left = fault.cut_after - std::min(fault.cut_after, c.answer_bytes);
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, left));
  }
  if (fault.rate > 0) {  // in steps of 20 ms
    size = std::min(size, static_cast<std::size_t>(fault.rate / 50 + 1));
    const TimePoint from = std::max(free_at[is_up], steady_clock::now() - milliseconds{40});
    free_at[is_up] = from + std::chrono::microseconds{size * 1'000'000 / fault.rate};
  }
  if (size > 0) {
    const asio::const_buffer bytes{chunk.bytes.data() + chunk.sent, size};
    Stream& target = is_up ? *c.peer : *c.client;
    const auto written = co_await target.write_all(bytes);
    if (c.dead || (is_up && c.answering)) co_return false;
    if (!written) {
      while (!c.dead && is_blackhole()) co_await wait(lane.news, never);
      c.shut(true);
      co_return false;
    }
  }
  (is_up ? counts.bytes_up : counts.bytes_down) += size;
  lane.held -= size;
  lane.room.cancel();
  chunk.sent += size;
  if (chunk.sent == chunk.bytes.size()) lane.queue.pop_front();
  if (is_up) co_return true;
  c.answer_bytes += size;
  if (fault.cut_after == 0 || c.answer_bytes < fault.cut_after) co_return true;
  reset(c);
  use_up();
  co_return false;
}

void Link::Impl::stop(std::function<void()> done) {
  stopping = true;
  error_code ignored;
  acceptor.close(ignored);
  listening = false;
  accept_again.cancel();
  stopped = std::move(done);
  for (const ConnectionPtr& connection : connections) connection->shut(true);
  if (!connections.empty() || !stopped) return;
  const auto tell = std::exchange(stopped, nullptr);
  tell();
}

Link::Link(asio::any_io_executor executor, LinkOptions options)
    : impl_{std::make_shared<Impl>(std::move(executor), std::move(options))} {
  spawn(impl_->executor, "link accept", impl_->accept_loop(impl_));
}

Link::~Link() {
  impl_->stop({});
}

config::SocketAddress Link::address() const {
  return to_socket_address(impl_->local.address(), impl_->local.port());
}

std::string Link::address_text() const {
  return text_of(impl_->local);
}

void Link::set_peers(std::vector<config::SocketAddress> peers) {
  impl_->options.peers = std::move(peers);
}

void Link::set_fault(LinkFault fault) {
  impl_->set_fault(std::move(fault));
}

void Link::set_tls(ServerTls tls) {
  impl_->context = make_server_context(tls);
  impl_->options.tls = std::move(tls);
  impl_->reset_all();
}

const LinkFault& Link::fault() const {
  return impl_->fault;
}

LinkCounts Link::counts() const {
  LinkCounts counts = impl_->counts;
  counts.open = impl_->connections.size();
  return counts;
}

void Link::stop(std::function<void()> done) {
  impl_->stop(std::move(done));
}

}  // namespace transport
