// Where tasks run in a cluster of real nodes: at home, until another node is clearly less busy.
#include "tests/actors/burst.hpp"
#include "tests/actors/collector.hpp"
#include "tests/actors/devices.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using tests::encode;
using tests::TestCluster;

namespace {

constexpr Duration limit = 20s;

void check_all_done(tests::Collector& collector, std::size_t tasks) {
  for (const auto& [tag, outcome] : collector.wait_for(tasks)) CHECK(outcome.result);
}

std::uint64_t completed(const actors::Node& node) {
  std::uint64_t completed = 0;
  for (const auto& lane : node.facts().stats.lanes) completed += lane.completed;
  return completed;
}

}  // namespace

TEST_CASE("a node that cannot keep up gives tasks to one that is idle, and no recall") {
  TestCluster cluster{{"a", "b"}};
  const auto held = std::make_shared<tests::HeldDevice>(kernels::Cost{10ms, 10ms});
  auto busy = cluster.options("a", {});
  busy.devices_open = {held};
  auto idle = cluster.options("b", {});
  idle.devices_open = {std::make_shared<tests::IdentityDevice>()};
  const auto a = cluster.start(std::move(busy));
  const auto b = cluster.start(std::move(idle));
  tests::wait_linked(*a);
  const auto collector = std::make_shared<tests::Collector>();
  std::uint64_t tasks = 0;
  const auto submit = [&](TaskRequest request) {
    REQUIRE(a->submit(std::move(request), {collector, tasks++}));
  };
  // How soon the wait at home is known depends on a's thread.
  const Instant until = now() + limit;
  while (a->facts().tasks_moved < 10) {
    REQUIRE(now() < until);
    submit(encode("who has time?"));
  }
  const std::uint64_t moved = a->facts().tasks_moved;
  TaskRequest recall;
  recall.work = Recall{"librarian/*", {1.0F}, 1};
  submit(std::move(recall));
  CHECK(a->facts().tasks_moved == moved);

  held->release();
  check_all_done(*collector, tasks);
  CHECK(completed(*b) == moved);
  CHECK(completed(*a) == tasks - moved);
}

TEST_CASE("where nobody waits, no task leaves its node") {
  TestCluster cluster{{"a", "b"}};
  auto options = cluster.options("a", {});
  options.devices_open = {std::make_shared<tests::IdentityDevice>()};
  const auto a = cluster.start(std::move(options));
  const auto b = cluster.start("b", {});
  tests::wait_linked(*a);
  const auto collector = std::make_shared<tests::Collector>();
  for (std::uint64_t i = 0; i < 100; ++i) {
    REQUIRE(a->submit(encode("at home"), {collector, i}));
    check_all_done(*collector, i + 1);
  }
  CHECK(a->facts().tasks_moved == 0);
  CHECK(completed(*b) == 0);
}
