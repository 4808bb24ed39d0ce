// Tasks through a node: exactly one outcome each, refusals that say why, work on other nodes.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <mutex>

#include <nlohmann/json.hpp>

#include "base/limits.hpp"
#include "tests/actors/burst.hpp"
#include "tests/actors/collector.hpp"
#include "tests/actors/devices.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::AgentMail;
using actors::Context;
using tests::burst;
using tests::encode;
using tests::TestCluster;

namespace {

constexpr Duration limit = 20s;

ErrorCode refusal(tests::TestClient& client, TaskRequest task) {
  const auto outcome = client.submit("a", std::move(task), limit);
  // What can be seen to be wrong without the node is not even sent.
  if (!outcome) return outcome.error().code;
  REQUIRE_FALSE(outcome->result);
  CHECK_FALSE(outcome->result.error().what.empty());
  return outcome->result.error().code;
}

}  // namespace

TEST_CASE("a text becomes a unit vector, the same in both lanes") {
  TestCluster cluster{{"a"}};
  const auto node = cluster.start("a", {});
  const auto client = cluster.client({"a"});
  const auto urgent = client->submit("a", encode("hello world", Lane::urgent), limit);
  const auto ordinary = client->submit("a", encode("hello world", Lane::ordinary), limit);
  REQUIRE(urgent);
  REQUIRE(urgent->result);
  REQUIRE(ordinary);
  REQUIRE(ordinary->result);
  const auto& vector = std::get<Embedding>(*urgent->result).vector;
  double length = 0;
  for (const float x : vector) length += static_cast<double>(x) * static_cast<double>(x);
  CHECK(std::sqrt(length) == Approx(1.0).margin(1e-5));
  CHECK(vector == std::get<Embedding>(*ordinary->result).vector);
  CHECK(urgent->timing.lane == Lane::urgent);
  CHECK(ordinary->timing.lane == Lane::ordinary);
  CHECK(urgent->timing.batch_tasks == 1);
  CHECK(urgent->timing.compute > 0ns);
}

TEST_CASE("a request that cannot be done is refused with its reason") {
  TestCluster cluster{{"a"}};
  const auto node = cluster.start("a", {});
  const auto client = cluster.client({"a"});
  auto other_model = encode("x");
  other_model.model = "huge";
  CHECK(refusal(*client, other_model) == ErrorCode::model_missing);
  auto late = encode("x");
  late.time_limit = 1ns;
  const auto code = refusal(*client, late);
  CHECK(code == ErrorCode::expired);
  TaskRequest recall;
  recall.work = Recall{"librarian/*", {1.0F, 0.0F}, 0};
  CHECK(refusal(*client, recall) == ErrorCode::invalid_argument);
  recall.work = Recall{"not a scope", {1.0F, 0.0F}, 3};
  CHECK(refusal(*client, recall) == ErrorCode::invalid_argument);
  for (const float weight : {0.0F, -1.0F, std::nanf(""), 2e6F}) {
    auto unweighed = encode("x");
    unweighed.weight = weight;
    CHECK(refusal(*client, unweighed) == ErrorCode::invalid_argument);
    const auto taken = node->submit(std::move(unweighed), {});  // not over the wire
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code == ErrorCode::invalid_argument);
  }
}

namespace {

// The scheduler, and what it was told of tasks' weights.
class Weighing final : public scheduler::Policy {
 public:
  explicit Weighing(std::atomic<float>& last) : last_(last) {}
  void handle(Instant now, const scheduler::Event& event, scheduler::Actions& out) override {
    if (const auto* task = std::get_if<scheduler::TaskSubmitted>(&event)) last_ = task->task.weight;
    scheduler_.handle(now, event, out);
  }
  void advance(Instant now, scheduler::Actions& out) override { scheduler_.advance(now, out); }
  [[nodiscard]] std::optional<Instant> next_wakeup() const override {
    return scheduler_.next_wakeup();
  }
  [[nodiscard]] std::size_t queued() const noexcept override { return scheduler_.queued(); }
  [[nodiscard]] std::size_t launched() const noexcept override { return scheduler_.launched(); }

 private:
  std::atomic<float>& last_;
  scheduler::Scheduler scheduler_{scheduler::SchedulerOptions{}};
};

}  // namespace

