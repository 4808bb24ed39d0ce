// Agents of a node that is away: their mail waits, then they live elsewhere, and when the node is
// back they go home. Seen from a client that writes to one node and knows no other.
#include <atomic>
#include <thread>

#include "actors/waiting_mail.hpp"
#include "base/clock.hpp"
#include "tests/actors/devices.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::AgentMail;
using actors::Context;
using actors::Sender;
using tests::mail_module;
using tests::TestCluster;
using tests::wait_for;

namespace {

constexpr Duration limit = 20s;  // nothing here takes long; this only ends a broken test
constexpr Duration soon = 100ms;
constexpr Duration not_today = 1h;

void answer(Context& context, const Sender& to, const std::string& body) {
  if (const auto sent = context.reply(to, "answer", body); !sent)
    throw std::runtime_error(sent.error().what);
}

// Answers with the node it lives on and what it was told.
std::shared_ptr<actors::AgentModule> echo() {
  return mail_module("echo", [](Context& context, const AgentMail& mail) {
    answer(context, mail.from, context.node() + ": " + mail.body);
  });
}

struct Company {
  std::unique_ptr<actors::Node> start(const std::string& name, Duration move_after,
                                      tests::Modules modules) {
    auto options = cluster.options(name, std::move(modules));
    options.agents_move_after = move_after;
    return cluster.start(std::move(options));
  }
  std::string hear(tests::TestClient& client) {
    const auto letter = client.receive(limit);
    REQUIRE(letter);
    CHECK(letter->topic == "answer");
    return letter->body;
  }
  TestCluster cluster{{"a", "b"}};
};

}  // namespace

TEST_CASE("mail to an agent of a node that is down waits for the node, in order") {
  Company company;
  const auto a = company.start("a", not_today, {echo()});
  const auto client = company.cluster.client({"a"});
  const AgentId there = company.cluster.agent_on("b", "echo");
  for (const std::string body : {"1", "2", "3"}) REQUIRE(client->send("a", there, 1, "ask", body));
  // It was taken, not lost on the way: what is behind it has been answered.
  REQUIRE(client->send("a", company.cluster.agent_on("a", "echo"), 2, "ask", "here"));
  CHECK(company.hear(*client) == "a: here");
  a->drain();  // only one that drains counts what it has
  CHECK(a->facts().drain.agents == 3);

  auto b = company.start("b", not_today, {echo()});
  for (const std::string body : {"1", "2", "3"}) CHECK(company.hear(*client) == "b: " + body);
  wait_for([&] { return a->facts().drain.agents == 0; });

  // The same for a node that was there and went.
  b.reset();
  REQUIRE(client->send("a", there, 1, "ask", "again"));
  b = company.start("b", not_today, {echo()});
  CHECK(company.hear(*client) == "b: again");
}

TEST_CASE("a client that does not reach an agent's node writes to one that passes it on") {
  Company company;
  const auto a = company.start("a", soon, {echo()});
  auto client = Client::open(company.cluster.client_options());
  REQUIRE(client);
  REQUIRE((*client)->wait_connected("a", limit));
  REQUIRE((*client)->send(company.cluster.agent_on("b", "echo"), "ask", "hello", 1));
  const auto letter = (*client)->receive(limit);
  REQUIRE(letter);
  CHECK(letter->body == "a: hello");
}

