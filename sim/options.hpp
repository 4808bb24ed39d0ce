// Everything that a simulated run consists of, in one struct: what comes, what it runs on, and what
// goes wrong. With the same options a run is the same on every machine, to the last decision.
//
// Times are counted from the run's beginning. Shares are between 0 and 1.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "scheduler/task.hpp"

namespace troupe::sim {

// A recorded arrival: when, and how large.
struct TracedArrival {
  Duration at{};
  std::uint32_t units = 1;
};

// This share of a stream's tasks is wanted `after` so long.
struct DeadlineShare {
  double share = 1;
  Duration after{};
};

// Tasks that are alike in whom they are for and what they want. Exactly one of `rate_per_s`,
// `agents` and `trace` says how they come; if none does, none come.
struct Stream {
  double rate_per_s = 0;              // open arrivals: tasks, whatever becomes of them
  std::uint32_t burst_tasks_max = 1;  // they come in groups of 1 to this many, at exponential gaps
  std::uint32_t agents = 0;  // closed loop: each submits its next one when it has its answer
  Duration think{};  // after so long on average, half as long and half as long again included
  std::shared_ptr<const std::vector<TracedArrival>> trace;
  Duration from{};                   // no task of it comes before
  Duration until = Duration::max();  // or after this

  scheduler::Kind kind;
  TenantId tenant;
  std::uint32_t workflows = 1;           // numbered from 0; each task draws one,
  std::uint32_t callers = 1;             // and one of these agents of it
  std::optional<Lane> lane;              // the one it asks for
  std::vector<DeadlineShare> deadlines;  // shares add up to 1 or less; the rest has none
  double deadline_spread = 0;            // each is longer by up to this share of itself
  std::uint32_t units_min = 1;
  std::uint32_t units_max = 1;  // uniform; a trace brings its own
  float weight = 1;
};

// What a batch of one kind costs where it is not what the device's other batches cost.
struct KindCost {
  scheduler::Kind kind;
  Duration fixed{};
  Duration per_unit{};
};

// A batch of up to so many units costs at least this.
struct CostStep {
  std::uint64_t units = 0;
  Duration least{};
};

struct DeviceOptions {
  Duration fixed{};  // a batch takes fixed + per_unit * units
  Duration per_unit{};
  std::vector<KindCost> kinds;
  std::vector<CostStep> steps;  // by units, rising: what is above the last has only the line
  double noise = 0;             // standard deviation of the logarithm; the mean stays
  Duration slow_from = Duration::max();  // from then on batches take slow_factor times as long
  double slow_factor = 1;
  Duration report_delay_max{};  // from a batch's end to the scheduler's hearing of it

  Duration tile{};  // zero: it cannot be entered
  std::uint32_t slots = 1;
  std::uint32_t urgent_slots = 1;
  Duration joins{};        // when it comes
  double told_factor = 1;  // what the scheduler is told of its cost, over the truth
};

// The device computes nothing from `at` on; `silent` later it is given up and reported as left;
// `down` later it is back, empty. Silent for no time, it is simply lost.
struct Outage {
  std::uint32_t device = 0;
  Duration at{};
  Duration silent{};
  Duration down{};
};

// The clock that the scheduler is shown stands `back` behind for `length`.
struct ClockStep {
  Duration at{};
  Duration back{};
  Duration length{};
};

// A device says anew what it is.
struct DeviceUpdate {
  std::uint32_t device = 0;
  Duration at{};
  std::uint32_t slots = 1;  // zero: it takes nothing for now
  std::uint32_t urgent_slots = 1;
  double told_factor = 1;
};

struct Faults {
  std::vector<Outage> outages;
  std::vector<ClockStep> clock_steps;
  std::vector<DeviceUpdate> updates;
  double slow_share = 0;  // of batches that take slow_factor times as long
  double slow_factor = 1;
  double lost_report_share = 0;  // of batches whose end is never told; the device is given up
  Duration report_limit = std::chrono::milliseconds(100);  // so long after, and is back
  Duration restart = std::chrono::milliseconds(1);         // this long after that
  double duplicate_report_share = 0;                       // of batches whose end is told twice
  double cancel_share = 0;            // of tasks, at some time up to fault_window after they came
  double raise_share = 0;             // of tasks, likewise; with a deadline at that window's end
  double duplicate_submit_share = 0;  // of tasks, likewise
  Duration fault_window = std::chrono::milliseconds(10);
  double hopeless_share = 0;         // of tasks, that come with a deadline of now or before
  std::uint32_t strange_events = 0;  // about workers, batches and tasks that nobody knows
};

struct WorldOptions {
  std::uint64_t seed = 1;
  std::vector<Stream> streams;
  std::vector<DeviceOptions> devices;
  Faults faults;
  Duration duration = std::chrono::seconds(10);  // nothing comes after it; what is there is done
  std::uint64_t tasks_max = ~std::uint64_t{0};   // nor after so many tasks
  Duration drain = std::chrono::seconds(60);     // a run that is not done so long after is cut off
  double warm_up = 0.1;  // of the duration: what comes in it is not measured
  Duration grid{1};      // instants are multiples of it: a coarse one makes things coincide
};

}  // namespace troupe::sim
