// What crosses between nodes, request and result in hand, has one outcome.
#include "actors/exchange.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "tests/actors/exchange_world.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::tests::exchange;

TEST_CASE("a task goes to its node, runs once and comes back") {
  World world;
  for (std::uint64_t i = 1; i <= 50; ++i) world.submit(0, 1, i);
  world.run(1s);
  world.check_all_done(50);
  CHECK(world.processes[1].ran == 50);
  CHECK(world.processes[0].exchange->pending() == 0);
  // The round trip without the device's share, which the outcome does not say here.
  CHECK(world.asked->outcomes[0].timing.network == 2 * hop + world.takes);
}

TEST_CASE("when a process is killed, what it had is done by others at once") {
  World world;
  for (std::uint64_t i = 1; i <= 50; ++i) world.submit(0, 1, i);
  world.run(10ms);
  world.kill(1);
  world.run(100ms);
  world.check_all_done(50);
  world.start(1);
  world.submit(0, 1, 51);
  world.run(100ms);
  world.check_all_done(51);
  CHECK(world.processes[1].ran == 1);
}

TEST_CASE("a partition longer than the lease costs time, and the late results change nothing") {
  World world;
  world.takes = 500ms;
  for (std::uint64_t i = 1; i <= 50; ++i) world.submit(0, 1, i);
  world.run(100ms);
  world.sever(0, 1);
  world.run(lease + 2s);
  world.check_all_done(50);
  CHECK(world.processes[1].ran == 50);  // for nothing
  world.heal(0, 1);
  world.run(10s);
  world.check_all_done(50);
}

TEST_CASE("results that were lost on the way are sent again") {
  World world;
  for (std::uint64_t i = 1; i <= 50; ++i) world.submit(0, 1, i);
  world.run(10ms);
  world.cut.insert({0, 1});  // shorter than anybody notices
  world.run(500ms);
  CHECK(world.asked->outcomes.empty());
  world.cut.clear();
  world.run(5s);
  world.check_all_done(50);
  CHECK(world.processes[1].ran == 50);
  CHECK(world.processes[0].ran + world.processes[2].ran == 0);
}

TEST_CASE("a result that the wire does not carry is an error, not silence") {
  World world;
  world.no_result_is_valid = true;
  world.speaks_delivery = GENERATE(true, false);
  world.kill(1);
  world.start(1);
  world.submit(0, 1, 1);
  world.run(1s);
  REQUIRE(world.asked->outcomes.size() == 1);
  REQUIRE_FALSE(world.asked->outcomes[0].result);
  CHECK(world.asked->outcomes[0].result.error().code == ErrorCode::internal);
  CHECK(world.processes[1].exchange->pending() == 0);
}

TEST_CASE("offers that were lost on the way are sent again") {
  World world;
  world.cut.insert({0, 1});
  for (std::uint64_t i = 1; i <= 50; ++i) world.submit(0, 1, i);
  world.run(500ms);
  world.cut.clear();
  world.run(5s);
  world.check_all_done(50);
  CHECK(world.processes[1].ran == 50);
  CHECK(world.processes[0].exchange->offers().all == 100);
  CHECK(world.processes[0].exchange->offers().again == 50);
}

TEST_CASE("an urgent task that a silent node has is answered by another before the lease ends") {
  World world(true);
  world.lane = Lane::urgent;
  for (std::uint64_t i = 1; i <= 100; ++i) world.submit(0, 1, i);
  world.run(1s);
  world.check_all_done(100);
  world.cut.insert({0, 1});
  world.submit(0, 1, 101);
  world.run(100ms);
  world.check_all_done(101);
  const auto offers = world.processes[0].exchange->offers();
  CHECK(offers.all == 102);
  CHECK(offers.again == 0);
  CHECK(offers.hedges == 1);
  CHECK(offers.hedges_won == 1);
  CHECK(world.processes[0].exchange->pending() == 0);
  CHECK(world.processes[0].ran + world.processes[2].ran == 1);
  // Neither an ordinary one nor one that means what that node remembers.
  world.submit(0, 1, 102, Recall{"scribe/1", {1.0F}, 1});
  world.lane = Lane::ordinary;
  world.submit(0, 1, 103);
  world.run(100ms);
  CHECK(world.processes[0].exchange->offers().hedges == 1);
  CHECK(world.processes[0].exchange->pending() == 2);
}

