// What a node's scheduler says of itself to other nodes.
#include "tests/catch.hpp"
#include "tests/scheduler/probe.hpp"

using namespace troupe;
using namespace troupe::scheduler;
using namespace std::chrono_literals;

TEST_CASE("a node without a device cannot take anything, an idle one takes all at once") {
  Probe probe;
  CHECK(probe.scheduler.load(probe.now).ordinary == Duration::max());
  CHECK(probe.scheduler.load(probe.now).urgent == Duration::max());
  probe.join(0);
  CHECK(probe.scheduler.load(probe.now).ordinary == 0ns);
  CHECK(probe.scheduler.load(probe.now).urgent == 0ns);
  probe.leave(0);
  CHECK(probe.scheduler.load(probe.now).ordinary == Duration::max());
}

TEST_CASE("ordinary tasks wait for all that waits, urgent ones for a tile") {
  Probe probe;
  probe.join(0, {.fixed_us = 1000, .per_unit_us = 100, .tile_us = 20});
  for (std::uint64_t task = 1; task <= 100; ++task) probe.submit(task);
  // One runs, 1.1 ms; of 99 each takes what it takes in a full batch, some 116 us.
  const NodeLoad now = probe.scheduler.load(probe.now);
  CHECK(now.ordinary > 10ms);
  CHECK(now.ordinary < 14ms);
  CHECK(now.urgent <= 20us);
  probe.now += 500us;
  CHECK(now.ordinary - probe.scheduler.load(probe.now).ordinary == 500us);
  // Two devices do it in half of the time.
  probe.join(1);
  CHECK(probe.scheduler.load(probe.now).ordinary < 7ms);
  for (std::uint64_t task = 1; task <= 100; ++task) probe.cancel(task);
  CHECK(probe.scheduler.load(probe.now).ordinary < 2 * 7400us);
}

TEST_CASE("where a batch cannot be entered, urgent tasks wait for its end") {
  Probe probe;
  probe.join(0, {.fixed_us = 1000, .per_unit_us = 100});
  probe.submit(1, {.units = 50});
  const NodeLoad now = probe.scheduler.load(probe.now);
  CHECK(now.urgent == 6ms);
  CHECK(now.ordinary == 6ms);
  CHECK(probe.finish(0, 6000) == nothing);
  CHECK(probe.scheduler.load(probe.now).urgent == 0ns);
}
