// The rules of both halves of the delivery protocol one by one, where the thousand worlds of
// protocol_test.cpp would not notice that one is broken: pauses, patience, bounds.
#include <algorithm>

#include "delivery/retry_budget.hpp"
#include "tests/catch.hpp"
#include "tests/delivery/alone.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::delivery;
using namespace troupe::delivery::testing;

TEST_CASE("a node that drains is not asked for a while, but a new process of it is") {
  Sending world;
  world.tell(Submitted{task, b});
  REQUIRE(world.offers().size() == 1);
  world.tell(Rejected{b, 1, task, 1, ErrorCode::draining, 0ms});
  REQUIRE(world.offers().size() == 1);  // no pause
  CHECK(world.offers()[0].node != b);
  world.tell(Submitted{{7, 2}, b});
  REQUIRE(world.offers().size() == 1);
  CHECK(world.offers()[0].node != b);
  world.tell(NodeUp{b, 2});
  world.tell(Submitted{{7, 3}, b});
  REQUIRE(world.offers().size() == 1);
  CHECK(world.offers()[0].node == b);
}

TEST_CASE("an offer that could not be sent takes nothing from who was given the task before") {
  std::vector<NodeId> next{c, b, here};
  SenderOptions options;
  options.nodes = 3;
  options.choose = [&](Instant, TaskId, std::span<const NodeId>) {
    const NodeId chosen = next.front();
    next.erase(next.begin());
    return chosen;
  };
  Sending world;
  world.sender = Sender(options, 1);
  for (const NodeId node : {here, b, c}) world.tell(NodeUp{node, 1});
  world.tell(Submitted{task, b});
  world.tell(NodeDown{b});
  REQUIRE(world.offers().at(0).node == c);
  world.tell(NodeUp{b, 1});  // the same process: it was only cut off
  world.tell(NodeDown{c});
  REQUIRE(world.offers().at(0).node == b);
  world.tell(Undelivered{b, task, 3, ErrorCode::unreachable});
  REQUIRE(world.offers().at(0).node == here);
  world.tell(NodeUp{c, 1});
  SECTION("the one before") {
    world.tell(ResultCame{c, 1, task, std::nullopt});
    CHECK(only<Acknowledge>(world.last).size() == 1);
    CHECK(world.ends().size() == 1);
  }
  SECTION("that one, which has an earlier offer") {
    world.tell(ResultCame{b, 1, task, std::nullopt});
    CHECK(world.ends().size() == 1);
  }
}

TEST_CASE("what a node that ends gives back moves, however much it is; a full one's does not") {
  for (const auto why : {ErrorCode::draining, ErrorCode::unreachable, ErrorCode::queue_full}) {
    Sending world;
    for (std::uint64_t i = 1; i <= 1000; ++i) {
      world.tell(Submitted{{7, i}, b});
      world.tell(Accepted{b, 1, {7, i}, 1});
    }
    std::size_t ended = 0;
    for (std::uint64_t i = 1; i <= 1000; ++i) {
      world.tell(Rejected{b, 1, {7, i}, 1, why, 0ms});
      ended += world.ends().size();
    }
    CHECK((ended == 0) == (why != ErrorCode::queue_full));  // else the budget was used up
  }
}

TEST_CASE(
    "what one node will not do for reasons of its own is done elsewhere, and it is asked on") {
  for (const bool late : {false, true}) {  // it says so at once, or after it has accepted
    Sending world;
    world.tell(Submitted{task, b});
    if (late) {
      world.tell(Accepted{b, 1, task, 1});
      world.tell(ResultCame{b, 1, task, ErrorCode::infeasible, true});
    } else {
      world.tell(Rejected{b, 1, task, 1, ErrorCode::infeasible, 0ms, true});
    }
    REQUIRE(world.offers().size() == 1);
    CHECK(world.offers()[0].node == here);
    world.tell(Submitted{{7, 2}, b});
    REQUIRE(world.offers().size() == 1);
    CHECK(world.offers()[0].node == b);
    // Where it has no other reason to be elsewhere, the refusal is the outcome.
    world.tell(Rejected{here, 0, task, 2, ErrorCode::infeasible, 0ms});
    REQUIRE(world.ends().size() == 1);
    CHECK(world.ends()[0].with == Conclude::With::refusal);
    CHECK(world.ends()[0].task == task);
  }
}

