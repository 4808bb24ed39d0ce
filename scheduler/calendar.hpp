// The work that is promised, by deadline: whether one more task can be promised, too.
//
// Time is cut into slots; each holds the work that accepted, waiting tasks still need by then, in
// nanoseconds of one device. A new task is feasible when, served in the order of deadlines, it and
// everybody after it still ends in time: at every slot from its own on, all the work up to there
// must fit between now and the slot's beginning (the processor demand test for earliest deadline
// first: Baruah, Rosier, Howell 1990, on slots).
//
// Not thread-safe. Constant memory; a test walks the slots.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.hpp"

namespace troupe::scheduler {

class Calendar {
 public:
  void add(Instant now, Instant deadline, double work_ns);
  void remove(Instant deadline, double work_ns);

  struct Ask {
    Instant now;
    Instant deadline;
    double work_ns = 0;   // of the new task
    double ahead_ns = 0;  // work that goes first whatever its deadline
    double devices = 1;   // how many do the work
    double slack_ns = 0;  // by which everything must be early; below zero: may seem late
  };
  // Zero if it can be promised; else how much later its deadline would have to be.
  [[nodiscard]] Duration lacking(const Ask& ask) const noexcept;

 private:
  static constexpr std::size_t slots = 128;

  [[nodiscard]] std::int64_t number(Instant at) const noexcept {
    return at.time_since_epoch().count() / width_ns_;
  }
  [[nodiscard]] double& at(std::int64_t number) noexcept {
    return work_[static_cast<std::size_t>(number) % slots];
  }
  [[nodiscard]] double at(std::int64_t number) const noexcept {
    return work_[static_cast<std::size_t>(number) % slots];
  }
  void widen() noexcept;
  void advance(std::int64_t number) noexcept;
  [[nodiscard]] std::int64_t place(Instant deadline) const noexcept;

  std::int64_t width_ns_ = 1 << 16;
  std::int64_t first_ = 0;  // number of the earliest slot kept; what was due before stands in it
  std::array<double, slots> work_{};
};

}  // namespace troupe::scheduler
