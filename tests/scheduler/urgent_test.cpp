// The ladder that urgent work climbs.
#include <map>
#include <set>

#include "tests/catch.hpp"
#include "tests/scheduler/probe.hpp"

using namespace troupe;
using namespace troupe::scheduler;

namespace {

constexpr Wish urgent{.lane = Lane::urgent};

Wish urgent_by(std::int64_t deadline_us) {
  Wish wish = urgent;
  wish.deadline_us = deadline_us;
  return wish;
}

}  // namespace

TEST_CASE("an urgent task goes to an idle worker at once") {
  Probe probe;
  probe.join(0);
  CHECK(probe.submit(1, urgent) == "1@0");
  CHECK(probe.launches[0].lane == Lane::urgent);
  CHECK(probe.launches[0].reason == LaunchReason::urgent);
}

TEST_CASE("an urgent task enters the running batch of a device that can be entered") {
  Probe probe;
  probe.join(0, {.fixed_us = 10'000, .tile_us = 20});
  probe.submit(1);
  CHECK(probe.submit(2, urgent) == "2>0");
  CHECK(probe.launches[1].entry == Entry::inside);
  // One at a time; the next shares the next entry with whoever waits by then.
  CHECK(probe.submit(3, urgent) == nothing);
  CHECK(probe.submit(4, urgent) == nothing);
  CHECK(probe.finish(1, 10'100) == "3,4>0");
}

TEST_CASE("where a batch cannot be entered, urgent tasks are first in the next one") {
  Probe probe;
  probe.join(0);
  probe.submit(1);
  probe.submit(2);
  probe.submit(3, urgent);
  const std::string next = probe.finish(0, 1100);
  CHECK((next == "3@0" || next == "3,2@0"));
}

TEST_CASE("too many urgent tasks ride with ordinary ones instead of taking the device") {
  Probe probe;
  probe.join(0, {.fixed_us = 1000, .per_unit_us = 10});
  std::uint64_t task = 1;
  std::size_t rides = 0, alone = 0;
  std::int64_t now = 0;
  for (std::size_t batch = 0; batch < 300; ++batch) {
    for (int i = 0; i < 20; ++i) probe.submit(task++, i < 4 ? urgent : Wish{});
    if (batch == 0) continue;
    const Launch& last = probe.launches.back();
    now += last.predicted / std::chrono::microseconds(1);
    probe.pass_to(now);
    probe.finish(probe.launches.size() - 1, last.predicted / std::chrono::microseconds(1));
    if (batch < 100) continue;
    rides += probe.launches.back().reason == LaunchReason::ride ? 1 : 0;
    alone += probe.launches.back().reason == LaunchReason::urgent ? 1 : 0;
  }
  CHECK(rides > 150);
  CHECK(alone == 0);
}

TEST_CASE("an urgent task that can ride in time does not enter") {
  Probe probe;
  probe.join(0, {.fixed_us = 1000, .per_unit_us = 100, .tile_us = 20});
  probe.submit(1);
  CHECK(probe.submit(2, urgent_by(50'000)) == nothing);
  CHECK(probe.submit(3, urgent_by(2'000)) != nothing);
}

TEST_CASE("a task that names no lane is urgent when its deadline makes it so") {
  Probe probe;
  probe.join(0, {.fixed_us = 10'000, .per_unit_us = 10, .tile_us = 20});
  probe.submit(1, {.units = 100});
  CHECK(probe.submit(2, {.deadline_us = 60'000}) == nothing);
  CHECK(probe.submit(3, {.deadline_us = 12'000}) == "3>0");
  CHECK(probe.submit(4, {.deadline_us = 13'000, .lane = Lane::ordinary}) == "4!infeasible");
}

TEST_CASE("an ordinary task climbs when the batch before it turns out to last") {
  Probe probe;
  probe.join(0, {.fixed_us = 1'000, .per_unit_us = 10, .tile_us = 20});
  probe.submit(1, {.units = 400});
  CHECK(probe.submit(2, {.deadline_us = 7'000}) == nothing);
  // Urgent work inside makes the running batch longer than the task can wait.
  std::string said;
  for (std::uint64_t task = 10; task < 14 && said.find('2') == std::string::npos; ++task) {
    probe.submit(task, {.lane = Lane::urgent});
    probe.now += std::chrono::microseconds(900);
    said = probe.finish(probe.launches.size() - 1, 1010);
  }
  bool entered = false;
  for (const Launch& launch : probe.launches)
    for (const TaskId id : launch.tasks)
      entered = entered || (id.low == 2 && launch.entry == Entry::inside);
  CHECK(entered);
}

TEST_CASE("whoever an urgent agent waits for is lifted") {
  Probe probe;
  probe.join(0, {.fixed_us = 10'000, .tile_us = 20});
  probe.submit(1);
  probe.submit(2);
  CHECK(probe.raise(2, 15'000) == "2>0");
  CHECK(probe.raise(1, 15'000) == nothing);   // runs already
  CHECK(probe.raise(99, 15'000) == nothing);  // nobody knows it
}

TEST_CASE("a raised task keeps its own deadline if that is earlier, and is not worthless if late") {
  Probe probe;
  probe.join(0, {.fixed_us = 10'000});
  probe.submit(1);
  probe.submit(2, {.deadline_us = 30'000});
  probe.now = at_us(5'000);
  probe.raise(2, 1'000);
  CHECK(probe.scheduler.queued() == 1);
  CHECK(probe.finish(0) == "2@0");
}

TEST_CASE("with lanes off nothing is urgent") {
  SchedulerOptions options;
  options.lanes = false;
  Probe probe(options);
  probe.join(0, {.fixed_us = 10'000, .tile_us = 20});
  probe.submit(1);
  CHECK(probe.submit(2, urgent) == nothing);
  CHECK(probe.raise(2, 20'000) == nothing);
}

TEST_CASE(
    "a tenant that floods both lanes delays nobody's urgent tasks and takes no more than half") {
  Probe probe;
  probe.join(0, {.fixed_us = 1000, .per_unit_us = 100});
  const std::int64_t full_batch_us = 1000 + 64 * 100;
  constexpr std::int64_t step_us = 400;
  // The loud one asks for three times of what there is, half of it urgent.
  std::uint64_t task = 1;
  std::map<std::uint64_t, std::int64_t> quiet;  // when its waiting tasks came
  std::set<std::uint64_t> hurried;              // those of them
  std::int64_t slowest_us = 0;
  std::size_t answered = 0;
  std::size_t seen = 0;
  for (std::int64_t us = 0; us < 2'000'000; us += step_us) {
    probe.run_to(us);
    for (; seen < probe.running; ++seen) {
      for (const TaskId id : probe.launches[seen].tasks) {
        const auto came = quiet.find(id.low);
        if (came == quiet.end()) continue;
        ++answered;
        if (hurried.contains(id.low)) slowest_us = std::max(slowest_us, us - came->second);
        quiet.erase(came);
      }
    }
    for (int i = 0; i < 6; ++i) {
      probe.submit(task++, {.tenant = 1, .lane = Lane::urgent});
      probe.submit(task++, {.tenant = 1, .lane = Lane::ordinary});
    }
    quiet[task] = us;
    probe.submit(task++, {.tenant = 2, .lane = Lane::ordinary});
    if (us % 20'000 == 0) {
      quiet[task] = us;
      hurried.insert(task);
      probe.submit(task++, {.tenant = 2, .lane = Lane::urgent});
    }
  }
  for (const Refuse& refused : probe.refusals) CHECK_FALSE(quiet.contains(refused.task.low));
  CHECK(answered > 4900);                            // of 5,100
  CHECK(slowest_us <= 2 * full_batch_us + step_us);  // the running batch and its own
}

TEST_CASE("a tenant cannot pass the others by calling everything urgent") {
  Probe probe;
  probe.join(0, {.fixed_us = 1000, .per_unit_us = 100});
  // The loud one alone asks for more than there is; the quiet one for a third of it.
  std::uint64_t task = 1;
  for (std::int64_t us = 0; us < 2'000'000; us += 400) {
    probe.run_to(us);
    for (int i = 0; i < 6; ++i) probe.submit(2 * task++, {.tenant = 1, .lane = Lane::urgent});
    probe.submit(2 * task++ + 1, {.tenant = 2});
  }
  std::size_t quiet = 0;
  for (std::size_t i = 0; i < probe.running; ++i)
    for (const TaskId id : probe.launches[i].tasks) quiet += id.low % 2;
  CHECK(quiet > 4500);
}
