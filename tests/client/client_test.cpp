// The message API against real nodes in this process.
#include "client/client.hpp"

#include <atomic>
#include <latch>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "client/node_error.hpp"
#include "tests/actors/burst.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using tests::encode;
using tests::TestCluster;

namespace {

constexpr Duration limit = 20s;  // nothing here takes long; this only ends a broken test

std::unique_ptr<Client> open(const TestCluster& cluster) {
  auto client = Client::open(cluster.client_options());
  REQUIRE(client);
  return std::move(*client);
}

TaskOutcome ended(Task& task) {
  REQUIRE(task.outcome.wait_for(limit) == std::future_status::ready);
  return task.outcome.get();
}

ErrorCode code_of(const TaskOutcome& outcome) {
  REQUIRE_FALSE(outcome.result);
  return outcome.result.error().code;
}

}  // namespace

TEST_CASE("a task that is submitted before any node is there is done once one is") {
  TestCluster cluster({"a"});
  const auto client = open(cluster);
  Task early = client->submit(encode("early"));
  CHECK_FALSE(early.id.is_none());
  CHECK(client->pending() == 1);
  const auto node = cluster.start("a", {});
  const TaskOutcome outcome = ended(early);
  REQUIRE(outcome.result);
  CHECK(outcome.id == early.id);
  CHECK_FALSE(std::get<Embedding>(*outcome.result).vector.empty());
  CHECK(client->pending() == 0);
}

TEST_CASE("what a node lost is done by another, in futures, callbacks and streams") {
  TestCluster cluster({"a", "b"});
  auto a = cluster.start("a", {});
  const auto b = cluster.start("b", {});
  const auto client = open(cluster);
  REQUIRE(client->wait_connected("a", limit));
  REQUIRE(client->wait_connected("b", limit));
  constexpr int tasks = 300;
  std::atomic<int> called{0};
  std::latch all_called(tasks);
  std::vector<Task> futures;
  Outcomes outcomes(*client);
  std::set<TaskId> streamed;
  for (int i = 0; i < tasks; ++i) {
    futures.push_back(client->submit(encode("future"), "a"));
    client->submit(
        encode("callback"),
        [&](const TaskOutcome& outcome) {
          if (outcome.result) ++called;
          all_called.count_down();
        },
        "a");
    streamed.insert(outcomes.submit(encode("stream"), "a"));
  }
  a.reset();  // it drains: what it has not begun comes back
  for (Task& task : futures) CHECK(ended(task).result);
  all_called.wait();
  CHECK(called == tasks);
  while (const auto outcome = outcomes.next(limit)) {
    CHECK(outcome->result);
    CHECK(streamed.erase(outcome->id) == 1);
  }
  CHECK(streamed.empty());
}

TEST_CASE("a client balances its tasks, and a node that is named gets them") {
  TestCluster cluster({"a", "b"});
  const auto a = cluster.start("a", {});
  const auto b = cluster.start("b", {});
  const auto client = open(cluster);
  REQUIRE(client->wait_connected("a", limit));
  REQUIRE(client->wait_connected("b", limit));
  Outcomes outcomes(*client);
  for (int i = 0; i < 200; ++i) outcomes.submit(encode("anywhere"));
  while (outcomes.next(limit)) {
  }
  const auto nothing = client->control("a", "task", to_string(TaskId{1, 1}), limit);
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().code == ErrorCode::not_found);
  CHECK(nothing.error().what.find("node 'a'") != std::string::npos);
  for (const char* node : {"a", "b"}) {
    const auto status = client->control(node, "status", "", limit);
    REQUIRE(status);
    const auto lanes = nlohmann::json::parse(*status).at("lanes");
    CHECK(lanes.at("ordinary").at("accepted").get<int>() >= 50);
  }
  Task there = client->submit(encode("there"), "nowhere");
  CHECK(code_of(ended(there)) == ErrorCode::not_found);
}

TEST_CASE("a client's tasks go to the nearest node, and to the next where that is gone") {
  TestCluster cluster({"a", "b"});
  const auto a = cluster.start("a", {});
  auto b = cluster.start("b", {});
  ClientOptions options = cluster.client_options();
  options.location = Location{52.52, 13.40};
  for (NodeAddress& node : options.nodes)
    node.location = node.name == "b" ? Location{48.86, 2.35} : Location{-33.87, 151.21};
  auto opened = Client::open(std::move(options));
  REQUIRE(opened);
  const auto client = std::move(*opened);
  REQUIRE(client->wait_connected("a", limit));
  REQUIRE(client->wait_connected("b", limit));
  const auto accepted = [&](const std::string& node) {
    const auto status = client->control(node, "status", "", limit);
    REQUIRE(status);
    return nlohmann::json::parse(*status).at("lanes").at("ordinary").at("accepted").get<int>();
  };
  // One at a time: the nodes stand side by side here, so each that was asked would be near.
  for (int i = 0; i < 50; ++i) {
    Task task = client->submit(encode("near"));
    CHECK(ended(task).result);
  }
  CHECK(accepted("b") == 50);
  CHECK(accepted("a") == 0);
  b.reset();
  Task task = client->submit(encode("far"));
  CHECK(ended(task).result);
  CHECK(accepted("a") == 1);
}