TEST_CASE("a node that drains sends its tasks elsewhere") {
  World world;
  world.processes[1].draining = true;
  for (std::uint64_t i = 1; i <= 20; ++i) world.submit(0, 1, i);
  world.run(1s);
  world.check_all_done(20);
  CHECK(world.processes[1].ran == 0);
}

TEST_CASE("a node that is taken out of service finishes what it has and takes nothing new") {
  World world;
  world.takes = 200ms;
  Exchange& out = *world.processes[1].exchange;
  for (std::uint64_t i = 1; i <= 10; ++i) world.submit(0, 1, i);
  world.run(50ms);
  CHECK(world.processes[1].ran == 10);
  CHECK(out.guests_tasks() == 10);

  out.drain(true);
  for (std::uint64_t i = 11; i <= 20; ++i) world.submit(0, 1, i);
  world.run(50ms);
  CHECK(out.sent_elsewhere() == 10);
  CHECK(out.guests_tasks() == 10);
  world.run(1s);
  world.check_all_done(20);
  CHECK(world.processes[1].ran == 10);
  CHECK(out.guests_tasks() == 0);

  // Its own tasks go on.
  world.submit(1, 1, 21);
  world.run(1s);
  CHECK(world.processes[1].ran == 11);

  out.drain(false);
  world.run(5s);  // until it is asked again
  world.submit(0, 1, 22);
  world.run(1s);
  world.check_all_done(22);
  CHECK(world.processes[1].ran == 12);
}

TEST_CASE("an offer that comes again to a node that drains is answered from what it has") {
  World world;
  world.cut.insert({1, 0});  // what it says is lost
  world.submit(0, 1, 1);
  world.run(100ms);
  CHECK(world.processes[1].ran == 1);
  world.processes[1].exchange->drain(true);
  world.cut.clear();
  world.run(2s);
  world.check_all_done(1);
  CHECK(world.processes[1].exchange->sent_elsewhere() == 0);
  CHECK(world.processes[0].ran + world.processes[1].ran + world.processes[2].ran == 1);
}

TEST_CASE("a recall waits for the node that remembers, and not for ever") {
  World world;
  world.kill(1);
  world.submit(0, 1, 1, Recall{"keeper/*", {1.0F}, 1});
  world.run(1s);
  CHECK(world.asked->outcomes.empty());
  world.start(1);
  world.run(1s);
  world.check_all_done(1);
  world.kill(1);
  world.submit(0, 1, 2, Recall{"keeper/*", {1.0F}, 1});
  world.run(10s);
  REQUIRE(world.asked->outcomes.size() == 2);
  REQUIRE_FALSE(world.asked->outcomes[1].result);
  CHECK(world.asked->outcomes[1].result.error().code == ErrorCode::unreachable);
}

TEST_CASE("with nodes that announce nothing, tasks are done as before") {
  World world;
  world.speaks_delivery = false;
  for (std::uint32_t i = 0; i < nodes; ++i) world.kill(i);
  for (std::uint32_t i = 0; i < nodes; ++i) world.start(i);
  for (std::uint64_t i = 1; i <= 20; ++i) world.submit(0, 1, i);
  world.run(10ms);
  CHECK(world.processes[1].ran == 20);
  world.kill(1);
  world.run(1s);
  world.check_all_done(20);
}

TEST_CASE(
    "a client that speaks delivery has its results over a lost connection, and nobody else's") {
  World world;
  Exchange& node = *world.processes[0].exchange;
  const PeerId first{1000}, second{1001}, again{1002}, late{1003};
  const auto come = [&](PeerId peer, std::uint64_t epoch) {
    node.guest_up(peer, {"client", transport::Role::client, epoch, true});
  };
  const auto offer = [&](PeerId peer, std::uint32_t attempt) {
    TaskRequest request;
    request.id = {7, 1};  // both give theirs the same id
    request.work = Encode{"x"};
    node.heard(peer, transport::SubmitTask{std::move(request), attempt});
  };
  const auto told = [&](PeerId peer, auto kind) {
    return std::count_if(world.to_clients.begin(), world.to_clients.end(), [&](const auto& one) {
      return one.first == peer && std::holds_alternative<decltype(kind)>(one.second);
    });
  };
  come(first, 1);
  come(second, 2);  // another process of the same name
  offer(first, 1);
  offer(second, 1);
  CHECK(told(first, transport::TaskAccepted{}) == 1);
  CHECK(told(second, transport::TaskAccepted{}) == 1);
  node.guest_down(first);
  world.run(100ms);
  CHECK(world.processes[0].ran == 2);
  CHECK(told(first, transport::TaskResult{}) == 0);
  CHECK(told(second, transport::TaskResult{}) == 1);
  node.heard(second, transport::ResultAck{{7, 1}});

  come(again, 1);
  CHECK(told(again, transport::TaskResult{}) == 1);
  offer(again, 1);  // it has not seen the acceptance: the answer is the result, the task runs once
  CHECK(told(again, transport::TaskResult{}) == 2);
  CHECK(world.processes[0].ran == 2);
  node.guest_down(again);
  CHECK(node.origins() == nodes + 2);
  world.run(4min);  // nothing is kept for ever
  CHECK(node.origins() == nodes + 1);
  come(late, 1);
  CHECK(told(late, transport::TaskResult{}) == 0);
  offer(late, 1);
  CHECK(world.processes[0].ran == 3);
}

