// A node as a whole: it starts or says why not, and it always stops.
#include <atomic>
#include <future>
#include <nlohmann/json.hpp>

#include "actors/control_verbs.hpp"
#include "tests/actors/devices.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using tests::TestCluster;

namespace {

ErrorCode start_error(actors::NodeOptions options) {
  NullLog log;
  const auto node = actors::Node::start(std::move(options), log);
  REQUIRE_FALSE(node);
  CHECK_FALSE(node.error().what.empty());
  return node.error().code;
}

}  // namespace

TEST_CASE("a node that cannot work does not start, and says why") {
  TestCluster cluster{{"a", "b"}};
  auto options = cluster.options("a", {});
  SECTION("no such model folder") {
    options.models = {{"tiny", "/nonexistent"}};
    const auto code = start_error(options);
    CHECK((code == ErrorCode::model_missing || code == ErrorCode::io ||
           code == ErrorCode::model_damaged));
  }
  SECTION("a GPU that is asked for by name and not there") {
    options.devices = {"cuda:0"};
    CHECK(start_error(options) == ErrorCode::unsupported);
  }
  SECTION("a device that does not exist") {
    options.devices = {"abacus"};
    CHECK(start_error(options) == ErrorCode::config);
  }
  SECTION("a name that the cluster does not have") {
    options.name = "c";
    CHECK(start_error(options) == ErrorCode::config);
  }
  SECTION("ports that another process listens on") {
    const auto first = cluster.start(options);
    CHECK(start_error(options) == ErrorCode::io);
  }
  SECTION("two modules of one type") {
    const auto nothing = [](actors::Context&, const actors::AgentMail&) {};
    options.modules = {tests::mail_module("same", nothing), tests::mail_module("same", nothing)};
    CHECK(start_error(options) == ErrorCode::invalid_argument);
  }
}

TEST_CASE("a module's start can keep the node from starting; what was started is stopped") {
  struct Module final : actors::AgentModule {
    Module(std::string type, bool good, int& open)
        : type_(std::move(type)), good_(good), open_(open) {}
    [[nodiscard]] std::string_view type() const override { return type_; }
    std::unique_ptr<actors::Agent> create(const AgentId&) override { return nullptr; }
    Status start(Log&) override {
      if (!good_) return Error{ErrorCode::config, "the module wants a pony", ""};
      ++open_;
      return {};
    }
    void stop() override { --open_; }
    std::string type_;
    bool good_;
    int& open_;
  };
  int open = 0;
  TestCluster cluster{{"a"}};
  CHECK(start_error(cluster.options("a", {std::make_shared<Module>("good", true, open),
                                          std::make_shared<Module>("bad", false, open)})) ==
        ErrorCode::config);
  CHECK(open == 0);
}

TEST_CASE("a node answers its status and refuses verbs that it does not know") {
  TestCluster cluster{{"a"}};
  const auto node = cluster.start("a", {});
  const auto client = cluster.client({"a"});
  const auto body = client->control("a", "status", "", 20s);
  REQUIRE(body);
  const auto status = nlohmann::json::parse(*body);
  CHECK(status["node"] == "a");
  CHECK(status["ready"] == true);
  CHECK(status["models"][0]["name"] == "tiny");
  CHECK(status["models"][0]["state"] == "loaded");
  const auto dance = client->control("a", "dance", "", 20s);
  REQUIRE_FALSE(dance);
  CHECK(dance.error().code == ErrorCode::not_found);
  // What is said to be known is.
  for (const auto& verb : actors::control_verbs) {
    INFO(verb.name);
    CHECK(dance.error().next_step.find(verb.name) != std::string::npos);
    const auto answer = client->control("a", std::string(verb.name), "", 20s);
    CHECK((answer || answer.error().what.find("does not know the verb") == std::string::npos));
  }
}

