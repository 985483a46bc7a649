#include "proxy/buffers.hpp"

#include <bit>

namespace proxy {
namespace {

constexpr std::size_t smallest_bits = 11;

std::size_t slot_of(std::size_t size) {
  const std::size_t bits = std::bit_width(size - 1);
  return bits <= smallest_bits ? 0 : bits - smallest_bits;
}

}  // namespace

void Block::reset() {
  if (data_) pool_->give_back(std::exchange(data_, nullptr), std::exchange(capacity_, 0));
}

BlockPool::~BlockPool() {
  for (auto& list : free_)
    for (char* data : list) delete[] data;
}

Block BlockPool::take(std::size_t at_least) {
  const std::size_t slot = slot_of(at_least);
  if (slot >= sizes) {
    bytes_out_ += at_least;
    return {this, new char[at_least], at_least};
  }
  const std::size_t capacity = smallest << slot;
  bytes_out_ += capacity;
  auto& list = free_[slot];
  if (list.empty()) return {this, new char[capacity], capacity};
  char* data = list.back();
  list.pop_back();
  return {this, data, capacity};
}

void BlockPool::give_back(char* data, std::size_t capacity) noexcept {
  bytes_out_ -= capacity;
  const std::size_t slot = slot_of(capacity);
  if (slot < sizes && capacity == smallest << slot) {
    auto& list = free_[slot];
    if (list.size() < most_kept / capacity) {
      list.push_back(data);
      return;
    }
  }
  delete[] data;
}

void Outbox::keep(BlockPool& pool, const iovec* pieces, std::size_t count, std::size_t sent) {
  std::size_t total = 0;
  for (std::size_t i = 0; i < count; ++i) total += pieces[i].iov_len;
  if (sent >= total) return;
  Block block = pool.take(total - sent);
  std::size_t filled = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const char* data = static_cast<const char*>(pieces[i].iov_base);
    std::size_t size = pieces[i].iov_len;
    const std::size_t skip = size < sent ? size : sent;
    sent -= skip;
    data += skip;
    size -= skip;
    if (size > 0) std::memcpy(block.data() + filled, data, size);
    filled += size;
  }
  block_ = std::move(block);
  begin_ = 0;
  end_ = filled;
}

}  // namespace proxy
