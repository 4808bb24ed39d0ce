// Where tasks run in a cluster: by example, and in a small world of nodes with one queue each.
#include "scheduler/node_choice.hpp"

#include <algorithm>
#include <map>
#include <queue>
#include <vector>

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::scheduler;
using namespace std::chrono_literals;

namespace {

using Node = NodeChoice::Node;

NodeLoad load(Duration wait) {
  return {wait, wait};
}
Instant at(Duration since) {
  return Instant{} + since;
}

const std::vector<Node> three = {0, 1, 2};

// --- nodes with one queue each, told of by the replies of what they were sent --------------------

enum class Rule { ours, home, random };

struct World {
  std::uint32_t nodes = 4;
  std::vector<double> tasks_per_ms;  // that come to each node
  Duration service = 1ms;
  Duration way = 100us;  // one way
  std::uint64_t seed = 1;
};

struct Outcome {
  double mean_ms = 0;
  double moved = 0;  // part of the tasks
};

// Each node serves one task after the other; a reply carries the node's load as it was then.
Outcome run(const World& world, Rule rule, std::size_t tasks) {
  Random random(world.seed);
  std::vector<NodeChoice> choices;
  std::vector<Instant> free_at(world.nodes);
  std::vector<Node> all(world.nodes);
  for (Node node = 0; node < world.nodes; ++node) {
    choices.emplace_back(node, world.nodes, world.seed + node);
    all[node] = node;
  }
  struct Reply {
    Instant at;
    Node from;
    Node to;
    Duration work;
    NodeLoad load;
    bool operator>(const Reply& other) const { return at > other.at; }
  };
  std::priority_queue<Reply, std::vector<Reply>, std::greater<>> replies;
  std::vector<Instant> next(world.nodes);
  const auto gap = [&](Node node) {
    return world.tasks_per_ms[node] == 0 ? Duration(1h)
                                         : Duration(static_cast<std::int64_t>(
                                               random.exponential(1e6) / world.tasks_per_ms[node]));
  };
  for (Node node = 0; node < world.nodes; ++node) next[node] = at(gap(node));
  Outcome outcome;
  for (std::size_t task = 0; task < tasks; ++task) {
    const auto first = std::min_element(next.begin(), next.end());
    const auto home = static_cast<Node>(first - next.begin());
    const Instant now = *first;
    *first += gap(home);
    while (!replies.empty() && replies.top().at <= now) {
      const Reply reply = replies.top();
      replies.pop();
      choices[reply.to].told(reply.at, reply.from, reply.load);
      choices[reply.to].settled(reply.from, reply.work);
      choices[reply.to].measured(reply.at, reply.from, 2 * world.way);
    }
    const auto waits = [&](Node node, Instant when) {
      return std::max(free_at[node] - when, Duration::zero());
    };
    Node node = home;
    if (rule == Rule::random) node = static_cast<Node>(random.below(world.nodes));
    if (rule == Rule::ours)
      node = choices[home].choose(now, Lane::ordinary, load(waits(home, now)), 0ns, all);
    const Duration way = node == home ? Duration::zero() : world.way;
    const Instant begins = std::max(now + way, free_at[node]);
    free_at[node] = begins + world.service;
    const Instant answered = free_at[node] + way;
    if (node != home) {
      choices[home].sent(node, world.service);
      replies.push({answered, node, home, world.service, load(waits(node, free_at[node]))});
      outcome.moved += 1.0 / static_cast<double>(tasks);
    }
    outcome.mean_ms +=
        static_cast<double>((answered - now).count()) / 1e6 / static_cast<double>(tasks);
  }
  return outcome;
}

}  // namespace

TEST_CASE("a task stays at home unless another node is clearly sooner") {
  NodeChoice choice(0, 3, 1);
  choice.told(at(0ms), 1, load(5ms));
  choice.told(at(0ms), 2, load(9ms));
  choice.measured(at(0s), 1, 200us);
  choice.measured(at(0s), 2, 200us);
  CHECK(choice.choose(at(1ms), Lane::ordinary, load(0ms), 0ns, three) == 0);
  CHECK(choice.choose(at(1ms), Lane::ordinary, load(5ms), 0ns, three) == 0);
  CHECK(choice.choose(at(1ms), Lane::ordinary, load(6ms), 0ns, three) == 1);
  // The way counts, and so does what must be carried.
  CHECK(choice.choose(at(1ms), Lane::ordinary, load(6ms), 2ms, three) == 0);
  for (int i = 0; i < 100; ++i) choice.measured(at(0s), 1, 4ms);
  CHECK(choice.choose(at(1ms), Lane::ordinary, load(6ms), 0ns, three) == 0);
  // A wait passes with the time.
  CHECK(choice.choose(at(5ms), Lane::ordinary, load(6ms), 0ns, three) == 1);
}

TEST_CASE("each lane has its own wait") {
  NodeChoice choice(0, 2, 1);
  choice.told(at(0ms), 1, {.ordinary = 50ms, .urgent = 1ms});
  const NodeLoad own{.ordinary = 20ms, .urgent = 20ms};
  const std::vector<Node> both = {0, 1};
  CHECK(choice.choose(at(1ms), Lane::ordinary, own, 0ns, both) == 0);
  CHECK(choice.choose(at(1ms), Lane::urgent, own, 0ns, both) == 1);
}