TEST_CASE("a refusal's time to come again is kept") {
  Sending world;
  world.tell(Submitted{task, b, never, true});
  world.tell(Rejected{b, 1, task, 1, ErrorCode::queue_full, 3s});
  CHECK(world.until_next_decision() >= 3s);
  REQUIRE(world.offers().size() == 1);
  CHECK(world.offers()[0].node == b);
  CHECK(world.offers()[0].attempt == 2);
}

TEST_CASE("a task that is refused everywhere ends with the refusal once patience is over") {
  Sending world;
  world.tell(Submitted{task, b});
  const Instant begin = world.now;
  while (world.ends().empty()) {
    for (const auto& offer : world.offers()) {
      world.tell(Rejected{offer.node, offer.node == here ? 0U : 1U, task, offer.attempt,
                          ErrorCode::queue_full, 400ms});
      if (!world.ends().empty()) break;
    }
    if (world.ends().empty()) world.until_next_decision();
  }
  CHECK(world.ends()[0].code == ErrorCode::queue_full);
  CHECK(world.now - begin >= 9s);
  CHECK(world.now - begin <= 10s);
}

TEST_CASE("a pinned task waits for its node, ends when it stays away or has forgotten") {
  Sending world;
  world.tell(NodeDown{b});
  world.tell(Submitted{task, b, never, true});
  CHECK(world.offers().empty());
  CHECK(world.until_next_decision() == 3s);
  REQUIRE(world.ends().size() == 1);
  CHECK(world.ends()[0].code == ErrorCode::unreachable);

  world.tell(Submitted{task, b, never, true});
  world.tell(NodeUp{b, 1});
  REQUIRE(world.offers().size() == 1);
  world.tell(Accepted{b, 1, task, 1});
  world.tell(NodeDown{b});
  CHECK(world.last.empty());
  world.tell(NodeUp{b, 2});
  REQUIRE(world.ends().size() == 1);
  CHECK(world.ends()[0].code == ErrorCode::unreachable);
}

TEST_CASE("a client's tasks wait for the first node that it reaches, so long and not longer") {
  Sending world;
  auto options = Sending::options();
  options.self.reset();
  world.sender = Sender(options, 1);
  const Instant begin = world.now;
  world.tell(Submitted{task, b});
  world.tell(Submitted{{7, 2}, b, begin + 1s});
  world.tell(Submitted{{7, 3}, c});
  world.tell(Canceled{{7, 3}});
  CHECK(world.ends().size() == 1);
  CHECK(world.until_next_decision() == 1s);
  REQUIRE(world.ends().size() == 1);
  CHECK(world.ends()[0].task == TaskId{7, 2});
  CHECK(world.ends()[0].code == ErrorCode::expired);
  world.tell(NodeUp{c, 1});
  REQUIRE(world.offers().size() == 1);
  CHECK(world.offers()[0].node == c);
  CHECK(world.offers()[0].task == task);

  // The only node that it reached is lost with the task: as at first, from when it was submitted.
  world.tell(NodeDown{c});
  CHECK(world.offers().empty());
  CHECK(world.ends().empty());
  world.until_next_decision();
  CHECK(world.now - begin == 10s);
  REQUIRE(world.ends().size() == 1);
  CHECK(world.ends()[0].code == ErrorCode::unreachable);
  CHECK(world.sender.tasks() == 0);
}

TEST_CASE("whoever holds a task answers for its deadline, for so long as an answer takes") {
  Sending world;
  world.tell(Submitted{task, b, world.now + 1s});
  world.tell(Accepted{b, 1, task, 1});
  CHECK(world.until_next_decision() == 3s);  // the deadline and the grace
  REQUIRE(world.ends().size() == 1);
  CHECK(world.ends()[0].code == ErrorCode::expired);
  CHECK(only<Withdraw>(world.last).size() == 1);
}

