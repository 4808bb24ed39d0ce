#include "delivery/retry_budget.hpp"

#include <algorithm>

namespace troupe::delivery {

void RetryBudget::task() noexcept {
  saved_ = std::min(saved_max, saved_ + part_of_tasks);
}

bool RetryBudget::take(Instant now) noexcept {
  if (now > filled_) {
    const double seconds = std::chrono::duration<double>(now - filled_).count();
    saved_ = std::min(saved_max, saved_ + seconds * per_second);
    filled_ = now;
  }
  if (saved_ < 1) return false;
  saved_ -= 1;
  return true;
}

}  // namespace troupe::delivery
