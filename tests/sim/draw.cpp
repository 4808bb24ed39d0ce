#include "tests/sim/draw.hpp"

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

Duration up_to(Random& random, Duration limit) {
  return Duration{random.between(0, std::max<Duration::rep>(limit.count(), 0))};
}

void draw_scheduler(Random& random, scheduler::SchedulerOptions& options) {
  options.lanes = random.chance(0.9);
  options.batching = random.chance(0.9);
  options.tasks_max = one_of(random, {1U, 2U, 4U, 8U, 16U, 64U});
  options.units_max = one_of(random, {16U, 64U, 256U, 2048U});
  options.urgent_queue_tasks_max = one_of(random, {1U, 4U, 16U, 4096U});
  options.ordinary_queue_tasks_max = one_of(random, {1U, 4U, 16U, 64U, 65536U, 65536U});
  options.attempts_max = count(random, 1, 3);
}

void draw_devices(Random& random, WorldOptions& world, bool exact) {
  const bool alike = random.chance(0.4);
  DeviceOptions model;
  model.fixed = one_of<Duration>(
      random, {Duration::zero(), microseconds(20), microseconds(200), milliseconds(2)});
  model.per_unit = one_of<Duration>(
      random, {microseconds(1), microseconds(1), microseconds(10), microseconds(50)});
  model.tile = one_of<Duration>(
      random, {Duration::zero(), microseconds(5), microseconds(20), microseconds(500)});
  model.noise = exact ? 0 : one_of(random, {0.0, 0.02, 0.3});
  model.report_delay_max =
      one_of<Duration>(random, {Duration::zero(), microseconds(10), milliseconds(1)});
  if (exact) model.report_delay_max = Duration::zero();
  const std::uint32_t devices = count(random, 1, 4);
  const bool late = !exact && random.chance(0.2);
  for (std::uint32_t i = 0; i < devices; ++i) {
    DeviceOptions device = model;
    device.slots = count(random, 1, 3);
    device.urgent_slots = count(random, 1, 3);
    if (!alike) {
      device.fixed = up_to(random, model.fixed);
      device.per_unit = up_to(random, model.per_unit);
      if (random.chance(0.3)) device.tile = Duration::zero();
    }
    if (!exact) {
      device.told_factor = one_of(random, {1.0, 1.0, 0.3, 3.0});
      if (random.chance(0.1)) device.slow_from = milliseconds(10);
      device.slow_factor = 2;
    }
    if (late) device.joins = up_to(random, milliseconds(20));
    world.devices.push_back(device);
  }
}

// What full batches of one device cost, the yardstick for loads and deadlines.
struct Yardstick {
  double batch = 1;  // tasks
  Duration cost{};
};

// In a `plain` world nobody has a deadline or a wish, and all want the same and too much of it: for
// the fair shares.
void draw_streams(Random& random, WorldOptions& world, const scheduler::SchedulerOptions& options,
                  bool plain) {
  const std::uint32_t units_max = one_of(random, {1U, 8U, 64U});
  const double units = (1.0 + units_max) / 2;
  Yardstick full;
  full.batch = options.batching ? options.tasks_max : 1.0;
  full.batch = std::max(1.0, std::min(full.batch, options.units_max / units));
  full.cost = std::max<Duration>(
      world.devices[0].fixed + scaled(world.devices[0].per_unit, full.batch * units),
      microseconds(5));
  const double load = plain ? 4.0 : one_of(random, {0.1, 0.5, 0.9, 1.5, 4.0});
  const double capacity_per_s = full.batch * static_cast<double>(world.devices.size()) * 1e9 /
                                static_cast<double>(full.cost.count());
  const std::uint32_t streams = count(random, plain ? 2 : 1, 5);
  const std::uint32_t kinds = count(random, 1, 4);
  const std::uint32_t tenants = plain ? 2 : one_of(random, {1U, 1U, 2U, 3U});
  const std::uint32_t burst = one_of(random, {1U, 1U, 8U, 64U});
  const double wishes = one_of(random, {0.0, 0.1, 0.5});
  const double hurried = one_of(random, {0.0, 0.5, 1.0});
  for (std::uint32_t i = 0; i < streams; ++i) {
    Stream stream;
    stream.rate_per_s = capacity_per_s * load / streams * (0.5 + random.unit());
    stream.burst_tasks_max = burst;
    if (random.chance(0.1)) {
      stream.agents = count(random, 1, 40);
      stream.think = up_to(random, full.cost * 2);
    }
    stream.kind.model = ModelId{plain ? 0U : count(random, 0, kinds - 1)};
    if (!plain && random.chance(0.2)) stream.kind.operation = scheduler::Operation::recall;
    stream.tenant = TenantId{plain ? i % tenants : count(random, 0, tenants - 1)};
    stream.workflows = one_of(random, {1U, 3U});
    stream.callers = one_of(random, {1U, 2U});
    stream.units_max = units_max;
    if (!plain && random.chance(0.1)) stream.units_max += options.units_max / 4;  // giants too
    stream.weight = one_of(random, {1.0F, 1.0F, 5.0F});
    if (!plain && random.chance(wishes))
      stream.lane = Lane::urgent;
    else if (random.chance(wishes))
      stream.lane = Lane::ordinary;
    if (!plain && random.chance(hurried)) {
      const double share = one_of(random, {0.5, 1.0});
      const Duration tight = scaled(full.cost, one_of(random, {0.5, 2.0, 8.0}));
      stream.deadlines = {{share / 2, tight}, {share / 2, tight * 8}};
      stream.deadline_spread = one_of(random, {0.0, 1.0});
    }
    world.streams.push_back(stream);
  }
  world.tasks_max = plain ? 1500 : count(random, 80, 500);
  world.duration =
      std::clamp<Duration>(scaled(full.cost, static_cast<double>(world.tasks_max) / full.batch /
                                                 static_cast<double>(world.devices.size()) / load),
                           milliseconds(1), std::chrono::seconds(20));
  world.faults.fault_window = full.cost * 4;
}

