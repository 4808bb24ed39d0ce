// Three exchanges on a virtual clock, joined by a network in memory that a test cuts and heals:
// what crosses between nodes, request and result in hand, has one outcome.
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "actors/exchange.hpp"
#include "base/random.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::Answer;
using actors::Exchange;
using delivery::NodeId;
using transport::PeerId;

namespace {

constexpr std::uint32_t nodes = 3;
constexpr Duration lease = 3s;
constexpr Duration hop = 1ms;

struct Asked final : actors::ReplySink {
  void deliver(std::vector<Answer> answers) override {
    for (auto& answer : answers) outcomes.push_back(std::move(answer.outcome));
  }
  std::vector<TaskOutcome> outcomes;
};

// A connection is numbered by who dialed and who was dialed; both ends know it by that number.
PeerId connection(std::uint32_t from, std::uint32_t to) {
  return {1 + from * nodes + to};
}

struct World {
  struct Process {
    std::uint64_t epoch = 0;
    std::unique_ptr<Exchange> exchange;  // none: dead
    std::uint64_t ids = 0;
    int ran = 0;
    bool draining = false;
    actors::Busyness busyness;
    std::optional<ErrorCode> refuses;
  };

  Instant now{1h};
  std::multimap<Instant, std::function<void()>> agenda;
  std::array<Process, nodes> processes;
  std::set<std::pair<std::uint32_t, std::uint32_t>> cut;
  std::shared_ptr<Asked> asked = std::make_shared<Asked>();
  bool speaks_delivery = true;
  bool no_result_is_valid = false;
  Duration takes = 20ms;  // a task on its device
  std::uint64_t epochs = 0;

  World() {
    for (std::uint32_t i = 0; i < nodes; ++i) start(i);
  }

  void in(Duration delay, std::function<void()> what) {
    agenda.emplace(now + delay, std::move(what));
  }

  // Does `what` at process i unless that one has ended by then.
  void at(std::uint32_t i, Duration delay, std::function<void(Exchange&)> what) {
    in(delay, [this, i, epoch = processes[i].epoch, what = std::move(what)] {
      if (processes[i].exchange && processes[i].epoch == epoch) what(*processes[i].exchange);
    });
  }

  void start(std::uint32_t i) {
    Process& process = processes[i];
    process = {};
    process.epoch = ++epochs;
    Exchange::Outside outside;
    outside.now = [this] { return now; };
    outside.send = [this, i](PeerId peer, Lane, const transport::Message& message) -> Status {
      const auto* result = std::get_if<transport::TaskResult>(&message);
      if (result != nullptr && result->outcome.result && no_result_is_valid)
        return Error{ErrorCode::invalid_argument, "a number is not finite", ""};
      send(i, peer, message);
      return {};
    };
    outside.run = [this, i](TaskRequest request, actors::ReplyTo reply, TaskId) -> Status {
      if (processes[i].draining) return Error{ErrorCode::draining, "going", ""};
      if (processes[i].refuses) return Error{*processes[i].refuses, "not here", ""};
      ++processes[i].ran;
      TaskOutcome outcome{request.id, Output{Embedding{{1.0F}, 1, false}}, {}};
      at(i, takes,
         [reply, outcome](Exchange&) { actors::answer_one(reply, TaskOutcome(outcome)); });
      return {};
    };
    outside.stop_running = [](TaskId) {};
    outside.next_id = [this, i] {
      return TaskId{processes[i].epoch, 1'000'000 + ++processes[i].ids};
    };
    outside.nudge = [this, i] { work_later(i, 0s); };
    outside.busyness = [this, i] { return processes[i].busyness; };
    process.exchange = std::make_unique<Exchange>(
        Exchange::Options{{"a", "b", "c"}, NodeId{i}, i, std::uint64_t{1} << 20}, outside);
    for (std::uint32_t j = 0; j < nodes; ++j)
      if (j != i && processes[j].exchange) join(i, j);
  }

  void work_later(std::uint32_t i, Duration delay) {
    at(i, delay, [this, i](Exchange& exchange) {
      if (const auto next = exchange.work()) work_later(i, std::max(0ns, *next - now));
    });
  }

