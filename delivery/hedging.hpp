// When an urgent task is late enough that a second node should be asked for it, and whether that
// may be afforded. Source: Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013.
//
// Late is later than nearly all urgent tasks of late: an online estimate of a quantile of the time
// from offer to result, never below a floor. The quantile is the one that the budget pays for: were
// it a lower one, hedges would be spent on tasks that were about to be answered. The estimate moves
// up when a task took longer and down when it did not, so much that both come out even where it is
// right (Robbins and Monro, "A stochastic approximation method", 1951), by parts of itself, so that
// it finds microseconds and minutes alike. It asks of each time only whether it was longer, and so
// is not misled by tasks that a second node answered first: they were.
//
// Sans-io; not thread-safe. A few numbers, whatever there was to be seen.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace troupe::delivery {

// Of a stream of durations, the one that a given part of them does not exceed.
class Quantile {
 public:
  explicit Quantile(double part) noexcept : part_(part) {}

  void saw(Duration took) noexcept;
  [[nodiscard]] Duration value() const noexcept;

 private:
  double part_;
  double log_ns_ = 0;  // 0: nothing seen
};

struct HedgingOptions {
  double part_of_tasks = 0.02;     // hedges, of the urgent tasks submitted
  double late_part = 0.985;        // a little more than the rest of them
  std::uint32_t samples_min = 64;  // before anything is late
  Duration delay_min = std::chrono::milliseconds(5);
};

class Hedging {
 public:
  static constexpr double saved_max = 20;

  explicit Hedging(const HedgingOptions& options) noexcept
      : options_(options), late_(options.late_part) {}

  void task() noexcept;  // one more urgent task was submitted
  void took(Duration from_offer_to_result) noexcept;

  // How long a task may take before it is late; none: not known yet.
  [[nodiscard]] std::optional<Duration> delay() const noexcept;
  // What half of them take: one with less time left is not worth a second node.
  [[nodiscard]] Duration usual() const noexcept { return usual_.value(); }
  // One hedge, if there is one left. What is not used is saved up to a small limit, and nothing is
  // there at the start: there are never more than part_of_tasks.
  bool take() noexcept;

 private:
  HedgingOptions options_;
  Quantile late_;
  Quantile usual_{0.5};
  std::uint32_t samples_ = 0;
  double saved_ = 0;
};

}  // namespace troupe::delivery
