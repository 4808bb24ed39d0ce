// Tasks that come because others have ended: agents that submit their next one as soon as they have
// their answer.
//
// With such agents a device that takes what there is the moment it is free locks into half batches:
// while one half is computed the other half waits, for ever. Knowing that the answers just given
// will be followed by so many new tasks, within so short a time, the batcher can wait for them.
//
// Learned per kind: arrivals within a short window after a batch has ended, beyond what comes at
// other times anyway, as a part of the tasks that ended (0: open arrivals, 1: all come back); and
// how long the last of them takes. Not thread-safe.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace troupe::scheduler {

class Returns {
 public:
  // How long after the end of a batch an arrival may count as caused by it.
  void watch(Duration window) noexcept { window_ = window; }

  void arrived(Instant now) noexcept;
  void ended(Instant now, std::size_t tasks) noexcept;

  // How many of the tasks that ended are still expected back, by `until`; none is.
  struct Expected {
    double tasks = 0;
    Instant until;
  };
  [[nodiscard]] Expected expected(Instant now) const noexcept;

  // Enough tasks come back to wait for them.
  [[nodiscard]] bool come_back() const noexcept { return part_ >= part_that_counts; }
  [[nodiscard]] double part() const noexcept { return part_; }

 private:
  static constexpr double part_that_counts = 0.3;  // below it, arrivals are called open

  void close(Instant now) noexcept;

  Duration window_ = std::chrono::microseconds(500);
  bool open_ = false;
  Instant opened_;
  double ended_ = 0;     // tasks, in the open window
  double came_ = 0;      // since it opened
  double part_ = 0;      // that comes back
  double delay_ns_ = 0;  // until most of them are back
  double last_ns_ = 0;   // from the opening to the latest arrival in the window
  // What comes outside of windows.
  Instant closed_;
  bool outside_begun_ = false;
  double outside_ns_ = 0;
  double outside_came_ = 0;
};

}  // namespace troupe::scheduler