TEST_CASE("whatever a node sends where it refuses a question is an error that says so") {
  const Error refused = error_of_body(
      "a", R"({"error": {"code": "queue_full", "what": "no room", "next_step": "wait"}})");
  CHECK(refused.code == ErrorCode::queue_full);
  CHECK(refused.what == "no room");
  CHECK(refused.next_step == "wait");
  CHECK(error_of_body("a", R"({"error": {"code": "new_in_2.0", "what": "no"}})").what ==
        "new_in_2.0: no");
  for (const char* body :
       {"", "no JSON", "7", "[]", "{}", R"({"error": 7})", R"({"error": {}})",
        R"({"error": {"code": 7, "what": 7}})", "{\"error\": {\"what\": \"\xff\"}}"}) {
    INFO(body);
    const Error error = error_of_body("a", body);
    CHECK(error.code == ErrorCode::malformed);
    CHECK(error.what.find("node 'a'") != std::string::npos);
  }
  const std::string deep(100'000, '[');
  CHECK(error_of_body("a", deep).code == ErrorCode::malformed);
  CHECK(error_of_body("a", deep + std::string(100'000, ']')).code == ErrorCode::malformed);
}

TEST_CASE(
    "errors are outcomes: a refusal, a deadline, a cancel, an id twice, a question to nobody") {
  TestCluster cluster({"a", "b"});
  const auto client = open(cluster);
  TaskRequest request = encode("late");
  request.time_limit = 50ms;
  Task late = client->submit(request);
  CHECK(code_of(ended(late)) == ErrorCode::expired);

  Task waiting = client->submit(encode("wait"));
  TaskRequest twin = encode("twin");
  twin.id = waiting.id;
  Task second = client->submit(twin);
  CHECK(code_of(ended(second)) == ErrorCode::invalid_argument);
  client->cancel(waiting.id);
  client->cancel(waiting.id);
  CHECK(code_of(ended(waiting)) == ErrorCode::canceled);

  TaskRequest recall;
  recall.work = Recall{"keeper/*", {1.0F}, 1};
  Task everywhere = client->submit(recall);
  CHECK(code_of(ended(everywhere)) == ErrorCode::invalid_argument);
  CHECK(client->control("a", "status", "", 1ms).error().code == ErrorCode::unreachable);
  CHECK(client->wait_connected("", 1ms).error().code == ErrorCode::unreachable);
  CHECK(client->wait_connected("c", limit).error().code == ErrorCode::not_found);
  CHECK_FALSE(client->send({"no good", "x"}, "go", ""));

  const auto node = cluster.start("a", {});
  REQUIRE(client->wait_connected("a", limit));
  request = encode("x");
  request.model = "nobody's";
  Task unknown = client->submit(request);
  CHECK(code_of(ended(unknown)) == ErrorCode::model_missing);
}

TEST_CASE("a client holds as many tasks as it may and refuses the next") {
  const TestCluster cluster({"a"});
  auto options = cluster.client_options();
  options.tasks_max = 2;
  const auto opened = Client::open(std::move(options));
  REQUIRE(opened);
  std::vector<Task> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back((*opened)->submit(encode("x")));
  CHECK(code_of(ended(tasks[2])) == ErrorCode::queue_full);
  CHECK((*opened)->pending() == 2);
}

TEST_CASE("a client that goes ends what it has, each task once") {
  TestCluster cluster({"a"});
  std::vector<Task> tasks;
  std::atomic<int> called{0};
  {
    const auto client = open(cluster);
    for (int i = 0; i < 10; ++i) tasks.push_back(client->submit(encode("x")));
    client->submit(encode("x"), [&](const TaskOutcome& outcome) {
      if (!outcome.result && outcome.result.error().code == ErrorCode::canceled) ++called;
    });
    Outcomes outcomes(*client);
    outcomes.submit(encode("x"));
  }
  for (Task& task : tasks) CHECK(code_of(ended(task)) == ErrorCode::canceled);
  CHECK(called == 1);
}

TEST_CASE("letters go to where an agent lives, and the answers come back with their number") {
  TestCluster cluster({"a", "b"});
  const auto modules = [] {
    return tests::Modules{tests::mail_module("echo", [](auto& context, const auto& mail) {
      const auto sent = context.reply(mail.from, "echoed", mail.body + " on " + context.node());
      if (!sent) throw std::runtime_error(sent.error().what);
    })};
  };
  const auto a = cluster.start("a", modules());
  const auto b = cluster.start("b", modules());
  const auto client = open(cluster);
  for (const char* node : {"a", "b"}) {
    REQUIRE(client->wait_connected(node, limit));
    REQUIRE(client->send(cluster.agent_on(node, "echo"), "say", "hello", 7));
    const auto letter = client->receive(limit);
    REQUIRE(letter);
    CHECK(letter->reply == 7);
    CHECK(letter->body == "hello on " + std::string(node));
  }
  CHECK_FALSE(client->receive(1ms));
}

TEST_CASE("options that make no sense are refused") {
  const TestCluster cluster({"a"});
  auto options = cluster.client_options();
  // In the middle: of the first and the last byte, CURVE leaves some bits out.
  char& one = options.secret_key[options.secret_key.size() / 2];
  one = one == '0' ? '1' : '0';
  CHECK_FALSE(Client::open(options));
  options = cluster.client_options();
  options.nodes.push_back(options.nodes.front());
  CHECK(Client::open(options).error().code == ErrorCode::invalid_argument);
  options.nodes.clear();
  CHECK(Client::open(options).error().code == ErrorCode::invalid_argument);
}
