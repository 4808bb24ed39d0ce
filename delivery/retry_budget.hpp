// How much may be tried again: a part of what is tried at all, so that a cluster in trouble is not
// asked for twice as much as one that is well.
//
// Each task adds a part of a retry, and each second a few more, for times when little is sent; what
// is not used is saved up to a small limit. Source: the retry budgets of Finagle (Twitter, 2016)
// and "Handling Overload" in Beyer et al., "Site Reliability Engineering", 2016.
//
// Sans-io; not thread-safe.
#pragma once

#include "base/time.hpp"

namespace troupe::delivery {

class RetryBudget {
 public:
  static constexpr double part_of_tasks = 0.1;
  static constexpr double per_second = 10;
  static constexpr double saved_max = 100;

  void task() noexcept;
  // One retry, if there is one left.
  bool take(Instant now) noexcept;

 private:
  double saved_ = saved_max;
  Instant filled_{};
};

}  // namespace troupe::delivery
