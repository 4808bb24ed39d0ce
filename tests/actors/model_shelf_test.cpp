// Models that come and go while the node works.
#include "actors/model_shelf.hpp"

#include <atomic>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "actors/door.hpp"
#include "base/random.hpp"
#include "tests/actors/burst.hpp"
#include "tests/actors/collector.hpp"
#include "tests/actors/devices.hpp"
#include "tests/actors/kept_folder.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::ModelShelf;
using actors::ModelState;
using tests::encode;
using tests::TestCluster;

namespace {

constexpr Duration limit = 20s;

Status change(actors::Node& node, bool load, const std::string& name = "tiny") {
  const auto promise = std::make_shared<std::promise<Status>>();
  auto changed = promise->get_future();
  const auto done = [promise](const Status& status) { promise->set_value(status); };
  load ? node.load_model(name, done) : node.unload_model(name, done);
  REQUIRE(changed.wait_for(limit) == std::future_status::ready);
  return changed.get();
}

ModelState state(const actors::Node& node) {
  return node.models().at(0).state;
}

actors::NodeOptions on_demand(const TestCluster& cluster, const std::string& folder) {
  auto options = cluster.options("a", {});
  options.models = {{"tiny", folder, kernels::Precision::f32, true}};
  return options;
}

ErrorCode refusal(actors::Node& node) {
  const auto collector = std::make_shared<tests::Collector>();
  const auto id = node.submit(encode("nobody"), {collector, 0});
  REQUIRE_FALSE(id);
  CHECK(id.error().next_step.find("troupe model load tiny") != std::string::npos);
  return id.error().code;
}

}  // namespace

TEST_CASE(
    "a model on demand comes with the first task, and all tasks that meanwhile came are done") {
  TestCluster cluster{{"a"}};
  const auto node = cluster.start(on_demand(cluster, tests::tiny_model_folder()));
  CHECK(state(*node) == ModelState::unloaded);
  const auto collector = std::make_shared<tests::Collector>();
  constexpr std::uint64_t tasks = 50;
  for (std::uint64_t i = 0; i < tasks; ++i) {
    const auto lane = i % 5 == 0 ? Lane::urgent : Lane::ordinary;
    REQUIRE(node->submit(encode("come " + std::to_string(i), lane), {collector, i}));
  }
  for (const auto& [tag, outcome] : collector->wait_for(tasks)) CHECK(outcome.result);
  CHECK(state(*node) == ModelState::loaded);
  CHECK(node->models()[0].width > 0);
}

TEST_CASE("a model that cannot come is told to whoever waited, and comes when it is mended") {
  const tests::Folder folder;
  TestCluster cluster{{"a"}};
  const auto node = cluster.start(on_demand(cluster, folder.path()));
  const auto collector = std::make_shared<tests::Collector>();
  REQUIRE(node->submit(encode("first"), {collector, 0}));
  const auto first = collector->wait_for(1).at(0);
  REQUIRE_FALSE(first.result);
  CHECK(first.result.error().code == ErrorCode::model_missing);
  CHECK(node->facts().stats.refused.empty());
  CHECK(refusal(*node) == ErrorCode::model_missing);  // at once: nobody reads the disk for it
  CHECK(node->facts().stats.refused.at(ErrorCode::model_missing) == 1);
  CHECK_FALSE(node->models()[0].failure.empty());
  CHECK_FALSE(change(*node, true));

  std::filesystem::copy(tests::tiny_model_folder(), folder.path());
  REQUIRE(change(*node, true));
  CHECK(node->models()[0].failure.empty());
  REQUIRE(node->submit(encode("again"), {collector, 1}));
  CHECK(collector->wait_for(2).at(1).result);
}

TEST_CASE("a model goes when the tasks that have it are done, and is refused from then on") {
  TestCluster cluster{{"a"}};
  const auto node = cluster.start("a", {});
  const auto collector = std::make_shared<tests::Collector>();
  constexpr std::uint64_t tasks = 300;
  for (std::uint64_t i = 0; i < tasks; ++i)
    REQUIRE(node->submit(encode("before it goes"), {collector, i}));
  REQUIRE(change(*node, false));
  CHECK(state(*node) == ModelState::unloaded);
  for (const auto& [tag, outcome] : collector->wait_for(tasks)) CHECK(outcome.result);
  CHECK(refusal(*node) == ErrorCode::model_missing);
  REQUIRE(change(*node, false));
  REQUIRE(change(*node, true));
  REQUIRE(node->submit(encode("back"), {collector, tasks}));
  CHECK(collector->wait_for(tasks + 1).at(tasks).result);
  CHECK(change(*node, true, "nonsense").error().code == ErrorCode::model_missing);
  CHECK(change(*node, false, "nonsense").error().code == ErrorCode::model_missing);
}

