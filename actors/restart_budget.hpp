// How often an agent may be restarted, and how long to wait each time: a pure decision.
//
// The wait doubles with each restart inside the window, from backoff_min up to backoff_max; after
// more than restarts_max restarts within the window the agent is given up.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.hpp"

namespace troupe::actors {

struct RestartOptions {
  std::uint32_t restarts_max = 5;
  Duration window = std::chrono::seconds(60);
  Duration backoff_min = std::chrono::milliseconds(10);
  Duration backoff_max = std::chrono::seconds(5);
};

class RestartBudget {
 public:
  explicit RestartBudget(const RestartOptions& options) : options_(options) {}

  // Something crashed at `now`: how long to wait before starting it again, or nothing to give up.
  std::optional<Duration> crashed(Instant now) {
    while (!crashes_.empty() && now - crashes_.front() >= options_.window) crashes_.pop_front();
    if (crashes_.size() >= options_.restarts_max) return std::nullopt;
    Duration wait = options_.backoff_min;
    for (std::size_t i = 0; i < crashes_.size() && wait < options_.backoff_max; ++i) wait *= 2;
    crashes_.push_back(now);
    return std::min(wait, options_.backoff_max);
  }

 private:
  RestartOptions options_;
  std::deque<Instant> crashes_;  // within the window; at most restarts_max
};

}  // namespace troupe::actors
