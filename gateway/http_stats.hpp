// What the door has answered, for /metrics. Thread-safe; one mutex, held for nanoseconds.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "base/histogram.hpp"
#include "gateway/routes.hpp"

namespace troupe::gateway {

struct HttpCounts {
  std::map<std::pair<Ask, unsigned>, std::uint64_t> answers;  // by question and status
  std::array<DurationHistogram, asks> took{};  // from the request's last byte to its answer
};

class HttpStats {
 public:
  void note(Ask ask, unsigned status, Duration took) {
    const std::lock_guard lock(mutex_);
    ++counts_.answers[{ask, status}];
    counts_.took[static_cast<std::size_t>(ask)].add(took);
  }

  [[nodiscard]] HttpCounts read() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

 private:
  mutable std::mutex mutex_;
  HttpCounts counts_;
};

}  // namespace troupe::gateway
