// A worker's finished requests on their way to the access log: one writer (the worker), one reader
// (the control thread), fixed memory, no lock. A full ring drops and counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "proxy/request_record.hpp"

namespace proxy {

class RecordRing {
 public:
  static constexpr std::size_t capacity = 4096;

  // The slot to fill, or null when the reader is behind; then `publish`.
  RequestRecord* slot() {
    if (!records_) records_ = std::make_unique<RequestRecord[]>(capacity);
    if (written_.load(std::memory_order_relaxed) - read_.load(std::memory_order_acquire) >=
        capacity) {
      dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return nullptr;
    }
    return &records_[written_.load(std::memory_order_relaxed) % capacity];
  }
  void publish() {
    written_.store(written_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // The reader's side: each record is visited where it lies.
  template <class Visit>
  void take(const Visit& visit) {
    const std::uint64_t written = written_.load(std::memory_order_acquire);
    std::uint64_t read = read_.load(std::memory_order_relaxed);
    for (; read != written; ++read) visit(records_[read % capacity]);
    read_.store(read, std::memory_order_release);
  }
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  std::unique_ptr<RequestRecord[]> records_;  // made by the writer before the first publish
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> read_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace proxy
