// The data path's coroutines: frames come from a per-thread pool, a Task starts when it is awaited
// and hands control back by symmetric transfer, a Detached one starts at once and frees itself.
// asio::awaitable is for the control thread; here it would cost an allocation per frame and a
// 7,000-instruction `a || b` wherever two sockets are watched at once.
// A coroutine stays on the thread that started it. Nothing throws on the data path: an escaping
// exception ends the process.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <new>
#include <optional>
#include <utility>

namespace transport {

// Coroutine frames of one thread, kept in free lists by size. Bounded: what a burst leaves behind
// beyond `most_kept` frames of a size goes back to the heap.
class FramePool {
 public:
  static void* allocate(std::size_t size) {
    const std::size_t slot = slot_of(size);
    if (slot < slots) {
      FramePool& pool = here();
      if (Node* node = pool.free_[slot]) {
        pool.free_[slot] = node->next;
        --pool.kept_[slot];
        return node;
      }
      size = (slot + 1) * granule;
    }
    return ::operator new(size);
  }

  static void release(void* memory, std::size_t size) noexcept {
    const std::size_t slot = slot_of(size);
    if (slot < slots) {
      FramePool& pool = here();
      if (pool.kept_[slot] < most_kept) {
        pool.free_[slot] = new (memory) Node{pool.free_[slot]};
        ++pool.kept_[slot];
        return;
      }
    }
    ::operator delete(memory);
  }

  FramePool() = default;
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;
  ~FramePool() {
    for (Node*& head : free_) {
      while (head) {
        Node* next = head->next;
        ::operator delete(static_cast<void*>(head));
        head = next;
      }
    }
  }

 private:
  struct Node {
    Node* next;
  };
  static constexpr std::size_t granule = 256, slots = 16, most_kept = 512;

  static std::size_t slot_of(std::size_t size) { return (size - 1) / granule; }
  static FramePool& here() {
    thread_local FramePool pool;
    return pool;
  }

  std::array<Node*, slots> free_{};
  std::array<std::size_t, slots> kept_{};
};

template <class T = void>
class [[nodiscard]] Task;

namespace detail {

struct PooledFrame {
  static void* operator new(std::size_t size) { return FramePool::allocate(size); }
  static void operator delete(void* memory, std::size_t size) { FramePool::release(memory, size); }
};

struct ResumeParent {
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> finished) const noexcept {
    return finished.promise().parent_;
  }
  void await_resume() const noexcept {}
};

template <class T>
struct TaskPromiseBase : PooledFrame {
  std::coroutine_handle<> parent_;
  std::suspend_always initial_suspend() const noexcept { return {}; }
  ResumeParent final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
};

template <class T>
struct TaskPromise : TaskPromiseBase<T> {
  std::optional<T> value_;
  Task<T> get_return_object();
  void return_value(T value) { value_.emplace(std::move(value)); }
  T take() { return std::move(*value_); }
};

template <>
struct TaskPromise<void> : TaskPromiseBase<void> {
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace detail

template <class T>
class Task {
 public:
  using promise_type = detail::TaskPromise<T>;

  explicit Task(std::coroutine_handle<promise_type> handle) : handle_{handle} {}
  Task(Task&& other) noexcept : handle_{std::exchange(other.handle_, {})} {}
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
    handle_.promise().parent_ = parent;
    return handle_;
  }
  T await_resume() { return handle_.promise().take(); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

namespace detail {

template <class T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>{std::coroutine_handle<TaskPromise>::from_promise(*this)};
}

inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>{std::coroutine_handle<TaskPromise>::from_promise(*this)};
}

}  // namespace detail

// Starts at once; nobody awaits it.
struct Detached {
  struct promise_type : detail::PooledFrame {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

}  // namespace transport