TEST_CASE("a task's weight reaches the scheduler, from a client and from the program") {
  std::atomic<float> last = 0;
  TestCluster cluster{{"a"}};
  auto options = cluster.options("a", {});
  options.policy = [&] { return std::make_unique<Weighing>(last); };
  const auto node = cluster.start(std::move(options));
  const auto client = cluster.client({"a"});
  auto task = encode("x");
  task.weight = 2.5F;
  REQUIRE(client->submit("a", task, limit));
  CHECK(last == 2.5F);
  task.weight = 7;
  const auto collector = std::make_shared<tests::Collector>();
  REQUIRE(node->submit(task, {collector, 0}));
  CHECK(collector->wait_for(1).at(0).result);
  CHECK(last == 7);
  REQUIRE(client->submit("a", encode("x"), limit));
  CHECK(last == 1);
}

TEST_CASE("an empty text and one over the model's limit have defined results") {
  TestCluster cluster{{"a"}};
  const auto node = cluster.start("a", {});
  const auto client = cluster.client({"a"});
  const auto empty = client->submit("a", encode(""), limit);
  REQUIRE(empty);
  REQUIRE(empty->result);
  CHECK(std::get<Embedding>(*empty->result).tokens == 2);  // [CLS][SEP]
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "word ";
  const auto cut = client->submit("a", encode(text), limit);
  REQUIRE(cut);
  REQUIRE(cut->result);
  CHECK(std::get<Embedding>(*cut->result).truncated);
}

TEST_CASE("every task has exactly one outcome, on its node and on another") {
  TestCluster cluster{{"a", "b"}};
  const auto a = cluster.start("a", burst());
  const auto b = cluster.start("b", burst());
  const auto client = cluster.client({"a", "b"});
  tests::wait_linked(*a);
  const AgentId agent = cluster.agent_on("a", "burst");
  for (const std::string node : {"a", "b"}) {
    const nlohmann::json order = {{"count", 400}, {"node", node}};
    REQUIRE(client->send("a", agent, 1, "go", order.dump()));
    const auto mail = client->receive(limit);
    REQUIRE(mail);
    const auto done = nlohmann::json::parse(mail->body);
    CHECK(done["extra"] == 0);
    CHECK(done["failed"] == 0);
    CHECK(done["completed"] == (node == "a" ? 400 : 800));
  }
  const auto status = nlohmann::json::parse(b->status());
  CHECK(status["lanes"]["urgent"]["completed"] == 58);
  CHECK(status["lanes"]["ordinary"]["completed"] == 342);
  CHECK(status["lanes"]["ordinary"]["batches"] < 342);  // they coalesced
}

TEST_CASE("a full lane refuses at the door and loses nothing") {
  TestCluster cluster{{"a"}};
  auto options = cluster.options("a", burst());
  options.scheduling.ordinary_queue_tasks_max = 50;
  const auto node = cluster.start(std::move(options));
  const auto client = cluster.client({"a"});
  // The burst's submit throws at the first refusal, which the client sees as the agent's error.
  const nlohmann::json order = {{"count", 5000}, {"node", "a"}};
  REQUIRE(client->send("a", {"burst", "x"}, 1, "go", order.dump()));
  const auto mail = client->receive(limit);
  REQUIRE(mail);
  CHECK(mail->topic == "error");
  CHECK(mail->body.find("limit of 50") != std::string::npos);
  // What was admitted leaves; then there is room again.
  std::optional<TaskOutcome> again;
  for (int i = 0; i < 1000 && !(again && again->result); ++i) {
    auto outcome = client->submit("a", encode("room"), limit);
    REQUIRE(outcome);
    again = std::move(*outcome);
  }
  CHECK(again->result);
}

TEST_CASE("an agent can raise a task that somebody urgent waits for") {
  const auto device = std::make_shared<tests::HeldDevice>();
  struct Raiser final : actors::Agent {
    AgentMail asked;
    std::vector<TaskId> tasks;
    std::string order;
    void on_message(Context& context, const AgentMail& mail) override {
      asked = mail;
      for (int i = 0; i < 6; ++i) {
        auto id = context.submit(encode("x", Lane::ordinary));
        if (!id) throw std::runtime_error(id.error().what);
        tasks.push_back(*id);
      }
      context.raise(tasks.back(), std::nullopt);
      const auto sent = context.reply(mail.from, "raised", "");
      if (!sent) throw std::runtime_error(sent.error().what);
    }
    void on_outcome(Context& context, const TaskOutcome& outcome) override {
      order += std::to_string(std::find(tasks.begin(), tasks.end(), outcome.id) - tasks.begin());
      if (order.size() < tasks.size()) return;
      const auto sent = context.reply(asked.from, "done", order);
      if (!sent) throw std::runtime_error(sent.error().what);
    }
  };
  TestCluster cluster{{"a"}};
  auto options = cluster.options(
      "a", {tests::module("raiser", [](const AgentId&) { return std::make_unique<Raiser>(); })});
  options.devices_open = {device};
  options.scheduling.batching = false;
  const auto node = cluster.start(std::move(options));
  const auto client = cluster.client({"a"});
  REQUIRE(client->send("a", {"raiser", "x"}, 1, "go", ""));
  REQUIRE(client->receive(limit));
  for (int i = 0; i < 6; ++i) {
    device->wait_held(1);
    device->complete_one();
  }
  const auto mail = client->receive(limit);
  REQUIRE(mail);
  CHECK(mail->body.size() == 6);
  CHECK(mail->body.find('5') < mail->body.find('2'));
}

