#include "tests/sim/options.hpp"

#include <algorithm>
#include <initializer_list>
#include <sstream>

#include "base/random.hpp"
#include "base/units.hpp"

namespace troupe::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

template <class T>
T one_of(Random& random, std::initializer_list<T> choices) {
  return choices.begin()[random.below(choices.size())];
}

std::uint32_t count(Random& random, std::int64_t low, std::int64_t high) {
  return static_cast<std::uint32_t>(random.between(low, high));
}

Duration scaled(Duration duration, double factor) {
  return Duration{static_cast<Duration::rep>(static_cast<double>(duration.count()) * factor)};
}

void draw_scheduler(Random& random, SimOptions& options) {
  options.lanes.enabled = random.chance(0.9);
  options.lanes.urgent_laxity = one_of<Duration>(
      random, {Duration::zero(), microseconds(500), milliseconds(5), milliseconds(100)});

  options.urgent.tasks_max = one_of(random, {1U, 2U, 4U, 16U});
  options.urgent.units_max = one_of(random, {8U, 64U, 512U});
  options.urgent.queue_tasks_max = one_of(random, {1U, 4U, 16U, 4096U});
  options.urgent.attempts_max = count(random, 1, 3);

  options.ordinary.enabled = random.chance(0.85);
  options.ordinary.tasks_max = one_of(random, {1U, 2U, 4U, 8U, 16U, 64U});
  options.ordinary.units_max = one_of(random, {16U, 64U, 256U, 2048U});
  options.ordinary.delay_max = one_of<Duration>(
      random,
      {Duration::zero(), microseconds(100), microseconds(500), milliseconds(2), milliseconds(10)});
  options.ordinary.eager_when_idle = random.chance(0.5);
  options.ordinary.queue_tasks_max = one_of(random, {1U, 4U, 16U, 64U, 65536U, 65536U});
  options.ordinary.attempts_max = count(random, 1, 3);
}

void draw_workers(Random& random, SimOptions& options) {
  options.workers = count(random, 1, 4);
  options.slots_max = count(random, 1, 3);
  options.urgent_slots_max = count(random, 1, 3);
  options.cost_fixed_max = one_of<Duration>(
      random, {Duration::zero(), microseconds(20), microseconds(200), milliseconds(2)});
  options.cost_per_unit_max = one_of<Duration>(
      random, {Duration::zero(), microseconds(1), microseconds(10), microseconds(50)});
  options.workers_alike = random.chance(0.3);
  options.tile = one_of<Duration>(random, {microseconds(5), microseconds(20), microseconds(500)});
  options.jitter = one_of(random, {0.0, 0.1, 0.5});
  options.slow_share = one_of(random, {0.0, 0.0, 0.05, 0.5});
  options.slow_factor = one_of(random, {3.0, 20.0});
  options.report_delay_max =
      one_of<Duration>(random, {Duration::zero(), microseconds(10), milliseconds(1)});
}

void draw_faults(Random& random, SimOptions& options) {
  options.cancel_share = one_of(random, {0.0, 0.02, 0.3});
  options.duplicate_submit_share = one_of(random, {0.0, 0.05});
  options.duplicate_report_share = one_of(random, {0.0, 0.1});
  options.strange_events = one_of(random, {0U, 10U});
  options.worker_losses = one_of(random, {0U, 0U, 2U, 12U});
  options.worker_down_max = one_of<Duration>(random, {microseconds(10), milliseconds(20)});
  options.worker_updates = one_of(random, {0U, 0U, 6U});
  options.workers_late = random.chance(0.2);
}

// Gaps and deadlines are drawn against what the workers can do, or most seeds would be idle or
// drowned.
void draw_load(Random& random, SimOptions& options) {
  options.tasks = count(random, 80, 600);
  options.burst_tasks_max = one_of(random, {1U, 1U, 8U, 64U});
  options.grid = one_of<Duration>(random, {nanoseconds(1), microseconds(1), microseconds(100)});
  options.kinds = count(random, 1, 4);
  options.task_units_max = one_of(random, {1U, 8U, 64U});
  options.giant_share = one_of(random, {0.0, 0.02});
  options.asks_urgent_share = one_of(random, {0.0, 0.02, 0.1, 0.5});
  options.asks_ordinary_share = one_of(random, {0.0, 0.2, 0.5});
  options.deadline_share = one_of(random, {0.0, 0.5, 1.0});
  options.hopeless_share = one_of(random, {0.0, 0.02});

  const double units = (1.0 + options.task_units_max) / 2;
  double batch = options.ordinary.enabled ? options.ordinary.tasks_max : 1.0;
  batch = std::max(1.0, std::min(batch, options.ordinary.units_max / units));
  const Duration batch_cost = std::max<Duration>(
      options.cost_fixed_max + scaled(options.cost_per_unit_max, batch * units), microseconds(5));
  const double load = one_of(random, {0.1, 0.5, 0.9, 1.5, 4.0});
  options.gap_mean = std::max<Duration>(
      scaled(batch_cost, (options.burst_tasks_max + 1) / (2.0 * batch * options.workers * load)),
      nanoseconds(100));
  options.deadline_min = scaled(batch_cost, one_of(random, {0.0, 0.5, 2.0}));
  options.deadline_max =
      options.deadline_min + scaled(batch_cost, one_of(random, {0.5, 5.0, 50.0}));
  options.deadline_grid =
      random.chance(0.4) ? std::max<Duration>(batch_cost, nanoseconds(1)) : Duration{1};
}

}  // namespace

SimOptions draw_options(std::uint64_t seed) {
  Random random(seed ^ 0x7e0c0de5eedULL);
  SimOptions options;
  options.seed = seed;
  draw_scheduler(random, options);
  draw_workers(random, options);
  draw_faults(random, options);
  draw_load(random, options);
  return options;
}

std::string describe(const SimOptions& o) {
  std::ostringstream text;
  const auto time = [](Duration duration) { return format_duration(duration); };
  text << "tasks " << o.tasks << " gap " << time(o.gap_mean) << " burst " << o.burst_tasks_max
       << " grid " << time(o.grid) << " kinds " << o.kinds << " units " << o.task_units_max
       << " giants " << o.giant_share << " asks " << o.asks_urgent_share << "/"
       << o.asks_ordinary_share << " deadlines " << o.deadline_share << " in "
       << time(o.deadline_min) << ".." << time(o.deadline_max) << " grid " << time(o.deadline_grid)
       << " | lanes " << o.lanes.enabled << " laxity " << time(o.lanes.urgent_laxity)
       << " | urgent " << o.urgent.tasks_max << "x" << o.urgent.units_max << " queue "
       << o.urgent.queue_tasks_max << " attempts " << o.urgent.attempts_max << " | ordinary "
       << (o.ordinary.enabled ? "" : "(off) ") << o.ordinary.tasks_max << "x"
       << o.ordinary.units_max << " delay " << time(o.ordinary.delay_max) << " eager "
       << o.ordinary.eager_when_idle << " queue " << o.ordinary.queue_tasks_max << " attempts "
       << o.ordinary.attempts_max << " | workers " << o.workers << " slots " << o.slots_max << "/"
       << o.urgent_slots_max << " cost " << time(o.cost_fixed_max) << "+"
       << time(o.cost_per_unit_max) << " jitter " << o.jitter << " slow " << o.slow_share << "x"
       << o.slow_factor << " | losses " << o.worker_losses << " updates " << o.worker_updates
       << " cancels " << o.cancel_share;
  return text.str();
}

}  // namespace troupe::sim
