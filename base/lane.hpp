// The two lanes. Urgent work goes now; ordinary work coalesces into batches.
#pragma once

#include <cstdint>
#include <string_view>

namespace troupe {

enum class Lane : std::uint8_t { urgent = 0, ordinary = 1 };
inline constexpr std::size_t lane_count = 2;

constexpr std::string_view name(Lane lane) noexcept {
  return lane == Lane::urgent ? "urgent" : "ordinary";
}

}  // namespace troupe