TEST_CASE("a node that leaves gives up what it has and what it wants, and may join again") {
  World world;
  world.takes = 10s;
  world.submit(0, 1, 1);  // to be done by the one that leaves
  world.submit(1, 0, 1);  // and wanted by it
  world.run(100ms);
  Exchange& exchange = *world.processes[0].exchange;
  REQUIRE(exchange.guests_tasks() == 1);
  REQUIRE(exchange.origins() == nodes);
  exchange.node_left(NodeId{1});
  CHECK(exchange.origins() == nodes - 1);
  exchange.guest_down(connection(1, 0));  // it ends, which is no news
  world.run(30s);
  REQUIRE(world.asked->outcomes.size() >= 1);
  CHECK(world.asked->outcomes[0].result);
  CHECK(exchange.guests_tasks() == 0);  // what ran for it has ended, and nothing is kept

  exchange.node_joined(NodeId{1}, "b");
  const transport::PeerInfo info{"b", transport::Role::node, world.processes[1].epoch, true};
  exchange.node_up(NodeId{1}, connection(0, 1), info);
  world.takes = 20ms;
  const int ran = world.processes[1].ran;
  world.submit(0, 1, 2);
  world.run(100ms);
  CHECK(world.processes[1].ran == ran + 1);
}

TEST_CASE("cancel, deadline, close and a full book each give the one outcome") {
  World world;
  world.takes = 10s;
  world.submit(0, 1, 1);
  world.submit(0, 1, 2, Encode{"x"}, 1s);
  world.submit(0, 1, 3);
  world.run(10ms);
  Exchange& exchange = *world.processes[0].exchange;
  exchange.cancel({world.processes[0].epoch, 1});
  exchange.cancel({world.processes[0].epoch, 1});
  world.run(4s);
  REQUIRE(world.asked->outcomes.size() == 2);
  CHECK(world.asked->outcomes[0].result.error().code == ErrorCode::canceled);
  CHECK(world.asked->outcomes[1].result.error().code == ErrorCode::expired);
  TaskRequest large;
  large.id = {world.processes[0].epoch, 4};
  large.work = Encode{std::string(std::size_t{1} << 20, 'x')};
  const auto refused = exchange.submit(NodeId{1}, large, {world.asked, 0});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::queue_full);
  exchange.close();
  REQUIRE(world.asked->outcomes.size() == 3);
  CHECK(world.asked->outcomes[2].result.error().code == ErrorCode::draining);
  world.run(20s);
  CHECK(world.asked->outcomes.size() == 3);
  const auto closed = exchange.submit(NodeId{1}, large, {world.asked, 0});
  REQUIRE_FALSE(closed);
  CHECK(closed.error().code == ErrorCode::draining);
}

TEST_CASE(
    "in a cluster where processes die and links break at random, every task has one outcome") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    INFO("seed " << seed);
    World world;
    Random random(seed);
    std::uint64_t tasks = 0;
    for (int round = 0; round < 60; ++round) {
      for (int i = 0; i < 5; ++i)
        world.submit(0, static_cast<std::uint32_t>(random.below(nodes)), ++tasks);
      const auto hurt = 1 + static_cast<std::uint32_t>(random.below(2));
      switch (random.below(8)) {
        case 0:
          if (world.processes[hurt].exchange) world.kill(hurt);
          break;
        case 1:
          if (!world.processes[hurt].exchange) world.start(hurt);
          break;
        case 2:
          world.cut.insert({0, hurt});
          break;
        default:
          world.cut.clear();
      }
      world.run(std::chrono::milliseconds(random.between(1, 400)));
    }
    world.cut.clear();
    world.run(1min);
    world.check_all_done(tasks);
  }
}
