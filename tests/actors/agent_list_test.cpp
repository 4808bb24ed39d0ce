// Which agents live where, as the control verb "agents" tells it, and what hostile questions get.
#include "actors/agent_list.hpp"

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::AgentMail;
using actors::Context;
using nlohmann::json;
using tests::mail_module;
using tests::TestCluster;

namespace {

constexpr Duration limit = 20s;  // nothing here takes long; this only ends a broken test

json ask(tests::TestClient& client, const std::string& node, const json& body) {
  const auto answer = client.control(node, "agents", body.dump(), limit);
  if (!answer) FAIL(answer.error().to_string());
  return json::parse(*answer);
}

ErrorCode refusal(tests::TestClient& client, const std::string& body) {
  const auto answer = client.control("a", "agents", body, limit);
  REQUIRE_FALSE(answer);
  return answer.error().code;
}

std::vector<std::string> names(const json& answer) {
  std::vector<std::string> all;
  for (const auto& agent : answer["agents"]) all.push_back(agent["agent"]);
  return all;
}

// Answers each letter when the test has opened the gate as often.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [&] { return open_ > 0; });
    --open_;
  }
  void open(int times) {
    const std::lock_guard lock(mutex_);
    open_ += times;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int open_ = 0;
};

void answer(Context& context, const AgentMail& mail) {
  REQUIRE(context.reply(mail.from, "answer", ""));
}

std::shared_ptr<actors::AgentModule> echo(const std::string& type) {
  return mail_module(type, [](Context& context, const AgentMail& mail) { answer(context, mail); });
}

void hear(tests::TestClient& client, int letters) {
  for (int i = 0; i < letters; ++i) REQUIRE(client.receive(limit));
}

}  // namespace

TEST_CASE("a node lists its agents by address, so many as are asked for, and says how many more") {
  TestCluster cluster{{"a"}};
  const auto node = cluster.start("a", {echo("echo"), echo("other")});
  const auto client = cluster.client({"a"});
  CHECK(ask(*client, "a", json::object()) ==
        json{{"node", "a"}, {"agents", json::array()}, {"all", 0}});

  for (const std::string key : {"7", "3", "9", "1", "5"})
    REQUIRE(client->send("a", {"echo", key}, 1, "ask", ""));
  REQUIRE(client->send("a", {"other", "2"}, 1, "ask", ""));
  hear(*client, 6);

  const json all = ask(*client, "a", json::object());
  CHECK(names(all) ==
        std::vector<std::string>{"echo/1", "echo/3", "echo/5", "echo/7", "echo/9", "other/2"});
  CHECK(all["all"] == 6);
  const json some = ask(*client, "a", {{"limit", 2}, {"type", "echo"}});
  CHECK(names(some) == std::vector<std::string>{"echo/1", "echo/3"});
  CHECK(some["all"] == 5);
  CHECK(ask(*client, "a", {{"limit", 0}}) ==
        json{{"node", "a"}, {"agents", json::array()}, {"all", 6}});
  CHECK(ask(*client, "a", {{"type", "nobody"}})["all"] == 0);
}

