#include "transport/link_connection.hpp"

#include <algorithm>
#include <utility>

namespace transport {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;

// Small reads go together, or a byte at a time would cost a chunk for each. Never into the first
// one, which may be on its way out.
void LinkLane::put(std::string bytes, TimePoint due, bool begins_answer) {
  held += bytes.size();
  last_due = std::max(last_due, due);
  LinkChunk* last = queue.size() > 1 && !begins_answer ? &queue.back() : nullptr;
  if (last && last->bytes.size() + bytes.size() <= link_piece &&
      last_due - last->due < milliseconds{1})
    last->bytes += bytes;
  else
    queue.emplace_back(std::move(bytes), last_due, begins_answer);
  news.cancel();
}

void LinkLane::due_by(TimePoint latest) {
  for (LinkChunk& chunk : queue) chunk.due = std::min(chunk.due, latest);
  last_due = std::min(last_due, latest);
}

void LinkLane::wake() {
  news.cancel();
  room.cancel();
}

LinkConnection::LinkConnection(const asio::any_io_executor& executor, asio::ip::tcp::socket socket)
    : accepted{std::move(socket)},
      connecting{executor},
      up{executor},
      down{executor},
      changed{executor},
      limit{executor} {}

void LinkConnection::wake() {
  up.wake();
  down.wake();
  changed.cancel();
}

void LinkConnection::shut(bool reset) {
  dead = true;
  error_code ignored;
  if (reset && accepted.is_open()) accepted.set_option(asio::socket_base::linger{true, 0}, ignored);
  accepted.close(ignored);
  connecting.close(ignored);
  for (auto* stream : {&client, &peer}) {
    if (!*stream) continue;
    if (reset)
      (*stream)->reset();
    else
      (*stream)->close();
  }
  limit.cancel();
  wake();
}

void LinkConnection::close_after(milliseconds time) {
  limit.expires_after(time);
  limit.async_wait([self = shared_from_this()](error_code cancelled) {
    if (!cancelled) self->shut(false);
  });
}

}  // namespace transport