TEST_CASE("a lost node's tasks go elsewhere at once, so often and not more") {
  Sending world;
  world.tell(Submitted{task, b});
  std::uint64_t epoch = 1;
  for (int loss = 1; loss < 5; ++loss) {
    const NodeId at = world.offers().at(0).node;
    if (at == here) {
      world.tell(ResultCame{here, 0, task, ErrorCode::unreachable});
    } else {
      world.tell(NodeDown{at});
    }
    REQUIRE(world.offers().size() == 1);  // no pause
    const auto kept = world.last;
    world.tell(NodeUp{at, ++epoch});
    world.last = kept;
  }
  const NodeId at = world.offers().at(0).node;
  if (at == here)
    world.tell(ResultCame{here, 0, task, ErrorCode::unreachable});
  else
    world.tell(NodeDown{at});
  REQUIRE(world.ends().size() == 1);
  CHECK(world.ends()[0].code == ErrorCode::unreachable);
}

TEST_CASE("repeats of an offer nobody answers become ever more seldom and cost the budget") {
  Sending world;
  world.tell(Submitted{task, b});
  std::vector<Duration> pauses;
  for (int i = 0; i < 5; ++i) {
    pauses.push_back(world.until_next_decision());
    REQUIRE(world.offers().size() == 1);
    CHECK(world.offers()[0].attempt == 1);
  }
  CHECK(pauses == std::vector<Duration>{1s, 2s, 4s, 8s, 8s});

  RetryBudget budget;
  int taken = 0;
  while (budget.take(world.now)) ++taken;
  CHECK(taken == 100);
  for (int i = 0; i < 20; ++i) budget.task();
  CHECK(budget.take(world.now));
  CHECK(budget.take(world.now));
  CHECK_FALSE(budget.take(world.now));
  CHECK(budget.take(world.now + 100ms));
  CHECK_FALSE(budget.take(world.now + 100ms));
}

TEST_CASE("whoever is asked to choose the next node does, after the first") {
  Sending world;
  auto options = Sending::options();
  std::size_t asked = 0;
  options.choose = [&](Instant, TaskId, std::span<const NodeId> open) {
    ++asked;
    CHECK(std::find(open.begin(), open.end(), b) == open.end());
    return open.back();
  };
  world.sender = Sender(options, 1);
  world.tell(NodeUp{b, 1});
  world.tell(NodeUp{c, 1});
  world.tell(Submitted{task, b});
  CHECK(asked == 0);
  world.tell(NodeDown{b});
  REQUIRE(world.offers().size() == 1);
  CHECK(world.offers()[0].node == c);
  CHECK(asked == 1);
}

TEST_CASE("a result is sent again until it is acknowledged, and kept so long for who is away") {
  Executing world;
  world.finish(task);
  REQUIRE(only<SendResult>(world.last).size() == 1);
  world.pass(1s);
  CHECK(only<SendResult>(world.last).size() == 1);
  world.pass(1s);
  CHECK(world.last.empty());
  world.pass(1s);
  CHECK(only<SendResult>(world.last).size() == 1);
  world.tell(OriginDown{origin});
  world.pass(50s);
  CHECK(world.last.empty());
  world.tell(OriginUp{origin});
  CHECK(only<SendResult>(world.last).size() == 1);
  world.tell(OriginDown{origin});
  world.pass(60s);
  CHECK(only<Drop>(world.last).size() == 1);
  CHECK_FALSE(world.executor.knows(origin));
  CHECK(world.executor.result_bytes() == 0);
}

TEST_CASE("nothing is kept of a task that was withdrawn before the scheduler refused it") {
  Executing world;
  world.tell(Offered{origin, task, 1});
  world.tell(Withdrawn{origin, task});
  world.tell(Refused{origin, task, 0ms});
  CHECK(only<Reject>(world.last).empty());
  CHECK(only<Drop>(world.last).size() == 1);
  CHECK_FALSE(world.executor.knows(origin));
}

TEST_CASE("what was done is not done again, unless it was a refusal and is offered anew") {
  Executing world;
  world.finish(task);
  world.tell(Acknowledged{origin, task});
  world.tell(Offered{origin, task, 2});
  CHECK(world.last.empty());
  world.finish({7, 2}, true);
  world.tell(Acknowledged{origin, {7, 2}});
  world.tell(Offered{origin, {7, 2}, 1});  // a late copy
  CHECK(world.last.empty());
  world.tell(Offered{origin, {7, 2}, 2});
  CHECK(only<Run>(world.last).size() == 1);
  world.pass(2min);
  world.tell(Offered{origin, task, 2});  // forgotten by now
  CHECK(only<Run>(world.last).size() == 1);
}

