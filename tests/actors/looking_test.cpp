// Single tasks that somebody asks after, or cancels, by their ids: found wherever they are, and
// with one outcome however often they are canceled.
#include <atomic>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "actors/control_verbs.hpp"
#include "actors/dispatcher.hpp"
#include "base/clock.hpp"
#include "scheduler/scheduler.hpp"
#include "tests/actors/devices.hpp"
#include "tests/actors/exchange_world.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::LiveTask;
using actors::Looking;
using nlohmann::json;
using tests::HeldDevice;
using tests::TestCluster;

namespace {

constexpr Duration limit = 20s;  // nothing here takes long; this only ends a broken test

class Outcomes final : public actors::ReplySink {
 public:
  void deliver(std::vector<actors::Answer> answers) override {
    const std::lock_guard lock(mutex_);
    for (auto& answer : answers) outcomes_.push_back(std::move(answer.outcome));
    changed_.notify_all();
  }
  std::vector<TaskOutcome> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [&] { return outcomes_.size() >= count; });
    return outcomes_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<TaskOutcome> outcomes_;
};

struct Desk {  // a dispatcher whose device holds one batch of one task at a time
  Desk()
      : dispatcher({{device}, 1, {100, 100}, {}, {}}, std::make_unique<scheduler::Scheduler>([] {
                     scheduler::SchedulerOptions options;
                     options.batching = false;
                     return options;
                   }()),
                   stats, explanations, log) {}
  void submit(std::uint64_t id) {
    actors::Submission task;
    task.record.id = {1, id};
    task.record.lane = Lane::ordinary;
    task.record.submitted = now();
    task.known_as = {9, id};
    task.work = kernels::Tokens{{1, 2}, false};
    task.reply = {sink, 0};
    REQUIRE(dispatcher.submit(std::move(task)));
  }
  std::optional<LiveTask> look(std::uint64_t id, Looking how) {
    std::promise<std::optional<LiveTask>> found;
    auto answer = found.get_future();
    dispatcher.look({1, id}, how, [&](const auto& live) { found.set_value(live); });
    REQUIRE(answer.wait_for(limit) == std::future_status::ready);
    return answer.get();
  }

  std::shared_ptr<HeldDevice> device = std::make_shared<HeldDevice>();
  actors::Stats stats;
  actors::Explanations explanations;
  NullLog log;
  std::shared_ptr<Outcomes> sink = std::make_shared<Outcomes>();
  actors::Dispatcher dispatcher;
};

json asked(tests::TestClient& client, const std::string& node, const std::string& verb, TaskId id) {
  const auto answer = client.control(node, verb, to_string(id), limit);
  REQUIRE(answer);
  return json::parse(*answer);
}

ErrorCode refused(tests::TestClient& client, const std::string& node, const std::string& verb,
                  const std::string& id) {
  const auto answer = client.control(node, verb, id, limit);
  REQUIRE_FALSE(answer);
  return answer.error().code;
}

TaskRequest text_task() {
  TaskRequest task;
  task.model = "tiny";
  task.work = Encode{"text"};
  task.lane = Lane::ordinary;
  return task;
}

// A node whose device holds what it gets, one task at a time.
struct Held {
  explicit Held(TestCluster& cluster, const std::string& name, tests::Modules modules = {}) {
    auto options = cluster.options(name, std::move(modules));
    options.devices_open = {device};
    options.scheduling.batching = false;
    node = cluster.start(std::move(options));
  }
  std::shared_ptr<HeldDevice> device = std::make_shared<HeldDevice>();
  std::unique_ptr<actors::Node> node;
};

}  // namespace

TEST_CASE("the dispatcher finds a task that runs and one that is queued, and no other") {
  Desk desk;
  desk.submit(1);
  desk.device->wait_held(1);
  desk.submit(2);
  const auto first = desk.look(1, Looking::only);
  REQUIRE(first);
  CHECK(first->known_as == TaskId{9, 1});
  REQUIRE(first->running);
  CHECK(first->running->worker == WorkerId{0});
  CHECK(first->running->batch_tasks == 1);
  CHECK(first->running->since >= first->record.submitted);
  // Submitted just before, it is never missed.
  for (std::uint64_t id = 3; id < 60; ++id) {
    desk.submit(id);
    const auto queued = desk.look(id, Looking::only);
    REQUIRE(queued);
    CHECK_FALSE(queued->running);
  }
  CHECK_FALSE(desk.look(99, Looking::only));
  desk.device->release();
  CHECK(desk.sink->wait(59).size() == 59);
  CHECK_FALSE(desk.look(1, Looking::only));
  CHECK(desk.explanations.find({1, 1}));
}

