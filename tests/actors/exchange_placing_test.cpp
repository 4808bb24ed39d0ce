// Which node the exchange sends a task to that could be done at home.
#include "actors/exchange.hpp"
#include "tests/actors/exchange_world.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::tests::exchange;

namespace {

// Where a task would go that nobody waits for; none: it stays.
std::optional<NodeId> sooner(World& world, std::uint32_t from, Lane lane = Lane::ordinary) {
  Exchange& exchange = *world.processes[from].exchange;
  TaskRequest request;
  request.id = {world.processes[from].epoch, 2'000'000 + ++world.processes[from].ids};
  request.work = Encode{"x"};
  request.lane = lane;
  const TaskId id = request.id;
  actors::ReplyTo reply{std::make_shared<Asked>(), 0};
  if (!exchange.submit_if_sooner(request, reply)) return std::nullopt;
  exchange.cancel(id);
  return NodeId{static_cast<std::uint32_t>((world.offered_on.value - 1) % nodes)};
}

actors::Busyness busy(Duration wait, Duration task = 1ms) {
  return {{.ordinary = wait, .urgent = 0ms}, task};
}

}  // namespace

TEST_CASE("what replies say of their node's load decides where a task should go") {
  World world;
  world.processes[0].busyness = busy(100ms);
  world.processes[1].busyness = busy(50ms);
  world.processes[2].busyness = busy(90ms);
  world.submit(0, 1, 1);
  world.submit(0, 2, 2);
  world.run(hop * 2);  // accepted, not done
  CHECK(sooner(world, 0) == NodeId{1});
  CHECK_FALSE(sooner(world, 0, Lane::urgent));  // nobody waits at home
  world.processes[2].busyness = busy(5ms);
  world.run(world.takes + hop);  // the results are back
  CHECK(sooner(world, 0) == NodeId{2});
  world.processes[2].draining = true;
  world.processes[2].busyness = busy(Duration::max());
  world.submit(0, 2, 3);
  world.run(50ms);
  CHECK(sooner(world, 0) == NodeId{1});  // the other one said that it ends
  world.processes[1].busyness = busy(2ms);
  CHECK_FALSE(sooner(world, 1));  // nothing is known there of anybody, and little to gain
  world.kill(1);
  CHECK_FALSE(sooner(world, 0));
  world.run(1s);
  world.check_all_done(3);
}

TEST_CASE("what is on its way to a node counts there until it is done") {
  World world;
  world.processes[0].busyness = busy(1s, 100ms);
  world.processes[1].busyness = busy(400ms);
  world.processes[2].busyness = busy(1ms);
  world.submit(0, 1, 1);
  world.submit(0, 2, 2);
  world.run(50ms);
  CHECK(sooner(world, 0) == NodeId{2});
  for (std::uint64_t i = 3; i < 8; ++i) world.submit(0, 2, i);  // 500 ms of work
  CHECK(sooner(world, 0) == NodeId{1});
  world.run(50ms);
  CHECK(sooner(world, 0) == NodeId{2});
  // A process that starts anew owes nobody anything, and nothing is known of it.
  for (std::uint64_t i = 8; i < 13; ++i) world.submit(0, 2, i);
  world.kill(2);
  world.start(2);
  world.processes[2].busyness = busy(1ms);
  world.run(20ms);
  world.submit(0, 2, 13);
  world.run(hop * 2);
  CHECK(sooner(world, 0) == NodeId{2});
  world.run(1s);
  world.check_all_done(13);
}

TEST_CASE("a task whose node is lost goes where it is done soonest") {
  World world;
  world.processes[0].busyness = busy(100ms);
  world.processes[1].busyness = busy(100ms);
  world.processes[2].busyness = busy(1ms);
  world.submit(0, 2, 1);
  world.run(50ms);
  for (std::uint64_t i = 2; i < 12; ++i) world.submit(0, 1, i);
  world.kill(1);
  world.run(1s);
  world.check_all_done(11);
  CHECK(world.processes[2].ran == 11);
}

TEST_CASE("a task that was moved fails for no reason of the node's that it was moved to") {
  World world;
  const auto why = GENERATE(ErrorCode::model_missing, ErrorCode::infeasible, ErrorCode::unsupported,
                            ErrorCode::model_damaged);
  world.processes[0].busyness = busy(100ms);
  for (std::uint32_t i = 1; i < nodes; ++i) world.processes[i].refuses = why;
  TaskRequest request;
  request.id = {world.processes[0].epoch, 1};
  request.work = Encode{"x"};
  actors::ReplyTo reply{world.asked, 0};
  REQUIRE(world.processes[0].exchange->submit_if_sooner(request, reply));
  world.run(100ms);
  world.check_all_done(1);
  CHECK(world.processes[0].ran == 1);
  // Whoever names a node has that node's answer, and at once.
  world.submit(0, 1, 2);
  world.submit(0, 2, 3, Recall{"librarian/*", {1.0F}, 3});
  world.run(4 * hop);
  REQUIRE(world.asked->outcomes.size() == 3);
  for (std::size_t i = 1; i < 3; ++i) {
    REQUIRE_FALSE(world.asked->outcomes[i].result);
    CHECK(world.asked->outcomes[i].result.error().code == why);
  }
}

TEST_CASE("a node that would not do what was moved to it is not chosen again soon") {
  World world;
  world.processes[0].busyness = busy(1s);
  world.processes[1].busyness = busy(0ms);
  world.processes[1].refuses = ErrorCode::model_missing;
  world.processes[2].busyness = busy(900ms);
  world.submit(0, 1, 1);  // both are known
  world.submit(0, 2, 2);
  world.run(50ms);
  TaskRequest request;
  request.id = {world.processes[0].epoch, 3};
  request.work = Encode{"x"};
  actors::ReplyTo reply{world.asked, 0};
  REQUIRE(world.processes[0].exchange->submit_if_sooner(request, reply));
  world.run(50ms);
  CHECK_FALSE(sooner(world, 0));
  world.run(6s);
  CHECK(sooner(world, 0));
}

TEST_CASE("nothing is moved to nodes that cannot say that they have it") {
  World world;
  for (std::uint32_t i = 1; i < nodes; ++i) world.kill(i);
  world.speaks_delivery = false;
  for (std::uint32_t i = 1; i < nodes; ++i) world.start(i);
  world.processes[0].busyness = busy(1h);
  world.run(50ms);
  CHECK_FALSE(sooner(world, 0));
}