TEST_CASE("the executor's table is bounded in tasks, bytes and memories") {
  Executing world({.tasks_max = 2, .result_bytes_max = 1500, .remembered_max = 3});
  world.tell(Offered{origin, {7, 1}, 1});
  world.tell(Offered{origin, {7, 2}, 1});
  world.tell(Offered{origin, {7, 3}, 1});
  REQUIRE(only<Reject>(world.last).size() == 1);
  CHECK(only<Reject>(world.last)[0].full);
  CHECK(only<Reject>(world.last)[0].retry_after > 0ms);
  for (std::uint64_t i : {1, 2}) world.tell(Finished{origin, {7, i}, 1000, false});
  CHECK(world.executor.result_bytes() == 2000);
  world.tell(Acknowledged{origin, {7, 1}});
  world.tell(Offered{origin, {7, 3}, 1});
  CHECK(only<Run>(world.last).size() == 1);
  world.tell(Acknowledged{origin, {7, 2}});
  world.tell(Finished{origin, {7, 3}, 1000, false});
  world.tell(Acknowledged{origin, {7, 3}});
  for (std::uint64_t i = 4; i < 50; ++i) {
    world.finish({7, i});
    world.tell(Acknowledged{origin, {7, i}});
    CHECK(world.executor.remembered() <= 3);
  }
  CHECK(world.executor.active() == 0);
}

TEST_CASE("words about another attempt, and results of who never had the task, change nothing") {
  Sending world;
  world.tell(Submitted{task, b, never, true});
  world.tell(Rejected{b, 1, task, 1, ErrorCode::queue_full, 0ms});
  world.until_next_decision();
  REQUIRE(world.offers().size() == 1);
  world.tell(Accepted{b, 1, task, 1});  // late, and not true any more
  CHECK(world.until_next_decision() == 1s);
  REQUIRE(world.offers().size() == 1);  // so the offer is repeated
  world.tell(ResultCame{c, 1, task, std::nullopt});
  CHECK(world.last.empty());
  CHECK(world.sender.has(task));
}

TEST_CASE("only a node that may have the task is told that nobody waits") {
  Sending world;
  world.tell(Submitted{task, b});
  world.tell(Rejected{b, 1, task, 1, ErrorCode::queue_full, 0ms});
  world.tell(Canceled{task});
  CHECK(only<Withdraw>(world.last).empty());
  world.tell(Submitted{task, b});
  world.tell(Undelivered{b, task, 1, ErrorCode::unreachable});
  REQUIRE(world.offers().size() == 1);
  const NodeId next = world.offers()[0].node;
  CHECK(next != b);
  world.tell(Canceled{task});
  REQUIRE(only<Withdraw>(world.last).size() == 1);
  CHECK(only<Withdraw>(world.last)[0].node == next);
  world.tell(Submitted{task, b});
  world.tell(Canceled{task});
  CHECK(only<Withdraw>(world.last).size() == 1);
}

TEST_CASE("retries that add load are limited for all tasks together") {
  Sending world;
  constexpr std::uint64_t tasks = 300;
  for (std::uint64_t i = 1; i <= tasks; ++i) world.tell(Submitted{{7, i}, b});
  world.pass(1s);
  CHECK(world.offers().size() >= 100);
  CHECK(world.offers().size() <= 140);  // a tenth of the tasks, and what was saved

  Sending other;
  std::size_t ended = 0;
  for (std::uint64_t i = 1; i <= tasks; ++i) {
    other.tell(Submitted{{7, i}, b});
    if (other.offers().at(0).node != b) continue;
    other.tell(Rejected{b, 1, {7, i}, 1, ErrorCode::queue_full, 0ms});
    ended += other.ends().size();
  }
  CHECK(ended >= 150);
  CHECK(ended <= 200);
}