TEST_CASE(
    "what a look cancels has one outcome, which is there with its explanation when it says so") {
  Desk desk;
  desk.submit(1);
  desk.device->wait_held(1);
  desk.submit(2);
  const auto queued = desk.look(2, Looking::cancel);
  REQUIRE(queued);
  CHECK_FALSE(queued->canceled);
  const auto why = desk.explanations.find({1, 2});
  REQUIRE(why);
  CHECK(why->error == ErrorCode::canceled);
  CHECK_FALSE(desk.look(2, Looking::cancel));

  CHECK_FALSE(desk.look(1, Looking::cancel)->canceled);
  CHECK(desk.look(1, Looking::cancel)->canceled);
  REQUIRE(desk.device->complete_one());
  const auto outcomes = desk.sink->wait(2);
  REQUIRE(outcomes.size() == 2);
  for (const auto& outcome : outcomes) {
    REQUIRE_FALSE(outcome.result);
    CHECK(outcome.result.error().code == ErrorCode::canceled);
  }
  CHECK_FALSE(desk.look(1, Looking::cancel));
  desk.dispatcher.stop();
  CHECK(desk.sink->wait(2).size() == 2);
}

TEST_CASE("a look is answered however the dispatcher ends") {
  std::atomic<int> answered{0};
  constexpr int looks = 200;
  {
    Desk desk;
    desk.submit(1);
    std::thread asker([&] {
      for (int i = 0; i < looks; ++i)
        desk.dispatcher.look({1, 1}, Looking::only, [&](const auto&) { ++answered; });
    });
    desk.dispatcher.stop();
    asker.join();
  }
  CHECK(answered == looks);
}

TEST_CASE("the exchange tells how far a task is on its way, and whose a task is that is here") {
  tests::exchange::World world;
  world.submit(0, 1, 7, Encode{"x"}, 5s);
  const TaskId task{world.processes[0].epoch, 7};
  const auto offered = world.processes[0].exchange->look(task);
  REQUIRE(offered.ours);
  CHECK(offered.ours->node == "b");
  CHECK(offered.ours->offered);
  CHECK(offered.ours->deadline == world.now + 5s);
  CHECK_FALSE(offered.here);
  CHECK_FALSE(world.processes[1].exchange->look(task).here);
  world.run(10ms);
  CHECK(world.processes[0].exchange->look(task).ours->accepted);
  const auto there = world.processes[1].exchange->look(task);
  CHECK_FALSE(there.ours);
  REQUIRE(there.here);
  CHECK(*there.here != task);
  CHECK(there.from == "a");
  CHECK_FALSE(world.processes[2].exchange->look(task).ours);
  world.run(1s);
  CHECK_FALSE(world.processes[0].exchange->look(task).ours);
  CHECK_FALSE(world.processes[1].exchange->look(task).here);
}

