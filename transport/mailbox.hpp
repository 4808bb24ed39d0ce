// How any thread hands things to the thread that owns the sockets: a lock-free queue with many
// writers and one reader, and an eventfd that the reader can wait for among its sockets.
//
// push() never blocks and makes a system call only when the queue was empty. The reader waits for
// descriptor() to be readable, then calls clear() and *then* drain(): the other way round a push
// between the two would be slept through. Things that are left when the mailbox is destroyed are
// destroyed with it. Order is kept per writer. Its length is bounded by whoever pushes (slots.hpp).
//
// Source: the queue is Treiber's stack ("Systems Programming: Coping with Parallelism", 1986),
// taken whole and reversed.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace troupe::transport {

template <class T>
class Mailbox {
 public:
  Mailbox() noexcept : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~Mailbox() {
    drain([](T&&) {});
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // False when the system had no descriptor left; the mailbox is then of no use.
  [[nodiscard]] bool works() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  void push(T thing) {
    Node* const node = new Node{nullptr, std::move(thing)};
    Node* before = head_.load(std::memory_order_relaxed);
    do {
      node->next = before;
    } while (!head_.compare_exchange_weak(before, node, std::memory_order_release,
                                          std::memory_order_relaxed));
    // Only an empty queue can have a sleeping reader. `node` may be gone by now.
    if (before == nullptr) ring();
  }

  [[nodiscard]] bool empty() const noexcept {
    return head_.load(std::memory_order_relaxed) == nullptr;
  }

  // Reader only: takes back the wake-up.
  void clear() noexcept {
    std::uint64_t rings = 0;
    while (::read(descriptor_, &rings, sizeof rings) < 0 && errno == EINTR) {
    }
  }

  // Reader only: hands everything to `take(T&&)`, oldest first.
  template <class Take>
  void drain(Take take) {
    Node* newest = head_.exchange(nullptr, std::memory_order_acquire);
    Node* oldest = nullptr;
    while (newest != nullptr) {
      Node* const node = std::exchange(newest, newest->next);
      node->next = std::exchange(oldest, node);
    }
    while (oldest != nullptr) {
      Node* const node = std::exchange(oldest, oldest->next);
      take(std::move(node->thing));
      delete node;
    }
  }

 private:
  struct Node {
    Node* next;
    T thing;
  };

  void ring() noexcept {
    const std::uint64_t one = 1;
    while (::write(descriptor_, &one, sizeof one) < 0 && errno == EINTR) {
    }
  }

  const int descriptor_;
  std::atomic<Node*> head_{nullptr};
};

}  // namespace troupe::transport
