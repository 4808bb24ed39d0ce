// Switches and limits that change while tasks wait and run.
#include "tests/catch.hpp"
#include "tests/scheduler/probe.hpp"

using namespace troupe;
using namespace troupe::scheduler;

namespace {

SchedulerOptions small() {
  SchedulerOptions options;
  options.tasks_max = 4;
  return options;
}

// One task runs on worker 0, and 2 to 7 wait.
struct Busy : Probe {
  Busy() : Probe(small()) {
    join(0);
    submit(1);
    for (std::uint64_t task = 2; task <= 7; ++task) submit(task);
    now = at_us(1100);
  }
  std::string change(const SchedulerOptions& options) { return handle(OptionsChanged{options}); }
};

}  // namespace

TEST_CASE("the next batch is no larger than may be now") {
  Busy probe;
  auto options = small();
  options.tasks_max = 2;
  CHECK(probe.change(options) == nothing);
  CHECK(probe.finish(0, 1100) == "2,3@0");
  options.tasks_max = 64;
  CHECK(probe.change(options) == nothing);
  CHECK(probe.finish(1, 1200) == "4,5,6,7@0");
}

TEST_CASE("batching that is turned off counts from the next launch on") {
  Busy probe;
  auto options = small();
  options.batching = false;
  CHECK(probe.change(options) == nothing);
  CHECK(probe.finish(0, 1100) == "2@0");
  CHECK(probe.launches[1].reason == LaunchReason::unbatched);
}

TEST_CASE("a lane that holds more than it may takes none, and gives up none") {
  Busy probe;
  auto options = small();
  options.ordinary_queue_tasks_max = 3;
  CHECK(probe.change(options) == nothing);
  CHECK(probe.scheduler.queued() == 6);
  CHECK(probe.submit(8) == "8!queue_full");
  CHECK(probe.finish(0, 1100) == "2,3,4,5@0");
  CHECK(probe.submit(9) == nothing);
  CHECK(probe.submit(10) == "10!queue_full");
}

TEST_CASE("lanes that are turned off leave nobody behind") {
  Busy probe;
  CHECK(probe.submit(8, {.deadline_us = 4000, .lane = Lane::urgent}) == nothing);
  auto options = small();
  options.lanes = false;
  CHECK(probe.change(options) == nothing);
  CHECK(probe.submit(9, {.deadline_us = 900'000, .lane = Lane::urgent}) == nothing);
  probe.running = 0;
  probe.began = at_us(0);
  probe.run_to(100'000);
  CHECK(probe.scheduler.queued() == 0);
  CHECK(probe.scheduler.launched() == 0);
  std::size_t tasks = 0;
  for (const auto& launch : probe.launches) tasks += launch.tasks.size();
  CHECK(tasks == 9);
}

TEST_CASE("launches that a lost worker's tasks have had are held against what may be now") {
  Busy probe;
  auto options = small();
  options.attempts_max = 1;
  CHECK(probe.change(options) == nothing);
  CHECK(probe.leave(0) == "1!unreachable");
}