void draw_faults(Random& random, WorldOptions& world) {
  Faults& faults = world.faults;
  const auto devices = static_cast<std::int64_t>(world.devices.size());
  const auto some_time = [&] { return up_to(random, world.duration); };
  for (auto left = one_of(random, {0U, 0U, 2U, 8U}); left > 0; --left)
    faults.outages.push_back(
        {count(random, 0, devices - 1), some_time(),
         random.chance(0.5) ? Duration::zero() : up_to(random, milliseconds(5)),
         up_to(random, milliseconds(20))});
  for (auto left = one_of(random, {0U, 0U, 6U}); left > 0; --left)
    faults.updates.push_back({count(random, 0, devices - 1), some_time(), count(random, 0, 3),
                              count(random, 0, 2), one_of(random, {0.5, 1.0, 2.0})});
  // In the end every device takes work again.
  if (!faults.updates.empty())
    for (std::uint32_t i = 0; i < world.devices.size(); ++i)
      faults.updates.push_back({i, world.duration + milliseconds(50), 1, 1, 1});
  for (auto left = one_of(random, {0U, 0U, 0U, 2U}); left > 0; --left)
    faults.clock_steps.push_back(
        {some_time(), up_to(random, milliseconds(5)), up_to(random, milliseconds(5))});
  faults.slow_share = one_of(random, {0.0, 0.0, 0.05});
  faults.slow_factor = one_of(random, {3.0, 20.0});
  faults.lost_report_share = one_of(random, {0.0, 0.0, 0.02});
  faults.report_limit = milliseconds(50);
  faults.duplicate_report_share = one_of(random, {0.0, 0.1});
  faults.cancel_share = one_of(random, {0.0, 0.02, 0.3});
  faults.raise_share = one_of(random, {0.0, 0.0, 0.1});
  faults.duplicate_submit_share = one_of(random, {0.0, 0.05});
  faults.hopeless_share = one_of(random, {0.0, 0.02});
  faults.strange_events = one_of(random, {0U, 10U});
}

}  // namespace

Configuration draw_configuration(std::uint64_t seed) {
  Random random(seed ^ 0x7e0c0de5eedULL);
  // In exact worlds nothing is uncertain, so that promises can be held to their figures.
  const bool exact = random.chance(0.4);
  const bool plain = random.chance(0.15);
  Configuration drawn;
  drawn.world.seed = seed;
  drawn.world.warm_up = 0;
  draw_scheduler(random, drawn.scheduler);
  if (plain) drawn.scheduler.ordinary_queue_tasks_max = 65536;
  draw_devices(random, drawn.world, exact);
  draw_streams(random, drawn.world, drawn.scheduler, plain);
  if (exact) return drawn;
  drawn.world.grid = one_of<Duration>(
      random, {nanoseconds(1), nanoseconds(1), microseconds(1), microseconds(100)});
  draw_faults(random, drawn.world);
  return drawn;
}

std::string describe(const Configuration& configuration) {
  const WorldOptions& world = configuration.world;
  const scheduler::SchedulerOptions& options = configuration.scheduler;
  const Faults& faults = world.faults;
  std::ostringstream text;
  const auto time = [](Duration duration) { return format_duration(duration); };
  text << "seed " << world.seed << ", " << world.tasks_max << " tasks in " << time(world.duration)
       << ", grid " << time(world.grid) << " | lanes " << options.lanes << " batching "
       << options.batching << " batch " << options.tasks_max << "x" << options.units_max
       << " queues " << options.urgent_queue_tasks_max << "/" << options.ordinary_queue_tasks_max
       << " attempts " << options.attempts_max;
  for (const Stream& stream : world.streams) {
    text << " | stream of " << stream.kind.model.value
         << (stream.kind.operation == scheduler::Operation::recall ? "r" : "") << " tenant "
         << stream.tenant.value;
    if (stream.agents > 0)
      text << " agents " << stream.agents << " think " << time(stream.think);
    else
      text << " rate " << stream.rate_per_s << " burst " << stream.burst_tasks_max;
    text << " units " << stream.units_max;
    if (stream.lane) text << " " << name(*stream.lane);
    for (const DeadlineShare& deadline : stream.deadlines)
      text << " " << deadline.share << " in " << time(deadline.after);
  }
  for (const DeviceOptions& device : world.devices)
    text << " | device " << time(device.fixed) << "+" << time(device.per_unit) << " tile "
         << time(device.tile) << " slots " << device.slots << "/" << device.urgent_slots
         << " noise " << device.noise << " told " << device.told_factor << " report "
         << time(device.report_delay_max);
  text << " | outages " << faults.outages.size() << " clock steps " << faults.clock_steps.size()
       << " updates " << faults.updates.size() << " slow " << faults.slow_share << "x"
       << faults.slow_factor << " lost reports " << faults.lost_report_share << " twice "
       << faults.duplicate_report_share << "/" << faults.duplicate_submit_share << " canceled "
       << faults.cancel_share << " raised " << faults.raise_share << " hopeless "
       << faults.hopeless_share << " strange " << faults.strange_events;
  return text.str();
}

}  // namespace troupe::sim
