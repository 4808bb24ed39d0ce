// The machine's monotonic clock. Only what touches the outside world (actors, devices, the link,
// programs) includes this; decisions in scheduler/ are handed the time. tools/check-layers holds
// them to it.
#pragma once

#include "base/time.hpp"

namespace troupe {

inline Instant now() noexcept {
  return Instant{
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

}  // namespace troupe
