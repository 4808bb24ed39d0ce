// The world itself: what a modelled device, stream and fault do, and what a report counts.
#include "sim/world.hpp"

#include "scheduler/scheduler.hpp"
#include "tests/catch.hpp"
#include "tests/sim/judge.hpp"

using namespace troupe;
using namespace troupe::sim;
using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

constexpr Instant at(std::int64_t ns) {
  return Instant{Duration{ns}};
}

// One device at half load; batches take milliseconds.
WorldOptions mixed_load() {
  WorldOptions world;
  DeviceOptions device;
  device.fixed = milliseconds(2);
  device.per_unit = microseconds(50);
  world.devices = {device};
  Stream bulk;
  bulk.rate_per_s = 4000;
  world.streams = {bulk};
  world.duration = std::chrono::seconds(2);
  return world;
}

RunReport run_scheduler(const WorldOptions& world, scheduler::SchedulerOptions options = {}) {
  scheduler::Scheduler policy(options);
  return run(world, policy);
}

}  // namespace

TEST_CASE("a modelled device lets a batch in at a tile and loses no work") {
  Device device(Duration{20});
  device.submit(at(0), Entry::in_turn, 1, Duration{100});
  device.submit(at(25), Entry::inside, 2, Duration{7});

  CHECK(device.next() == at(40));
  CHECK_FALSE(device.advance(at(40)));
  CHECK(device.next() == at(47));
  CHECK(device.advance(at(47)) == 2);
  // It went on at 47 with 40 done: its next boundary, at 60 done, comes at 67.
  device.submit(at(50), Entry::inside, 3, Duration{5});
  CHECK(device.next() == at(67));
  CHECK_FALSE(device.advance(at(67)));
  CHECK(device.advance(at(72)) == 3);
  CHECK(device.next() == at(112));
  CHECK(device.advance(at(112)) == 1);
  CHECK(device.next() == never);
  CHECK(device.busy(at(200)) == Duration{112});
  CHECK(device.pauses() == 2);
}

TEST_CASE("a silent device ends nothing until it is cleared") {
  Device device(Duration{0});
  device.submit(at(0), Entry::in_turn, 1, Duration{100});
  device.fall_silent(at(40));
  CHECK(device.next() == never);
  CHECK(device.busy(at(200)) == Duration{40});
  device.clear(at(300));
  CHECK(device.idle());
  device.submit(at(300), Entry::in_turn, 2, Duration{10});
  CHECK(device.next() == at(310));
}

TEST_CASE("an urgent task waits for a tile, not for the batch that runs") {
  WorldOptions world = mixed_load();
  world.devices[0].tile = microseconds(20);
  Stream urgent;
  urgent.rate_per_s = 20;
  urgent.lane = Lane::urgent;
  world.streams.push_back(urgent);
  RunReport lanes_on = run_scheduler(world);
  scheduler::SchedulerOptions off;
  off.lanes = false;
  RunReport lanes_off = run_scheduler(world, off);

  CHECK(percentile(lanes_on.streams[1].latencies, 0.5) <= microseconds(2050 + 20));
  CHECK(percentile(lanes_on.streams[1].latencies, 0.5) * 3 <
        percentile(lanes_off.streams[1].latencies, 0.5) * 2);
}

TEST_CASE("coalescing carries a load that tasks one by one cannot") {
  const RunReport batched = run_scheduler(mixed_load());
  scheduler::SchedulerOptions off;
  off.batching = false;
  const RunReport one_by_one = run_scheduler(mixed_load(), off);

  CHECK(batched.ended - Instant{} < milliseconds(2200));
  CHECK(one_by_one.ended - Instant{} > std::chrono::seconds(10));
}

TEST_CASE("every task that comes after the warm-up is counted once") {
  WorldOptions world = mixed_load();
  world.streams[0].deadlines = {{0.5, milliseconds(3)}, {0.3, milliseconds(30)}};
  world.faults.cancel_share = 0.1;
  world.faults.outages = {{0, milliseconds(700), milliseconds(50), milliseconds(50)}};
  const RunReport report = run_scheduler(world);
  const StreamReport& stream = report.streams[0];
  std::uint64_t refused = 0;
  for (const std::uint64_t times : stream.refused) refused += times;
  CHECK_FALSE(report.cut_off);
  CHECK(stream.offered > 6000);
  CHECK(stream.offered == stream.completed() + stream.dropped + refused);
  CHECK(stream.latencies.size() == stream.completed());
  CHECK(stream.unfinished == 0);
}

TEST_CASE("a run depends on its options and on nothing else") {
  WorldOptions world = mixed_load();
  const RunReport first = run_scheduler(world);
  CHECK(run_scheduler(world).hash == first.hash);
  world.seed = 2;
  CHECK(run_scheduler(world).hash != first.hash);
}

TEST_CASE("agents of a closed loop have one task each, and a trace is played as it is") {
  WorldOptions world = mixed_load();
  world.streams[0] = {};
  world.streams[0].agents = 8;
  world.streams[0].think = milliseconds(1);
  scheduler::SchedulerOptions options;
  options.ordinary_queue_tasks_max = 8;
  const RunReport agents = run_scheduler(world, options);
  CHECK(agents.streams[0].refused_as(ErrorCode::queue_full) == 0);
  CHECK(agents.streams[0].completed() > 1000);

  world.warm_up = 0;
  world.streams[0] = {};
  world.streams[0].trace = std::make_shared<const std::vector<TracedArrival>>(
      std::vector<TracedArrival>{{milliseconds(1), 10}, {milliseconds(100), 30}});
  const RunReport traced = run_scheduler(world);
  REQUIRE(traced.streams[0].latencies.size() == 2);
  CHECK(traced.streams[0].latencies[0] == milliseconds(2) + microseconds(500));
  CHECK(traced.streams[0].latencies[1] == milliseconds(2) + microseconds(1500));
}

TEST_CASE("a clock that steps back loses nothing") {
  Configuration stepping;
  stepping.world = mixed_load();
  stepping.world.streams[0].deadlines = {{0.5, milliseconds(20)}};
  stepping.world.faults.clock_steps = {{milliseconds(300), milliseconds(80), milliseconds(40)},
                                       {milliseconds(900), milliseconds(5), milliseconds(200)}};
  const Judgement judgement = judge(stepping);
  if (judgement.violation) FAIL(judgement.violation->checker << ": " << judgement.violation->what);
  CHECK(judgement.report.streams[0].completed() > 5000);
}