TEST_CASE(
    "an agent that is busy shows the mail that waits for it, and one that failed its restarts") {
  TestCluster cluster{{"a"}};
  Gate gate;
  const auto node =
      cluster.start("a", {mail_module("slow",
                                      [&](Context& context, const AgentMail& mail) {
                                        gate.pass();
                                        answer(context, mail);
                                      }),
                          mail_module("frail", [](Context& context, const AgentMail& mail) {
                            if (mail.topic == "fail") throw std::runtime_error("as it was told");
                            answer(context, mail);
                          })});
  const auto client = cluster.client({"a"});
  for (int i = 0; i < 3; ++i) REQUIRE(client->send("a", {"slow", "1"}, 1, "ask", ""));
  // The first is being handled, the others wait. They come on the link, which gives no notice.
  const Instant give_up = now() + limit;
  while (ask(*client, "a", {{"agent", "slow/1"}}).value("mail", 0) != 2 && now() < give_up)
    std::this_thread::yield();
  CHECK(ask(*client, "a", {{"agent", "slow/1"}})["mail"] == 2);
  gate.open(3);
  hear(*client, 3);
  CHECK(ask(*client, "a", {{"agent", "slow/1"}})["mail"] == 0);

  REQUIRE(client->send("a", {"frail", "1"}, 1, "fail", ""));
  REQUIRE(client->send("a", {"frail", "1"}, 1, "ask", ""));
  hear(*client, 2);
  const json frail = ask(*client, "a", {{"agent", "frail/1"}});
  CHECK(frail["state"] == "running");
  CHECK(frail["restarts"] == 1);
  CHECK(frail["mail"] == 0);  // what was stashed meanwhile has been handled
  for (int i = 0; i < 8; ++i) REQUIRE(client->send("a", {"frail", "1"}, 1, "fail", ""));
  hear(*client, 8);
  const json down = ask(*client, "a", {{"agent", "frail/1"}});
  CHECK(down["state"] == "down");
  CHECK(down["mail"] == 0);
}

TEST_CASE("where an agent lives or would live is told by every node") {
  TestCluster cluster{{"a", "b"}};
  const auto module = [] {
    return mail_module("keeper", [](Context& context, const AgentMail& mail) {
      REQUIRE(context.remember(1, std::vector<float>{1, 0}));
      REQUIRE(context.remember(2, std::vector<float>{0, 1}));
      if (mail.topic == "go") context.stop();
      answer(context, mail);
    });
  };
  const auto a = cluster.start("a", {module()});
  const auto b = cluster.start("b", {module()});
  const auto client = cluster.client({"a", "b"});
  const AgentId agent = cluster.agent_on("b", "keeper");
  const json question = {{"agent", to_string(agent)}};
  for (const std::string node : {"a", "b"})
    CHECK(ask(*client, node, question) == json{{"node", node},
                                               {"agent", to_string(agent)},
                                               {"home", "b"},
                                               {"here", true},
                                               {"active", false},
                                               {"documents", 0}});
  REQUIRE(client->send("b", agent, 1, "stay", ""));
  hear(*client, 1);
  CHECK(ask(*client, "a", question)["active"] == false);
  const json active = ask(*client, "b", question);
  CHECK(active["active"] == true);
  CHECK(active["state"] == "running");
  CHECK(active["documents"] == 2);
  CHECK(active["idle_ms"] >= 0);
  CHECK(ask(*client, "b", json::object())["agents"][0]["documents"] == 2);
  CHECK(ask(*client, "a", {{"agent", "stranger/1"}})["here"] == false);

  // One that ends is not active any more, and what it remembers stays.
  REQUIRE(client->send("b", agent, 1, "go", ""));
  hear(*client, 1);
  const Instant give_up = now() + limit;
  while (ask(*client, "b", question)["active"] == true && now() < give_up)
    std::this_thread::yield();
  CHECK(ask(*client, "b", question)["active"] == false);
  CHECK(ask(*client, "b", question)["documents"] == 2);
}

TEST_CASE("a question about agents that makes no sense is refused") {
  TestCluster cluster{{"a"}};
  const auto node = cluster.start("a", {echo("echo")});
  const auto client = cluster.client({"a"});
  CHECK(refusal(*client, "{") == ErrorCode::malformed);
  CHECK(refusal(*client, std::string(5000, '[')) == ErrorCode::malformed);
  for (const std::string body :
       {"[]", "7", "{\"type\":7}", "{\"limit\":-1}", "{\"limit\":1.5}", "{\"limit\":1001}",
        "{\"limit\":\"7\"}", "{\"agent\":7}", "{\"agent\":\"nobody\"}", "{\"agent\":\"a/b/c\"}",
        "{\"agent\":\"\\u0000/x\"}"})
    CHECK(refusal(*client, body) == ErrorCode::invalid_argument);
  // Nothing at all asks for the list.
  CHECK(client->control("a", "agents", "", limit));
}