namespace {

// A device whose load() waits until open().
class GatedDevice final : public tests::IdentityDevice {
 public:
  [[nodiscard]] bool takes_models() const noexcept override { return true; }
  Status load(ModelId, std::shared_ptr<const kernels::BertModel>, kernels::Precision) override {
    opened_.get_future().wait();
    return {};
  }
  void open() { opened_.set_value(); }

 private:
  std::promise<void> opened_;
};

// A node whose only model comes when the gate opens.
struct Waiting {
  TestCluster cluster{{"a"}};
  std::shared_ptr<GatedDevice> gate = std::make_shared<GatedDevice>();
  std::shared_ptr<tests::Collector> collector = std::make_shared<tests::Collector>();
  std::unique_ptr<actors::Node> node;

  Waiting() {
    auto options = on_demand(cluster, tests::tiny_model_folder());
    options.devices_open = {gate};
    node = cluster.start(std::move(options));
  }
  Result<TaskId> submit(std::uint64_t tag, std::optional<Duration> time_limit = {}) {
    auto task = encode("when it has come");
    task.time_limit = time_limit;
    return node->submit(std::move(task), {collector, tag});
  }
};

}  // namespace

TEST_CASE("a task that waits for a model is canceled at once, and late when its time is over") {
  Waiting world;
  const auto id = world.submit(0);
  REQUIRE(id);
  REQUIRE(world.submit(1, 1ns));
  REQUIRE(world.submit(2, 1h));
  world.node->cancel(*id);
  CHECK(world.collector->wait_for(1).at(0).result.error().code == ErrorCode::canceled);
  world.gate->open();
  const auto outcomes = world.collector->wait_for(3);
  CHECK(outcomes.at(1).result.error().code == ErrorCode::expired);
  CHECK(outcomes.at(2).result);
}

TEST_CASE("a task that waits for a model is found and canceled by its id") {
  Waiting world;
  const auto client = world.cluster.client({"a"});
  const auto id = world.submit(0, 1h);
  REQUIRE(id);
  const auto asked = [&](const char* verb) {
    const auto answer = client->control("a", verb, to_string(*id), limit);
    return answer ? nlohmann::json::parse(*answer)
                  : nlohmann::json{{"error", name(answer.error().code)}};
  };
  const auto waits = asked("task");
  CHECK(waits.value("where", "") == "waiting_for_model");
  CHECK(waits.value("state", "") == "submitted");
  CHECK(waits.value("model", "") == "tiny");
  CHECK(waits.value("deadline_left_ms", 0.0) > 0);
  CHECK(asked("cancel").value("canceled", false));
  CHECK(world.collector->wait_for(1).at(0).result.error().code == ErrorCode::canceled);
  CHECK(asked("cancel").value("error", "") == "not_found");
  world.gate->open();
}

TEST_CASE("so many tasks wait for a model and not more") {
  Waiting world;
  for (std::uint64_t i = 0; i < actors::Door::waiting_max; ++i) REQUIRE(world.submit(i));
  const auto refused = world.submit(actors::Door::waiting_max);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::queue_full);
  world.gate->open();
  for (const auto& [tag, outcome] : world.collector->wait_for(actors::Door::waiting_max))
    CHECK(outcome.result);
}

TEST_CASE("whoever waits for a model when the node stops is told so before the model has come") {
  Waiting world;
  for (std::uint64_t i = 0; i < 5; ++i) REQUIRE(world.submit(i));
  std::thread stopping([&] { world.node->stop(); });
  for (const auto& [tag, outcome] : world.collector->wait_for(5))
    CHECK(outcome.result.error().code == ErrorCode::draining);
  world.gate->open();
  stopping.join();
}