TEST_CASE("a client's task is found and canceled on its node by the id that the client knows") {
  TestCluster cluster{{"a", "b"}};
  const Held a(cluster, "a");
  const Held b(cluster, "b");
  const auto other = cluster.client({"a", "b"});
  auto client = Client::open(cluster.client_options());
  REQUIRE(client);
  REQUIRE((*client)->wait_connected("b", limit));
  Task first = (*client)->submit(text_task(), "b");
  b.device->wait_held(1);
  Task second = (*client)->submit(text_task(), "b");
  while (b.node->facts().stats.lanes[1].queued == 0) std::this_thread::yield();

  CHECK(refused(*other, "a", "task", to_string(second.id)) == ErrorCode::not_found);
  CHECK(refused(*other, "a", "cancel", to_string(second.id)) == ErrorCode::not_found);
  const json runs = asked(*other, "b", "task", first.id);
  CHECK(runs["state"] == "working");
  CHECK(runs["where"] == "launched");
  CHECK(runs["worker"] == "held");
  CHECK(runs["from"].is_string());
  CHECK(runs["running_ms"].get<double>() >= 0);
  const json waits = asked(*other, "b", "task", second.id);
  CHECK(waits["task"] == to_string(second.id));
  CHECK(waits["state"] == "submitted");
  CHECK(waits["where"] == "queued");
  CHECK(waits["lane"] == "ordinary");
  CHECK(waits["model"] == "tiny");
  CHECK(waits["tenant"] == "default");
  CHECK(waits["deadline_left_ms"].is_null());
  CHECK_FALSE(waits.contains("canceled"));

  const json canceled = asked(*other, "b", "cancel", second.id);
  CHECK(canceled["where"] == "queued");
  CHECK(canceled["canceled"] == true);
  REQUIRE(second.outcome.wait_for(limit) == std::future_status::ready);
  CHECK(second.outcome.get().result.error().code == ErrorCode::canceled);
  for (const auto* verb : {"task", "cancel"}) {
    const json ended = asked(*other, "b", verb, second.id);
    CHECK(ended["state"] == "canceled");
    CHECK(ended["where"] == "finished");
    CHECK(ended["explanation"]["error"] == "canceled");
    CHECK(ended.value("canceled", false) == false);
  }

  CHECK(asked(*other, "b", "cancel", first.id)["where"] == "launched");
  CHECK(asked(*other, "b", "task", first.id)["result_dropped"] == true);
  b.device->release();
  REQUIRE(first.outcome.wait_for(limit) == std::future_status::ready);
  CHECK(first.outcome.get().result.error().code == ErrorCode::canceled);
}

TEST_CASE("a task of an agent's that is on another node is canceled from its own node") {
  TestCluster cluster{{"a", "b"}};
  std::promise<TaskId> submitted;
  std::promise<ErrorCode> ended;
  struct Asker final : actors::Agent {
    Asker(std::promise<TaskId>& id, std::promise<ErrorCode>& end) : submitted(id), ended(end) {}
    void on_message(actors::Context& context, const actors::AgentMail&) override {
      submitted.set_value(*context.submit_on("b", text_task()));
    }
    void on_outcome(actors::Context&, const TaskOutcome& outcome) override {
      ended.set_value(outcome.result ? ErrorCode::internal : outcome.result.error().code);
    }
    std::promise<TaskId>& submitted;
    std::promise<ErrorCode>& ended;
  };
  const Held a(cluster, "a", {tests::module("asker", [&](const AgentId&) {
                 return std::make_unique<Asker>(submitted, ended);
               })});
  const Held b(cluster, "b");
  tests::wait_linked(*a.node);
  const auto client = cluster.client({"a", "b"});
  REQUIRE(client->send("a", cluster.agent_on("a", "asker"), 1, "ask", ""));
  auto id = submitted.get_future();
  REQUIRE(id.wait_for(limit) == std::future_status::ready);
  const TaskId task = id.get();
  b.device->wait_held(1);

  const json ours = asked(*client, "a", "task", task);
  CHECK(ours["where"] == "on_its_way");
  CHECK(ours["to"] == "b");
  CHECK((ours["step"] == "held" || ours["step"] == "offered"));
  CHECK(asked(*client, "b", "task", task)["from"] == "a");
  CHECK(asked(*client, "a", "cancel", task)["canceled"] == true);
  auto outcome = ended.get_future();
  REQUIRE(outcome.wait_for(limit) == std::future_status::ready);
  CHECK(outcome.get() == ErrorCode::canceled);
  CHECK(refused(*client, "a", "task", to_string(task)) == ErrorCode::not_found);
  b.device->release();
}

TEST_CASE("what is no task's id is refused, and so is a verb that no node knows") {
  TestCluster cluster{{"a"}};
  const Held a(cluster, "a");
  const auto client = cluster.client({"a"});
  for (const auto* id : {"", "7", "zz000000000000000000000000000001", "../../../etc/passwd"})
    for (const auto* verb : {"task", "cancel", "explain"})
      CHECK(refused(*client, "a", verb, id) == ErrorCode::invalid_argument);
  CHECK(refused(*client, "a", "task", to_string(TaskId{1, 1})) == ErrorCode::not_found);
  const auto unknown = client->control("a", "tsak", "", limit);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == ErrorCode::not_found);
  for (const auto& verb : actors::control_verbs)
    CHECK(unknown.error().next_step.find(verb.name) != std::string::npos);
}
