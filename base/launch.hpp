// How and why a batch got onto a device: words that the scheduler decides in, that travel with each
// outcome, and that `troupe explain` prints.
//
// The numbers travel on the wire: never renumber one, only append.
#pragma once

#include <cstdint>
#include <string_view>

namespace troupe {

enum class Entry : std::uint8_t {
  in_turn = 0,  // after the batches that the device has
  inside = 1,   // at the next tile boundary of the running batch, which goes on where it stood
};

enum class LaunchReason : std::uint8_t {
  none = 0,      // it was never launched
  full = 1,      // no further task fitted
  pressing = 2,  // waiting longer would have missed a deadline
  enough = 3,    // waiting for more would have cost those there more than it would have saved
  urgent = 4,    // urgent tasks by themselves: the device had time for that
  ride = 5,      // urgent tasks at the head of an ordinary batch of their kind
  unbatched = 6  // batching is off
};
inline constexpr std::uint8_t launch_reasons = 7;

constexpr std::string_view name(Entry entry) noexcept {
  return entry == Entry::inside ? "inside" : "in turn";
}

constexpr std::string_view name(LaunchReason reason) noexcept {
  constexpr std::string_view names[launch_reasons] = {"none",   "full", "pressing", "enough",
                                                      "urgent", "ride", "unbatched"};
  const auto index = static_cast<std::uint8_t>(reason);
  return index < launch_reasons ? names[index] : "unknown";
}

}  // namespace troupe
