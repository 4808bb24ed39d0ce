// A node that is taken out of service: when it says that nothing is left, nothing is left.
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.hpp"
#include "tests/actors/devices.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using nlohmann::json;
using tests::TestCluster;
using tests::wait_for;

namespace {

constexpr int chain_tasks = 3000;

// Asks for one thing after the other: each outcome is the reason for the next task or, at every
// seventh, for a letter to itself that is.
class Chain final : public actors::Agent {
 public:
  explicit Chain(std::atomic<int>& done) : done_(done) {}
  void on_message(actors::Context& context, const actors::AgentMail&) override { ask(context); }
  void on_outcome(actors::Context& context, const TaskOutcome&) override {
    if (++done_ >= chain_tasks) return;
    if (done_ % 7 == 0)
      REQUIRE(context.send(context.self(), "go on", ""));
    else
      ask(context);
  }

 private:
  static void ask(actors::Context& context) {
    TaskRequest task;
    task.model = "tiny";
    task.work = Encode{"text"};
    task.lane = Lane::urgent;
    REQUIRE(context.submit(std::move(task)));
  }
  std::atomic<int>& done_;
};

}  // namespace

TEST_CASE(
    "a node that drains is empty when its agents have followed everything up, and not before") {
  TestCluster cluster{{"a"}};
  std::atomic<int> done{0};
  auto options = cluster.options(
      "a", {tests::module("chain", [&](const AgentId&) { return std::make_unique<Chain>(done); })});
  options.devices_open = {std::make_shared<tests::IdentityDevice>()};
  const auto node = cluster.start(std::move(options));
  const auto client = cluster.client({"a"});
  REQUIRE(client->send("a", cluster.agent_on("a", "chain"), 1, "go on", ""));
  wait_for([&] { return done > 0; });
  node->drain();
  CHECK(node->draining());
  CHECK_FALSE(actors::is_ready(node->facts()));
  wait_for([&] { return node->facts().drain.empty(); });
  CHECK(done == chain_tasks);
}

TEST_CASE("what an agent that ends will never deal with is not waited for") {
  TestCluster cluster{{"a"}};
  std::atomic<bool> asked{false};
  auto options =
      cluster.options("a", {tests::mail_module("brief", [&](actors::Context& context, const auto&) {
                        TaskRequest task;
                        task.model = "tiny";
                        task.work = Encode{"text"};
                        REQUIRE(context.submit(std::move(task)));
                        context.stop();
                        asked = true;
                      })});
  const auto device = std::make_shared<tests::HeldDevice>();
  options.devices_open = {device};
  const auto node = cluster.start(std::move(options));
  const auto client = cluster.client({"a"});
  REQUIRE(client->send("a", cluster.agent_on("a", "brief"), 1, "ask", ""));
  wait_for([&] { return asked.load(); });
  node->drain();
  wait_for([&] { return node->facts().drain.empty(); });
  device->release();
}

TEST_CASE("a node that drains says what it has, begins no work and can be taken back") {
  TestCluster cluster{{"a"}};
  auto options = cluster.options("a", {});
  const auto device = std::make_shared<tests::HeldDevice>();
  options.devices_open = {device};
  const auto node = cluster.start(std::move(options));
  const auto client = cluster.client({"a"});
  const auto other = cluster.client({"a"});
  const auto ask = [&](const char* verb) {
    const auto answer = client->control("a", verb, "", 20s);
    REQUIRE(answer);
    return json::parse(*answer);
  };
  std::optional<Result<TaskOutcome>> outcome;
  std::thread waiting([&] {
    TaskRequest task;
    task.model = "tiny";
    task.work = Encode{"text"};
    outcome = other->submit("a", std::move(task), 20s);
  });
  device->wait_held(1);
  REQUIRE(node->begin_work());

  CHECK(ask("drain")["left"] ==
        json{{"tasks", 1}, {"agents", 0}, {"requests", 1}, {"sent_elsewhere", 0}});
  CHECK(ask("drain")["draining"] == true);  // once more changes nothing
  CHECK(ask("status")["ready"] == false);
  CHECK_FALSE(node->begin_work());
  CHECK(node->facts().drain.requests == 1);
  node->end_work();
  device->release();
  waiting.join();
  REQUIRE(outcome);
  REQUIRE(*outcome);
  CHECK((*outcome)->result);
  wait_for([&] { return node->facts().drain.empty(); });

  CHECK(ask("undrain")["draining"] == false);
  CHECK(ask("status")["ready"] == true);
  CHECK_FALSE(ask("status").contains("left"));
  CHECK(node->begin_work());
  node->end_work();
}

TEST_CASE("a node that is asked to end tells whoever minds it, or who asked that it cannot") {
  TestCluster cluster{{"a"}};
  std::vector<actors::Ending> asked;
  auto options = cluster.options("a", {});
  const bool minded = GENERATE(true, false);
  if (minded) options.on_end_asked = [&](actors::Ending how) { asked.push_back(how); };
  const auto node = cluster.start(std::move(options));
  const auto client = cluster.client({"a"});
  const auto nonsense = client->control("a", "stop", "perhaps", 20s);
  REQUIRE_FALSE(nonsense);
  CHECK(nonsense.error().what.find("does not end by 'perhaps'") != std::string::npos);
  CHECK(client->control("a", "stop", "", 20s).has_value() == minded);
  CHECK(client->control("a", "stop", "restart", 20s).has_value() == minded);
  CHECK(client->control("a", "status", "", 20s));  // after what was asked before, on its thread
  if (minded)
    CHECK(asked == std::vector{actors::Ending::stop, actors::Ending::restart});
  else
    CHECK(asked.empty());
}
