#include "proxy/upstream_pool.hpp"

namespace proxy {

UpstreamConnection::UpstreamConnection(transport::EventLoop& loop, UpstreamPool& pool,
                                       std::shared_ptr<Upstream> upstream,
                                       EndpointCounters& counters)
    : channel_{std::make_unique<transport::Channel>(loop)},
      pool_{pool},
      upstream_{std::move(upstream)},
      counters_{counters} {}

void UpstreamConnection::on_ready(std::uint8_t) {
  if (!idle_) return;
  if (channel_->peek().status == transport::IoStatus::would_block) {
    channel_->arm_read();  // nothing after all
    return;
  }
  pool_.unlink(this);
  pool_.discard(this);
}

UpstreamPool::Idle& UpstreamPool::idle_of(routing::EndpointId id) {
  if (id >= idle_.size()) idle_.resize(id + 1);
  return idle_[id];
}

UpstreamConnection* UpstreamPool::take(const Upstream& upstream, bool verify) {
  Idle& idle = idle_of(upstream.id);
  while (UpstreamConnection* connection = idle.newest) {
    unlink(connection);
    // A reload that changed how to reach the endpoint made a new Upstream: the old one's
    // connections are of no use.
    const bool usable =
        connection->upstream_.get() == &upstream &&
        (!verify || connection->channel_->peek().status == transport::IoStatus::would_block);
    if (usable) {
      connection->reused_ = true;
      connection->counters_.pool_reuses.bump();
      return connection;
    }
    discard(connection);
  }
  return nullptr;
}

UpstreamConnection* UpstreamPool::create(const std::shared_ptr<Upstream>& upstream) {
  EndpointCounters& counters = *upstream->counters[worker_];
  auto* connection = new UpstreamConnection{loop_, *this, upstream, counters};
  ++connections_;
  counters.connects.bump();
  counters.upstream_connections.bump();
  return connection;
}

void UpstreamPool::put(UpstreamConnection* connection, std::uint32_t tick) {
  Idle& idle = idle_of(connection->upstream_->id);
  if (idle.count >= most_idle) {
    discard(connection);
    return;
  }
  connection->channel_->set_target(connection, 1, 2);
  connection->idle_ = true;
  connection->idle_since_ = tick;
  connection->older_ = idle.newest;
  connection->newer_ = nullptr;
  if (idle.newest) idle.newest->newer_ = connection;
  idle.newest = connection;
  if (!idle.oldest) idle.oldest = connection;
  ++idle.count;
  connection->counters_.idle_upstream_connections.bump();
  connection->channel_->arm_read();
}

void UpstreamPool::unlink(UpstreamConnection* connection) {
  Idle& idle = idle_of(connection->upstream_->id);
  (connection->newer_ ? connection->newer_->older_ : idle.newest) = connection->older_;
  (connection->older_ ? connection->older_->newer_ : idle.oldest) = connection->newer_;
  connection->newer_ = connection->older_ = nullptr;
  connection->idle_ = false;
  --idle.count;
  connection->counters_.idle_upstream_connections.drop();
}

void UpstreamPool::discard(UpstreamConnection* connection, transport::Channel::How how) {
  connection->channel_->close(how);
  connection->channel_->set_target(nullptr, 0, 0);
  loop_.bury(std::move(connection->channel_));
  --connections_;
  connection->counters_.upstream_connections.drop();
  delete connection;
}

void UpstreamPool::close_idle_before(std::uint32_t tick) {
  for (Idle& idle : idle_) {
    while (idle.oldest && static_cast<std::int32_t>(idle.oldest->idle_since_ - tick) < 0) {
      UpstreamConnection* connection = idle.oldest;
      unlink(connection);
      discard(connection);
    }
  }
}

void UpstreamPool::close_idle_of(routing::EndpointId id) {
  Idle& idle = idle_of(id);
  while (UpstreamConnection* connection = idle.newest) {
    unlink(connection);
    discard(connection);
  }
}

void UpstreamPool::close_all_idle() {
  for (routing::EndpointId id = 0; id < idle_.size(); ++id) close_idle_of(id);
}

}  // namespace proxy
