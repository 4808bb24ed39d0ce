// What many threads hand to one: they push, it takes everything at once. The lock is held for one
// move or one swap; the two vectors are used in turn, so nothing is allocated once they have grown.
// It has no bound of its own: whoever pushes has been admitted (dispatcher.hpp).
#pragma once

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

namespace troupe::actors {

template <class T>
class Inbox {
 public:
  // False once it is closed; then `item` is as it was.
  bool push(T&& item) {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    items_.push_back(std::move(item));
    filled_.store(true, std::memory_order_seq_cst);  // before the notice that follows, for all
    return true;
  }

  // `out` is empty, and its room is used for what comes next.
  void take(std::vector<T>& out) {
    // Spares the lock. What it misses is followed by a notice that the taker has yet to see.
    if (!filled_.load(std::memory_order_seq_cst)) return;
    const std::lock_guard lock(mutex_);
    items_.swap(out);
    filled_.store(false, std::memory_order_relaxed);
  }

  // The last of it; nothing comes after.
  std::vector<T> close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    return std::exchange(items_, {});
  }

 private:
  alignas(64) std::mutex mutex_;
  std::vector<T> items_;  // guarded by mutex_
  bool closed_ = false;   // guarded by mutex_
  std::atomic<bool> filled_{false};
};

}  // namespace troupe::actors