TEST_CASE("a node explains a client's task by the client's id, and says when it cannot") {
  TestCluster cluster{{"a"}};
  const auto node = cluster.start("a", {});
  const auto client = cluster.client({"a"});
  TaskRequest task;
  task.model = "tiny";
  task.tenant = "guests";
  task.workflow = "news";
  task.work = Encode{"why"};
  const auto outcome = client->submit("a", std::move(task), 20s);
  REQUIRE(outcome);
  const auto body = client->control("a", "explain", to_string(outcome->id), 20s);
  REQUIRE(body);
  const auto why = nlohmann::json::parse(*body);
  CHECK(why["task"] == to_string(outcome->id));
  CHECK(why["model"] == "tiny");
  CHECK(why["tenant"] == "guests");
  CHECK(why["workflow"] == "news");
  CHECK(why["asked_lane"].is_null());
  CHECK(why["ok"] == true);
  CHECK(why["reason"] == std::string(name(outcome->timing.reason)));
  const auto unknown = client->control("a", "explain", std::string(32, '7'), 20s);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().what.find("does not know task") != std::string::npos);
  const auto nonsense = client->control("a", "explain", "yesterday's", 20s);
  REQUIRE_FALSE(nonsense);
  CHECK(nonsense.error().code == ErrorCode::invalid_argument);
}

TEST_CASE("a node stops, with work and agents in it, every time of a hundred") {
  const auto chatter = [](actors::Context& context, const actors::AgentMail&) {
    TaskRequest task;
    task.model = "tiny";
    task.work = Encode{"one more thing"};
    const auto id = context.submit(std::move(task));
    context.after(1ms);
    if (!id) context.stop();
  };
  TestCluster cluster{{"a"}};
  for (int round = 0; round < 100; ++round) {
    const auto node = cluster.start("a", {tests::mail_module("chatter", chatter)});
    const auto client = cluster.client({"a"});
    for (int i = 0; i < 30; ++i)
      REQUIRE(client->send("a", {"chatter", std::to_string(i)}, 0, "go", ""));
    // Half of the rounds stop in the middle of it, half after an answer has come back.
    if (round % 2 == 0) REQUIRE(client->control("a", "status", "", 20s));
    node->stop();
  }
}

TEST_CASE("limits and switches of the lanes change while a node works") {
  TestCluster cluster({"a"});
  auto options = cluster.options("a", {});
  const auto held = std::make_shared<tests::HeldDevice>();
  options.devices_open = {held};
  const auto scheduling = options.scheduling;
  const auto node = cluster.start(std::move(options));
  std::promise<void> all;
  struct Answers final : actors::ReplySink {
    explicit Answers(std::promise<void>& told) : done(told) {}
    void deliver(std::vector<actors::Answer> answers) override {
      for (const auto& answer : answers) {
        if (!answer.outcome.result) ++failed;
        if (++count == 5) done.set_value();
      }
    }
    std::promise<void>& done;
    std::atomic<int> count{0}, failed{0};
  };
  const auto answers = std::make_shared<Answers>(all);
  const auto submit = [&] {
    TaskRequest request;
    request.model = "tiny";
    request.work = Encode{"x"};
    return node->submit(std::move(request), {answers, 0});
  };
  REQUIRE(submit());
  held->wait_held(1);  // alone
  for (int i = 0; i < 3; ++i) REQUIRE(submit());
  auto changed = scheduling;
  changed.ordinary_queue_tasks_max = 4;
  changed.batching = false;
  node->set_scheduling(changed);
  CHECK(submit().error().code == ErrorCode::queue_full);
  changed.ordinary_queue_tasks_max = 5;
  node->set_scheduling(changed);
  REQUIRE(submit());
  // Once the last of them waits, what was changed before it counts.
  const auto queued = [&] {
    return node->facts().stats.lanes[static_cast<std::size_t>(Lane::ordinary)].queued;
  };
  tests::wait_for([&] { return queued() == 4; });
  held->release();
  REQUIRE(all.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready);
  CHECK(answers->failed == 0);
  const auto lane = node->facts().stats.lanes[static_cast<std::size_t>(Lane::ordinary)];
  CHECK(lane.batch_tasks[1] == 5);  // the others each alone, too
}
