// Memory of one worker thread: scratch areas that every connection uses in turn, and blocks for
// the few bytes that must outlive a suspension (a request until it is answered, what a slow peer
// has not taken yet). An idle connection holds none.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace proxy {

class BlockPool;

// An owned piece of memory from the pool; goes back by itself.
class Block {
 public:
  Block() = default;
  Block(Block&& other) noexcept
      : pool_{std::exchange(other.pool_, nullptr)},
        data_{std::exchange(other.data_, nullptr)},
        capacity_{std::exchange(other.capacity_, 0)} {}
  Block& operator=(Block&& other) noexcept {
    if (this != &other) {
      reset();
      pool_ = std::exchange(other.pool_, nullptr);
      data_ = std::exchange(other.data_, nullptr);
      capacity_ = std::exchange(other.capacity_, 0);
    }
    return *this;
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { reset(); }

  char* data() const { return data_; }
  std::size_t capacity() const { return capacity_; }
  explicit operator bool() const { return data_ != nullptr; }
  void reset();

 private:
  friend class BlockPool;
  Block(BlockPool* pool, char* data, std::size_t capacity)
      : pool_{pool}, data_{data}, capacity_{capacity} {}

  BlockPool* pool_ = nullptr;
  char* data_ = nullptr;
  std::size_t capacity_ = 0;
};

// Free lists by power of two from 2 KiB to 1 MiB; keeps at most `most_kept` bytes of each size.
class BlockPool {
 public:
  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  Block take(std::size_t at_least);
  std::size_t bytes_out() const { return bytes_out_; }  // held by connections now

 private:
  friend class Block;
  void give_back(char* data, std::size_t capacity) noexcept;

  static constexpr std::size_t smallest = 2048, sizes = 10, most_kept = 4 << 20;
  std::array<std::vector<char*>, sizes> free_;
  std::size_t bytes_out_ = 0;
};

// Bytes accepted from one side that the other side has not taken yet. While it holds anything,
// nothing more is read: that is the back-pressure, and the bound.
class Outbox {
 public:
  bool empty() const { return begin_ == end_; }
  std::size_t size() const { return end_ - begin_; }
  std::string_view bytes() const { return {block_.data() + begin_, size()}; }
  void consume(std::size_t count) {
    begin_ += count;
    if (begin_ == end_) clear();
  }
  void clear() {
    block_.reset();
    begin_ = end_ = 0;
  }
  // Keeps what is left of `pieces` after `sent` bytes.
  void keep(BlockPool& pool, const iovec* pieces, std::size_t count, std::size_t sent);

 private:
  Block block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// One worker's scratch: contents are meaningless after a suspension.
struct Scratch {
  static constexpr std::size_t relay_size = 512 * 1024;
  static constexpr std::size_t head_size = 160 * 1024;  // limits.head may be raised to 64 KiB
  // Room before and behind the data for a chunk's size line and the last chunk.
  static constexpr std::size_t slack = 64;
  std::unique_ptr<char[]> relay{new char[relay_size + 2 * slack]};
  std::unique_ptr<char[]> head{new char[head_size]};
  char* relay_data() const { return relay.get() + slack; }
};

}  // namespace proxy