TEST_CASE("agents of a node that stays away live elsewhere, and go home when it is back") {
  Company company;
  std::atomic<int> stopped{0};
  const auto echo_that_ends = [&] {
    struct Echo final : actors::Agent {
      explicit Echo(std::atomic<int>& stopped) : stopped_(stopped) {}
      void on_message(Context& context, const AgentMail& mail) override {
        answer(context, mail.from, context.node() + ": " + mail.body);
      }
      void on_stop(Context&) override { ++stopped_; }
      std::atomic<int>& stopped_;
    };
    return tests::module("echo", [&](const AgentId&) { return std::make_unique<Echo>(stopped); });
  };
  const auto a = company.start("a", soon, {echo_that_ends()});
  const auto client = company.cluster.client({"a"});
  const AgentId there = company.cluster.agent_on("b", "echo");
  const AgentId here = company.cluster.agent_on("a", "echo");
  REQUIRE(client->send("a", there, 1, "ask", "who?"));
  CHECK(company.hear(*client) == "a: who?");
  REQUIRE(client->send("a", here, 1, "ask", "and you?"));
  CHECK(company.hear(*client) == "a: and you?");
  CHECK(a->facts().agents.at("echo") == 2);

  const auto b = company.start("b", soon, {echo_that_ends()});
  tests::wait_linked(*a);
  wait_for([&] { return a->facts().agents.at("echo") == 1; });
  wait_for([&] { return stopped == 1; });
  REQUIRE(client->send("a", there, 1, "ask", "and now?"));
  CHECK(company.hear(*client) == "b: and now?");
  REQUIRE(client->send("a", here, 1, "ask", "still here?"));
  CHECK(company.hear(*client) == "a: still here?");
}

TEST_CASE("an agent that moves away hears the outcome of what it asked for") {
  Company company;
  struct Worker final : actors::Agent {
    Sender asked_by;
    void on_message(Context& context, const AgentMail& mail) override {
      asked_by = mail.from;
      TaskRequest task;
      task.model = "tiny";
      task.work = Encode{"text"};
      if (!context.submit(std::move(task))) throw std::runtime_error("refused");
      answer(context, asked_by, "submitted on " + context.node());
    }
    void on_outcome(Context& context, const TaskOutcome&) override {
      answer(context, asked_by, "done on " + context.node());
    }
  };
  const auto workers = [] {
    return tests::module("worker", [](const AgentId&) { return std::make_unique<Worker>(); });
  };
  const auto device = std::make_shared<tests::HeldDevice>();
  auto options = company.cluster.options("a", {workers()});
  options.agents_move_after = soon;
  options.devices_open = {device};
  const auto a = company.cluster.start(std::move(options));
  const auto client = company.cluster.client({"a"});
  const AgentId agent = company.cluster.agent_on("b", "worker");
  REQUIRE(client->send("a", agent, 1, "work", ""));
  CHECK(company.hear(*client) == "submitted on a");

  auto there = company.cluster.options("b", {workers()});
  there.devices_open = {std::make_shared<tests::IdentityDevice>()};
  const auto b = company.cluster.start(std::move(there));
  wait_for([&] { return a->facts().agents.empty(); });
  a->drain();
  CHECK(a->facts().drain.agents == 1);
  // The next letter finds another one.
  REQUIRE(client->send("a", agent, 2, "work", ""));
  CHECK(company.hear(*client) == "submitted on b");
  CHECK(company.hear(*client) == "done on b");
  device->complete_one();
  CHECK(company.hear(*client) == "done on a");
  wait_for([&] { return a->facts().drain.agents == 0; });
}

TEST_CASE("what cannot wait is refused with the reason") {
  Company company;
  const auto a = company.start("a", not_today, {echo()});
  const auto client = company.cluster.client({"a"});
  const AgentId there = company.cluster.agent_on("b", "echo");
  const std::string body(60'000, 'x');
  const auto fit = actors::WaitingMail::bytes_max / body.size();
  std::size_t sent = 0;  // as fast as the link takes them
  wait_for([&] {
    while (sent < fit + 20 && client->send("a", there, sent, "ask", body)) ++sent;
    return sent == fit + 20;
  });
  const auto refused = client->receive(limit);
  REQUIRE(refused);
  INFO(refused->body);
  CHECK(refused->topic == "error");
  CHECK(refused->reply >= fit - 10);
  CHECK(refused->body.find("unreachable") != std::string::npos);
  CHECK(refused->body.find("is down") != std::string::npos);
}