TEST_CASE("a node is not sent more because its replies do not know of what is on its way") {
  NodeChoice choice(0, 2, 1);
  const std::vector<Node> both = {0, 1};
  for (int i = 0; i < 5; ++i) {
    choice.told(at(0ms), 1, load(0ms));
    const auto node = choice.choose(at(0ms), Lane::ordinary, load(4ms), 0ns, both);
    CHECK(node == (i < 3 ? 1U : 0U));
    if (node == 1) choice.sent(1, 1ms);
  }
  choice.settled(1, 1ms);
  CHECK(choice.choose(at(0ms), Lane::ordinary, load(4ms), 0ns, both) == 1);
}

TEST_CASE("what is known of a node ends: then only those who have much to do try it") {
  NodeChoice choice(0, 2, 1);
  const std::vector<Node> both = {0, 1};
  const auto asks = [&](Duration since, Duration own) {
    return choice.choose(at(since), Lane::ordinary, load(own), 0ns, both) == 1;
  };
  CHECK(asks(0s, 10ms));
  CHECK_FALSE(asks(0s, 1ms));
  choice.told(at(0s), 1, load(1min));
  CHECK_FALSE(asks(NodeChoice::load_lives, 10ms));
  CHECK(asks(NodeChoice::load_lives + 1ns, 10ms));
  CHECK_FALSE(asks(NodeChoice::load_lives + 1ns, 1ms));
  choice.told(at(10s), 1, load(1min));
  CHECK_FALSE(asks(10s, 10ms));
  choice.forget(1);
  CHECK(asks(10s, 10ms));
}

TEST_CASE("a way that was long once is not long for ever") {
  NodeChoice choice(0, 2, 1);
  const std::vector<Node> both = {0, 1};
  choice.measured(at(0s), 1, 500ms);  // that machine stood still
  CHECK(choice.choose(at(1s), Lane::ordinary, load(100ms), 0s, both) == 0);
  CHECK(choice.choose(at(11s), Lane::ordinary, load(100ms), 0s, both) == 1);
  choice.measured(at(11s), 1, 1ms);  // and not averaged with what was forgotten
  choice.told(at(11s), 1, load(50ms));
  CHECK(choice.choose(at(11s), Lane::ordinary, load(100ms), 0s, both) == 1);
}

TEST_CASE("where home is no candidate the sooner of two others is taken") {
  NodeChoice choice(0, 3, 1);
  choice.told(at(0ms), 1, load(5ms));
  choice.told(at(0ms), 2, load(1ms));
  const std::vector<Node> others = {1, 2};
  CHECK(choice.choose(at(1ms), Lane::ordinary, load(0ms), 0ns, others) == 2);
  const std::vector<Node> one = {1};
  CHECK(choice.choose(at(1ms), Lane::ordinary, load(0ms), 0ns, one) == 1);
}

TEST_CASE("nodes of which as much is known are asked as often") {
  NodeChoice choice(0, 6, 7);
  std::vector<Node> all(6);
  for (Node node = 0; node < 6; ++node) all[node] = node;
  std::map<Node, int> count;
  for (int i = 0; i < 10'000; ++i)
    ++count[choice.choose(at(1ms), Lane::ordinary, load(1s), 0ns, all)];
  CHECK(count[0] == 0);
  for (Node node = 1; node < 6; ++node) CHECK(count[node] == Approx(2000).margin(200));
}

TEST_CASE("absurd loads, times and nodes change nothing and overflow nothing") {
  NodeChoice choice(0, 2, 1);
  const std::vector<Node> both = {0, 1};
  choice.told(at(1s), 1, load(-1s));
  choice.told(at(1s), 9, load(1s));
  choice.measured(at(0s), 1, -1s);
  choice.measured(at(0s), 9, 1s);
  choice.sent(9, 1s);
  choice.settled(9, 1s);
  choice.settled(1, 1s);
  choice.forget(9);
  CHECK(choice.choose(at(0s), Lane::ordinary, load(Duration::max()), -1s, both) == 1);
  for (int i = 0; i < 3; ++i) choice.sent(1, Duration::max());
  CHECK(choice.choose(at(1s), Lane::ordinary, load(1s), Duration::max(), both) == 0);
}

TEST_CASE("where all tasks come to one node, the others carry what it cannot") {
  // 2.8 tasks a millisecond come to a node that can do one; the four can do four.
  World world;
  world.tasks_per_ms = {2.8, 0, 0, 0};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    world.seed = seed;
    const Outcome ours = run(world, Rule::ours, 20'000);
    const Outcome anywhere = run(world, Rule::random, 20'000);
    CHECK(ours.mean_ms < 3);  // of which one is the task itself
    CHECK(ours.mean_ms < 0.9 * anywhere.mean_ms);
  }
  world.seed = 1;
  CHECK(run(world, Rule::home, 20'000).mean_ms > 100);
}

TEST_CASE("where every node has its share, hardly a task moves and none waits longer for it") {
  World world;
  for (const double rate : {0.1, 0.5, 0.8}) {
    world.tasks_per_ms = {rate, rate, rate, rate};
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      world.seed = seed;
      const Outcome ours = run(world, Rule::ours, 20'000);
      const Outcome home = run(world, Rule::home, 20'000);
      CHECK(ours.mean_ms < 1.01 * home.mean_ms);
      if (rate == 0.1) CHECK(ours.moved < 0.1);
    }
  }
}