TEST_CASE("a lost task goes first to a node that has not had it, and not to one that cannot") {
  for (std::uint64_t i = 1; i <= 8; ++i) {
    Sending world;
    world.tell(Submitted{{7, i}, b});
    world.tell(NodeDown{b});
    REQUIRE(world.offers().at(0).node == here);
    world.tell(NodeUp{b, 1});
    world.tell(ResultCame{here, 0, {7, i}, ErrorCode::unreachable});
    REQUIRE(world.offers().size() == 1);
    CHECK(world.offers()[0].node == c);
    world.tell(NodeDown{c});
    REQUIRE(world.offers().size() == 1);
    CHECK(world.offers()[0].node == b);  // our own has no device that works
  }
}

TEST_CASE("nothing is said to a node that is down; what comes too late is acknowledged") {
  Sending world;
  world.tell(Submitted{task, b});
  world.tell(NodeDown{b});
  world.tell(Canceled{task});
  REQUIRE(only<Withdraw>(world.last).size() == 1);
  CHECK(only<Withdraw>(world.last)[0].node == here);
  world.tell(NodeUp{b, 1});
  world.tell(ResultCame{b, 1, task, std::nullopt});
  CHECK(only<Acknowledge>(world.last).size() == 1);
}

TEST_CASE("the executor answers the latest attempt, and knows which one was the last") {
  Executing world;
  world.tell(Offered{origin, task, 1});
  world.tell(Offered{origin, task, 2});
  REQUIRE(only<Accept>(world.last).size() == 1);
  world.tell(Refused{origin, task, 0ms});
  REQUIRE(only<Reject>(world.last).size() == 1);
  CHECK(only<Reject>(world.last)[0].attempt == 2);

  world.finish({7, 2}, true);
  world.tell(Offered{origin, {7, 2}, 2});
  CHECK(only<SendResult>(world.last).size() == 1);
  world.tell(Acknowledged{origin, {7, 2}});
  world.tell(Offered{origin, {7, 2}, 2});  // a late copy
  CHECK(world.last.empty());

  world.tell(Withdrawn{origin, {7, 3}});  // has overtaken its offer
  world.tell(Offered{origin, {7, 3}, 1});
  CHECK(world.last.empty());
}

TEST_CASE("a result that nobody waits for is thrown away; one for who was away is sent eagerly") {
  Executing world;
  world.tell(Offered{origin, task, 1});
  world.tell(Withdrawn{origin, task});
  CHECK(only<Stop>(world.last).size() == 1);
  world.tell(Finished{origin, task, 1000, false});
  CHECK(only<SendResult>(world.last).empty());
  CHECK(only<Drop>(world.last).size() == 1);

  world.finish({7, 2});
  for (const Duration pause : {1s, 2s, 4s}) {
    world.pass(pause);
    CHECK(only<SendResult>(world.last).size() == 1);
  }
  world.tell(OriginDown{origin});
  world.tell(OriginUp{origin});
  CHECK(only<SendResult>(world.last).size() == 1);
  world.pass(1s);
  CHECK(only<SendResult>(world.last).size() == 1);
}

TEST_CASE("a node that joins gets tasks once it is up, and is none before it has joined") {
  constexpr NodeId d{3};
  Sending world;
  world.tell(NodeUp{d, 1});
  world.tell(Submitted{task, d});
  REQUIRE(world.ends().size() == 1);
  CHECK(world.ends()[0].code == ErrorCode::invalid_argument);
  CHECK(world.sender.open(world.now).size() == 3);

  world.tell(NodeJoined{d});
  CHECK(world.sender.open(world.now).size() == 3);
  world.tell(Submitted{{7, 2}, d});  // not up yet: elsewhere
  REQUIRE(world.offers().size() == 1);
  CHECK(world.offers()[0].node == here);
  world.tell(NodeUp{d, 1});
  CHECK(world.sender.open(world.now).size() == 4);
  world.tell(Submitted{{7, 3}, d});
  REQUIRE(world.offers().size() == 1);
  CHECK(world.offers()[0].node == d);
  world.tell(NodeJoined{d});  // which is no news
  world.tell(ResultCame{d, 1, {7, 3}, std::nullopt});
  CHECK(world.ends().size() == 1);
}