TEST_CASE("a device that takes no models later says so") {
  NullLog log;
  ModelShelf shelf({{"tiny", tests::tiny_model_folder(), kernels::Precision::f32, true}}, log);
  shelf.start({std::make_shared<tests::IdentityDevice>()}, [](ModelId) {});
  std::promise<Status> loaded;
  shelf.load(ModelId{0}, [&](const Status& status) { loaded.set_value(status); });
  const auto status = loaded.get_future().get();
  REQUIRE_FALSE(status);
  CHECK(status.error().code == ErrorCode::unsupported);
  CHECK(shelf.facts()[0].state == ModelState::unloaded);
}

TEST_CASE("a node whose device keeps its models lets none go") {
  TestCluster cluster{{"a"}};
  auto options = cluster.options("a", {});
  options.devices_open = {std::make_shared<tests::IdentityDevice>()};
  const auto node = cluster.start(std::move(options));
  const auto unloaded = change(*node, false);
  REQUIRE_FALSE(unloaded);
  CHECK(unloaded.error().code == ErrorCode::unsupported);
  CHECK(state(*node) == ModelState::loaded);
  const auto collector = std::make_shared<tests::Collector>();
  REQUIRE(node->submit(encode("still here"), {collector, 0}));
  CHECK(collector->wait_for(1).at(0).result);
}

namespace {

class TakingDevice final : public tests::IdentityDevice {
 public:
  [[nodiscard]] bool takes_models() const noexcept override { return true; }
  Status load(ModelId, std::shared_ptr<const kernels::BertModel>, kernels::Precision) override {
    return {};
  }
};

}  // namespace

TEST_CASE("a model that is asked for again while a task has it stays") {
  NullLog log;
  ModelShelf shelf({{"tiny", tests::tiny_model_folder()}}, log);
  REQUIRE(shelf.load_at_start());
  shelf.start({std::make_shared<TakingDevice>()}, [](ModelId) {});
  auto taken = shelf.take("tiny");
  REQUIRE(taken);
  std::optional<ErrorCode> unloaded;
  shelf.unload(ModelId{0}, [&](const Status& status) { unloaded = status.error().code; });
  CHECK(shelf.facts()[0].state == ModelState::unloading);
  CHECK_FALSE(shelf.take("tiny"));
  bool loaded = false;
  shelf.load(ModelId{0}, [&](const Status& status) { loaded = status.has_value(); });
  CHECK(loaded);  // at once
  CHECK(unloaded == ErrorCode::canceled);
  taken->lease.reset();
  CHECK(shelf.take("tiny"));
}

TEST_CASE("whatever is asked in whatever order, each is answered once, and nothing is kept") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    NullLog log;
    const auto device = std::make_shared<TakingDevice>();
    std::atomic<int> answers = 0;
    std::atomic<int> failures = 0;
    int asked = 0;
    std::weak_ptr<const models::TextModel> last;
    {
      ModelShelf shelf({{"tiny", tests::tiny_model_folder(), kernels::Precision::f32, true}}, log);
      shelf.start({device}, [](ModelId) {});
      std::vector<std::shared_ptr<const void>> leases;  // as tasks hold them
      const auto ask = [&](bool load) {
        ++asked;
        const auto done = [&](const Status& status) {
          if (!status && status.error().code != ErrorCode::canceled) ++failures;
          ++answers;
        };
        load ? shelf.load(ModelId{0}, done) : shelf.unload(ModelId{0}, done);
      };
      for (int step = 0; step < 60; ++step) {
        if (random.chance(0.3)) {
          if (auto taken = shelf.take("tiny")) leases.push_back(taken->lease);
        } else if (random.chance(0.3)) {
          leases.clear();
        } else {
          ask(random.chance(0.5));
        }
        if (random.chance(0.2)) std::this_thread::yield();
      }
      leases.clear();
      // One at a time from here on: what is asked last is what is.
      for (const bool load : {true, false, true}) {
        std::promise<void> settled;
        const auto done = [&](const Status&) { settled.set_value(); };
        load ? shelf.load(ModelId{0}, done) : shelf.unload(ModelId{0}, done);
        settled.get_future().get();
      }
      CHECK(shelf.facts()[0].state == ModelState::loaded);
      last = shelf.loaded()[0];
      shelf.stop();
    }
    CHECK(answers == asked);
    CHECK(failures == 0);
    CHECK(last.expired());  // nothing is kept
  }
}
