// Where tasks run in a cluster of real nodes: at home, until another node is clearly less busy.
#include <condition_variable>
#include <map>
#include <mutex>

#include "tests/actors/burst.hpp"
#include "tests/actors/devices.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using tests::encode;
using tests::TestCluster;

namespace {

constexpr Duration limit = 20s;

class Collector final : public actors::ReplySink {
 public:
  void deliver(std::vector<actors::Answer> answers) override {
    const std::lock_guard lock(mutex_);
    for (auto& answer : answers) {
      ++outcomes_[answer.tag];
      if (answer.outcome.result) ++done_;
    }
    changed_.notify_all();
  }
  // Until each of so many tasks has its outcome; none has two, and all are done.
  void wait_for(std::size_t tasks) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, limit, [&] { return outcomes_.size() == tasks; }));
    for (const auto& [tag, outcomes] : outcomes_) CHECK(outcomes == 1);
    CHECK(done_ == tasks);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, int> outcomes_;
  std::size_t done_ = 0;
};

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
  const auto collector = std::make_shared<Collector>();
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
  collector->wait_for(tasks);
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
  const auto collector = std::make_shared<Collector>();
  for (std::uint64_t i = 0; i < 100; ++i) {
    REQUIRE(a->submit(encode("at home"), {collector, i}));
    collector->wait_for(i + 1);
  }
  CHECK(a->facts().tasks_moved == 0);
  CHECK(completed(*b) == 0);
}
