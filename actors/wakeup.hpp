// How a thread sleeps until somebody has work for it, or until a moment comes.
//
// Level-triggered, so that no wake-up is lost: the sleeper calls clear(), then looks for work, then
// wait_until(), which returns at once if notify() was called since clear(). Whoever has work makes
// it visible first (under a mutex that the sleeper takes to look) and calls notify() second. Only
// the first notify() after clear() may cost a system call, and only if the sleeper sleeps.
//
// One futex word instead of a mutex and a condition variable: the sleeper needs no lock to wake up,
// so it cannot wake only to wait for a notifier that was descheduled while holding one.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/time.hpp"

namespace troupe::actors {

class Wakeup {
 public:
  // From any thread.
  void notify() noexcept {
    // A notice that stands already will be cleared before the sleeper looks again.
    if (word_.load(std::memory_order_seq_cst) == noticed) return;
    if (word_.exchange(noticed, std::memory_order_seq_cst) == asleep) wake();
  }

  // The sleeper's own.
  void clear() noexcept { word_.store(awake, std::memory_order_seq_cst); }
  void wait_until(Instant at) noexcept;  // `never`: until notified. May return early

 private:
  static constexpr std::uint32_t awake = 0;
  static constexpr std::uint32_t noticed = 1;
  static constexpr std::uint32_t asleep = 2;

  void wake() noexcept;

  alignas(64) std::atomic<std::uint32_t> word_{awake};
};

// Of the calling thread: its name (at most 15 characters), and timed waits that end within
// microseconds of their time; Linux rounds them by 50 us otherwise.
void name_thread(const char* name) noexcept;
void wake_precisely() noexcept;

}  // namespace troupe::actors
