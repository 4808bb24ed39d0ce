// What came of a simulated run.
//
// Counted are the tasks that came after the warm-up; latencies run from the instant a task was
// meant to come to its outcome.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "base/id.hpp"
#include "base/lane.hpp"
#include "base/time.hpp"

namespace troupe::sim {

inline constexpr std::size_t error_codes = static_cast<std::size_t>(ErrorCode::infeasible) + 1;

struct StreamReport {
  std::uint64_t offered = 0;
  std::uint64_t on_time = 0;                         // completed, by the deadline if there is one
  std::uint64_t late = 0;                            // completed, too late
  std::array<std::uint64_t, error_codes> refused{};  // by the code's number
  std::uint64_t dropped = 0;        // canceled while they ran: the outcome is dropped
  std::uint64_t unfinished = 0;     // when the run was cut off
  std::vector<Duration> latencies;  // of the completed, in the order of their outcomes

  [[nodiscard]] std::uint64_t completed() const noexcept { return on_time + late; }
  [[nodiscard]] std::uint64_t refused_as(ErrorCode code) const noexcept {
    return refused[static_cast<std::size_t>(code)];
  }
};

struct DeviceReport {
  Duration busy{};  // between the warm-up and the end of arrivals
  std::uint64_t batches = 0;
  std::uint64_t entered = 0;  // batches inside
  std::uint64_t pauses = 0;   // of running batches
};

struct TenantReport {
  TenantId tenant;
  Duration device_time{};  // of its completed tasks, a batch's divided by units
};

struct RunReport {
  std::vector<StreamReport> streams;                        // as in the options
  std::array<std::vector<Duration>, lane_count> latencies;  // by the lane that carried them
  std::vector<DeviceReport> devices;
  std::vector<TenantReport> tenants;
  std::vector<std::uint64_t> batch_sizes;  // how many batches of so many tasks
  Duration measured{};                     // from the warm-up's end to the end of arrivals
  Duration idle_with_work_max{};  // longest time that a device was idle while tasks were queued
  std::uint64_t tasks = 0;        // all that came
  std::uint64_t calls = 0;        // of the policy
  std::uint64_t decisions = 0;
  std::uint64_t hash = 0;  // of all decisions (hash.hpp)
  Instant ended;           // when nothing was left to do
  bool cut_off = false;    // it was not done in time

  // Of all devices' time.
  [[nodiscard]] double busy_share() const noexcept {
    double busy = 0;
    for (const DeviceReport& device : devices) busy += static_cast<double>(device.busy.count());
    const double all = static_cast<double>(measured.count()) * static_cast<double>(devices.size());
    return all > 0 ? busy / all : 0;
  }
};

// The value that this share of them does not exceed; zero for none. Reorders `values`.
Duration percentile(std::vector<Duration>& values, double share);

}  // namespace troupe::sim