TEST_CASE("what an agent remembers is found, by its own scope and by its type's") {
  TestCluster cluster{{"a"}};
  const auto node = cluster.start(
      "a", {tests::mail_module("keeper", [](Context& context, const AgentMail& mail) {
        const auto body = nlohmann::json::parse(mail.body);
        const auto vector = body["vector"].get<std::vector<float>>();
        const auto kept = context.remember(body["document"].get<std::uint64_t>(), vector);
        const auto sent = context.reply(mail.from, "kept", kept ? "ok" : kept.error().to_string());
        if (!sent) throw std::runtime_error(sent.error().what);
      })});
  const auto client = cluster.client({"a"});
  const auto keep = [&](const std::string& key, int document, std::vector<float> vector) {
    const nlohmann::json body = {{"document", document}, {"vector", vector}};
    REQUIRE(client->send("a", {"keeper", key}, 1, "keep", body.dump()));
    const auto mail = client->receive(limit);
    REQUIRE(mail);
    return mail->body;
  };
  CHECK(keep("x", 1, {1, 0, 0}) == "ok");
  CHECK(keep("x", 2, {0, 2, 0}) == "ok");
  CHECK(keep("y", 3, {0, 1, 0.1F}) == "ok");
  CHECK(keep("y", 4, {0, 1}) != "ok");  // another width
  const auto recall = [&](const std::string& scope) {
    TaskRequest task;
    task.work = Recall{scope, {0, 1, 0}, 2};
    auto outcome = client->submit("a", std::move(task), limit);
    REQUIRE(outcome);
    REQUIRE(outcome->result);
    std::vector<std::uint64_t> documents;
    for (const auto& hit : std::get<Hits>(*outcome->result).hits) documents.push_back(hit.document);
    return documents;
  };
  CHECK(recall("keeper/*") == std::vector<std::uint64_t>{2, 3});
  CHECK(recall("keeper/x") == std::vector<std::uint64_t>{2, 1});
  CHECK(recall("keeper/nobody").empty());
}

TEST_CASE("the books by model, tenant and worker agree with those by lane") {
  struct Counter final : actors::ReplySink {
    void deliver(std::vector<actors::Answer> answers) override {
      const std::lock_guard lock(mutex);
      outcomes += answers.size();
      changed.notify_all();
    }
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t outcomes = 0;
  };
  TestCluster cluster{{"a"}};
  const auto node = cluster.start("a", {});
  const auto counter = std::make_shared<Counter>();
  constexpr std::size_t tasks = 60;
  for (std::size_t i = 0; i < tasks; ++i) {
    auto task = encode("text", i % 4 == 0 ? Lane::urgent : Lane::ordinary);
    task.tenant = i % 3 == 0 ? "blue" : "default";
    REQUIRE(node->submit(std::move(task), {counter, i}));
  }
  {
    std::unique_lock lock(counter->mutex);
    REQUIRE(counter->changed.wait_for(lock, limit, [&] { return counter->outcomes == tasks; }));
  }
  const auto facts = node->facts();
  REQUIRE(facts.models.size() == 1);
  CHECK(facts.models[0].name == "tiny");
  CHECK(facts.models[0].width > 0);
  REQUIRE(facts.tenants == std::vector<std::string>{"default", "blue"});
  CHECK(facts.stats.tenants[0].completed == 40);
  CHECK(facts.stats.tenants[1].completed == 20);
  REQUIRE(facts.stats.kinds.size() == 1);
  const auto& kind = facts.stats.kinds.begin()->second;
  CHECK(kind.completed == tasks);
  CHECK(kind.failed == 0);
  CHECK(kind.units == facts.stats.tenants[0].units + facts.stats.tenants[1].units);
  CHECK(kind.batches == facts.stats.lanes[0].batches + facts.stats.lanes[1].batches);
  CHECK(kind.queue == facts.stats.lanes[0].queue.sum() + facts.stats.lanes[1].queue.sum());
  REQUIRE(facts.stats.workers.size() == 1);
  CHECK(facts.stats.workers[0].tasks == tasks);
  CHECK(facts.stats.workers[0].batches == kind.batches);
  CHECK(facts.stats.workers[0].busy > Duration::zero());
}
