// How much the agents of a node have in hand: mail in their mailboxes and tasks whose outcome they
// have not dealt with. A node that is being taken out of service is empty when there is none left.
//
// One count for both, because one becomes the other: a handler submits or writes before what it
// handles is let go, so that the count is never zero in between. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace troupe::actors {

class InHand {
 public:
  void add() noexcept { count_.fetch_add(1, std::memory_order_seq_cst); }
  void remove(std::uint64_t count = 1) noexcept {
    count_.fetch_sub(count, std::memory_order_seq_cst);
  }
  [[nodiscard]] std::uint64_t count() const noexcept {
    return count_.load(std::memory_order_seq_cst);
  }

 private:
  std::atomic<std::uint64_t> count_{0};
};

// One piece, for as long as this or a copy of it lives: CAF copies what it cannot move, and what is
// in the mailbox of an actor that ends is destroyed unread. The InHand outlives it.
class Held {
 public:
  Held() = default;
  explicit Held(InHand& all) noexcept : all_(&all) { all_->add(); }
  Held(const Held& other) noexcept : all_(other.all_) {
    if (all_ != nullptr) all_->add();
  }
  Held(Held&& other) noexcept : all_(std::exchange(other.all_, nullptr)) {}
  Held& operator=(Held other) noexcept {
    std::swap(all_, other.all_);
    return *this;
  }
  ~Held() {
    if (all_ != nullptr) all_->remove();
  }

 private:
  InHand* all_ = nullptr;
};

}  // namespace troupe::actors