  // Both hear that the other is there: each dialed, each was dialed.
  void join(std::uint32_t i, std::uint32_t j) {
    for (const auto& [me, other] : {std::pair{i, j}, std::pair{j, i}}) {
      const transport::PeerInfo info{std::string(1, static_cast<char>('a' + other)),
                                     transport::Role::node, processes[other].epoch,
                                     speaks_delivery};
      processes[me].exchange->node_up(NodeId{other}, connection(me, other), info);
      processes[me].exchange->guest_up(connection(other, me), info);
    }
  }
  void part(std::uint32_t me, std::uint32_t other) {
    if (!processes[me].exchange) return;
    processes[me].exchange->node_down(NodeId{other});
    processes[me].exchange->guest_down(connection(other, me));
  }

  void send(std::uint32_t from, PeerId peer, transport::Message message) {
    const auto dialer = static_cast<std::uint32_t>((peer.value - 1) / nodes);
    const auto dialed = static_cast<std::uint32_t>((peer.value - 1) % nodes);
    const std::uint32_t to = from == dialer ? dialed : dialer;
    if (cut.contains(std::minmax(from, to))) return;
    at(to, hop, [this, from, to, peer, message](Exchange& exchange) {
      if (cut.contains(std::minmax(from, to))) return;
      std::visit(
          [&](auto one) {
            if constexpr (requires { exchange.heard(peer, std::move(one)); })
              exchange.heard(peer, std::move(one));
          },
          message);
    });
  }

  void sever(std::uint32_t i, std::uint32_t j) {
    cut.insert(std::minmax(i, j));
    in(lease, [this, i, j] {
      part(i, j);
      part(j, i);
    });
  }
  void heal(std::uint32_t i, std::uint32_t j) {
    cut.erase(std::minmax(i, j));
    join(i, j);
  }
  // As kill -9, noticed at once.
  void kill(std::uint32_t i) {
    processes[i].exchange.reset();
    for (std::uint32_t j = 0; j < nodes; ++j)
      if (j != i) part(j, i);
  }

  void submit(std::uint32_t from, std::uint32_t to, std::uint64_t number, Work work = Encode{"x"},
              std::optional<Duration> limit = {}) {
    TaskRequest request;
    request.id = {processes[from].epoch, number};
    request.work = std::move(work);
    request.time_limit = limit;
    REQUIRE(processes[from].exchange->submit(NodeId{to}, std::move(request), {asked, 0}));
  }

  void run(Duration time) {
    const Instant end = now + time;
    while (!agenda.empty() && agenda.begin()->first <= end) {
      const auto next = agenda.begin();
      now = std::max(now, next->first);
      const auto what = std::move(next->second);
      agenda.erase(next);
      what();
    }
    now = end;
  }

  // Each task has had one outcome, and it was done.
  void check_all_done(std::size_t tasks) {
    std::set<TaskId> had;
    for (const auto& outcome : asked->outcomes) {
      CHECK(had.insert(outcome.id).second);
      CHECK(outcome.result);
    }
    CHECK(had.size() == tasks);
  }
};

}  // namespace

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
}

TEST_CASE("a node that drains sends its tasks elsewhere") {
  World world;
  world.processes[1].draining = true;
  for (std::uint64_t i = 1; i <= 20; ++i) world.submit(0, 1, i);
  world.run(1s);
  world.check_all_done(20);
  CHECK(world.processes[1].ran == 0);
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

namespace {

std::optional<NodeId> sooner(World& world, std::uint32_t from, Lane lane = Lane::ordinary) {
  TaskRequest request;
  request.work = Encode{"x"};
  request.lane = lane;
  return world.processes[from].exchange->sooner_elsewhere(request);
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
  world.processes[0].busyness = busy(100ms);
  for (std::uint32_t i = 1; i < nodes; ++i) {
    world.processes[i].busyness = busy(0ms);
    world.processes[i].refuses =
        GENERATE(ErrorCode::model_missing, ErrorCode::infeasible, ErrorCode::unsupported);
  }
  TaskRequest request;
  request.id = {world.processes[0].epoch, 1};
  request.work = Encode{"x"};
  actors::ReplyTo reply{world.asked, 0};
  REQUIRE(world.processes[0].exchange->submit_if_sooner(request, reply));
  world.run(1s);
  world.check_all_done(1);
  CHECK(world.processes[0].ran == 1);
  CHECK_FALSE(sooner(world, 0));  // both are left alone
  world.submit(0, 1, 2);          // whoever names a node has that node's answer
  world.run(10s);
  world.submit(0, 1, 3);
  world.run(1s);
  REQUIRE(world.asked->outcomes.size() == 3);
  REQUIRE_FALSE(world.asked->outcomes[2].result);
  CHECK(world.asked->outcomes[2].result.error().code == world.processes[1].refuses);
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
