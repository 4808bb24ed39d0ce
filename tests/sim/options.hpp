// Everything that one simulated run draws from its seed, named in one place.
#pragma once

#include <cstdint>
#include <string>

#include "scheduler/batcher.hpp"
#include "scheduler/fast_lane.hpp"
#include "scheduler/lane_choice.hpp"

namespace troupe::sim {

struct SimOptions {
  std::uint64_t seed = 0;

  // Arrivals: groups at the ends of exponential gaps; groups of one are a Poisson process.
  std::uint32_t tasks = 300;
  Duration gap_mean = std::chrono::microseconds(500);
  std::uint32_t burst_tasks_max = 1;  // a group has 1 to this many
  Duration grid{1};                   // instants and durations are multiples: a coarse grid makes
                                      // things coincide

  // Tasks.
  std::uint32_t kinds = 2;
  std::uint32_t task_units_max = 16;
  double giant_share = 0;  // of tasks larger than a batch may be
  double asks_urgent_share = 0.02;
  double asks_ordinary_share = 0;  // the rest leaves the choice to the scheduler
  double deadline_share = 1;       // the rest has none
  double hopeless_share = 0;       // of tasks, whose deadline is past or present on arrival
  Duration deadline_min = std::chrono::milliseconds(5);  // after the arrival
  Duration deadline_max = std::chrono::milliseconds(50);
  Duration deadline_grid{1};  // a coarse one makes deadlines tie

  // The scheduler's own settings.
  scheduler::LaneOptions lanes;
  scheduler::FastLaneOptions urgent;
  scheduler::BatcherOptions ordinary;

  // Workers: each draws its slots and costs below these.
  std::uint32_t workers = 1;
  std::uint32_t slots_max = 2;
  std::uint32_t urgent_slots_max = 1;
  Duration cost_fixed_max = std::chrono::milliseconds(2);
  Duration cost_per_unit_max = std::chrono::microseconds(50);
  bool workers_alike = true;  // all at the maximum
  Duration tile = std::chrono::microseconds(20);

  // What really happens, against what the costs predict.
  double jitter = 0;      // a batch takes up to this share more or less
  double slow_share = 0;  // of batches that take slow_factor times as long
  double slow_factor = 1;
  Duration report_delay_max{};  // from the end of a batch to the scheduler hearing of it

  // Faults and odd events.
  double cancel_share = 0;            // of tasks, at some time while they wait, run or are done
  double duplicate_submit_share = 0;  // of tasks, sent a second time a little later
  double duplicate_report_share = 0;  // of completions, told twice
  std::uint32_t strange_events = 0;   // about workers, batches and tasks that nobody knows
  std::uint32_t worker_losses = 0;
  Duration worker_down_max = std::chrono::milliseconds(20);
  std::uint32_t worker_updates = 0;  // further WorkerJoined with other slots and costs
  bool workers_late = false;         // the first task comes before the first worker
};

// One draw. Every seed gives a different mixture, harsh ones among them; the shares are tuned so
// that a few hundred seeds reach every rule (sim_test.cpp asserts it).
SimOptions draw_options(std::uint64_t seed);

// One line for a failure report.
std::string describe(const SimOptions& options);

}  // namespace troupe::sim
