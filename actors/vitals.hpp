// What can be seen of one agent from outside while it works, for `troupe agents`: written by its
// shell and by whoever writes to it, read by anybody. Each number is right by itself; nobody waits
// for another, and a message costs two additions and a look at the clock.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/time.hpp"

namespace troupe::actors {

// running: has an agent. backing_off: failed, waits to be started again, stashes mail. down: gave
// up, answers everything with an error. leaving: ends; passes mail on to its successor.
enum class ShellState : std::uint8_t { running, backing_off, down, leaving };

constexpr std::string_view name(ShellState state) noexcept {
  constexpr std::string_view names[] = {"running", "backing_off", "down", "leaving"};
  return names[static_cast<std::size_t>(state)];
}

class Vitals {
 public:
  explicit Vitals(Instant at) : active_(at.time_since_epoch().count()) {}

  void mail_came() noexcept { mail_.fetch_add(1, std::memory_order_relaxed); }
  void mail_taken() noexcept { mail_.fetch_sub(1, std::memory_order_relaxed); }
  void active(Instant at) noexcept {
    active_.store(at.time_since_epoch().count(), std::memory_order_relaxed);
  }
  void started() noexcept { starts_.fetch_add(1, std::memory_order_relaxed); }
  void became(ShellState state) noexcept { state_.store(state, std::memory_order_relaxed); }
  void has_tasks(std::uint64_t count) noexcept { tasks_.store(count, std::memory_order_relaxed); }

  // Letters that came and were not handled: in the mailbox, or stashed.
  [[nodiscard]] std::uint64_t mail() const noexcept {
    return mail_.load(std::memory_order_relaxed);
  }
  // When it last handled anything, or was made.
  [[nodiscard]] Instant last_active() const noexcept {
    return Instant{Duration{active_.load(std::memory_order_relaxed)}};
  }
  [[nodiscard]] std::uint64_t restarts() const noexcept {
    const auto starts = starts_.load(std::memory_order_relaxed);
    return starts == 0 ? 0 : starts - 1;
  }
  // Of its own, without an outcome that it has dealt with.
  [[nodiscard]] std::uint64_t tasks() const noexcept {
    return tasks_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] ShellState state() const noexcept { return state_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> mail_{0};
  std::atomic<std::uint64_t> starts_{0};
  std::atomic<std::uint64_t> tasks_{0};
  std::atomic<Duration::rep> active_;
  std::atomic<ShellState> state_{ShellState::running};
};

}  // namespace troupe::actors
