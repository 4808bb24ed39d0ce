// What became of the tasks of one stream of an open loop, without coordinated omission: latency is
// counted from the intended arrival, tasks that were refused or never answered are counted too, and
// what arrived while everything was still warming up is left out.
//
// A task belongs to the measurement by its intended arrival alone, so that a slow answer cannot
// fall out of it. Not thread-safe: the thread that takes the outcomes owns it.
#pragma once

#include <cstdint>

#include "base/time.hpp"
#include "bench/harness/histogram.hpp"

namespace troupe::bench::harness {

// Instants since the start of the run; the measurement is [warm_up, end).
struct Window {
  Duration warm_up{};
  Duration end{};
};

class LatencyRecorder {
 public:
  // `time_limit` of each task; zero: none, and then no answer is late.
  explicit LatencyRecorder(Window window, Duration time_limit = Duration::zero()) noexcept;

  // Exactly one of these for each arrival.
  void answered(Duration intended, Duration at) noexcept;
  void refused(Duration intended) noexcept;
  // The run ended at `at` and it had no outcome. It counts as the wait that it had so far, which
  // can only make the percentiles too small: look at unanswered() before believing them.
  void unanswered(Duration intended, Duration at) noexcept;

  [[nodiscard]] const LatencyHistogram& latency() const noexcept { return latency_; }
  [[nodiscard]] std::uint64_t offered() const noexcept;
  [[nodiscard]] std::uint64_t answered() const noexcept { return answered_; }
  [[nodiscard]] std::uint64_t late() const noexcept { return late_; }  // of those answered
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }
  [[nodiscard]] std::uint64_t unanswered() const noexcept { return unanswered_; }
  // Answers in time per second of the window.
  [[nodiscard]] double goodput_per_second() const noexcept;

 private:
  [[nodiscard]] bool counts(Duration intended) const noexcept;

  Window window_;
  Duration time_limit_;
  LatencyHistogram latency_;
  std::uint64_t answered_ = 0;
  std::uint64_t late_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t unanswered_ = 0;
};

}  // namespace troupe::bench::harness
