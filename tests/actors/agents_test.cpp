// Agents, seen from a client: created by their first message, supervised, stopped, never
// disturbing each other.
#include <atomic>
#include <map>
#include <optional>
#include <stdexcept>

#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::AgentMail;
using actors::Context;
using tests::mail_module;
using tests::TestCluster;

namespace {

constexpr Duration limit = 20s;  // nothing here takes long; this only ends a broken test

void answer(Context& context, const AgentMail& mail, const std::string& body) {
  const auto sent = context.reply(mail.from, mail.topic, body);
  if (!sent) throw std::runtime_error(sent.error().what);
}

struct Talk {  // one node and a client that talks to its agents
  explicit Talk(tests::Modules modules) : node(cluster.start("a", std::move(modules))) {}

  Letter ask(const AgentId& to, const std::string& topic, const std::string& body) {
    REQUIRE(client->send("a", to, ++number, topic, body));
    auto mail = client->receive(limit);
    REQUIRE(mail);
    CHECK(mail->reply == number);
    return *mail;
  }

  TestCluster cluster{{"a"}};
  std::unique_ptr<actors::Node> node;
  std::unique_ptr<tests::TestClient> client = cluster.client({"a"});
  std::uint64_t number = 0;
};

}  // namespace

TEST_CASE("an agent exists from its first message on and keeps its state") {
  std::atomic<int> made{0};
  Talk talk({tests::module("counter", [&](const AgentId&) {
    ++made;
    struct Counter final : actors::Agent {
      int count = 0;
      void on_message(Context& context, const AgentMail& mail) override {
        answer(context, mail, std::to_string(++count));
      }
    };
    return std::make_unique<Counter>();
  })});
  CHECK(made == 0);
  CHECK(talk.ask({"counter", "x"}, "add", "").body == "1");
  CHECK(talk.ask({"counter", "x"}, "add", "").body == "2");
  CHECK(talk.ask({"counter", "y"}, "add", "").body == "1");
  CHECK(made == 2);
}

TEST_CASE("an unknown type is answered with an error that says so") {
  Talk talk({});
  const auto mail = talk.ask({"ghost", "x"}, "hello", "");
  CHECK(mail.topic == "error");
  CHECK(mail.body.find("not_found") != std::string::npos);
}

TEST_CASE("a handler that throws costs one message, not the mailbox, and nobody else") {
  Talk talk({mail_module("fragile", [](Context& context, const AgentMail& mail) {
    if (mail.topic == "break") throw std::runtime_error("as asked");
    answer(context, mail, mail.body);
  })});
  const AgentId fragile{"fragile", "x"};
  // All in the mailbox before the crash is answered.
  REQUIRE(talk.client->send("a", fragile, 1, "break", ""));
  REQUIRE(talk.client->send("a", fragile, 2, "echo", "after"));
  REQUIRE(talk.client->send("a", {"fragile", "other"}, 3, "echo", "other"));
  std::map<std::uint64_t, Letter> answers;
  while (answers.size() < 3) {
    auto mail = talk.client->receive(limit);
    REQUIRE(mail);
    answers[mail->reply] = *mail;
  }
  CHECK(answers[1].topic == "error");
  CHECK(answers[1].body.find("as asked") != std::string::npos);
  CHECK(answers[2].body == "after");
  CHECK(answers[3].body == "other");
}

TEST_CASE("an agent that fails too often stays down and says so") {
  TestCluster cluster{{"a"}};
  auto options = cluster.options("a", {mail_module("broken", [](Context&, const AgentMail&) {
                                   throw std::runtime_error("always");
                                 })});
  options.restarts.restarts_max = 2;
  const auto node = cluster.start(std::move(options));
  const auto client = cluster.client({"a"});
  for (std::uint64_t i = 1; i <= 4; ++i) {
    REQUIRE(client->send("a", {"broken", "x"}, i, "work", ""));
    const auto mail = client->receive(limit);
    REQUIRE(mail);
    CHECK(mail->topic == "error");
    CHECK((mail->body.find("stays down") != std::string::npos) == (i == 4));
  }
}

TEST_CASE("an agent whose making fails is restarted like any other") {
  std::atomic<int> attempts{0};
  Talk talk({tests::module("late", [&](const AgentId&) -> std::unique_ptr<actors::Agent> {
    if (++attempts < 3) throw std::runtime_error("not yet");
    struct Late final : actors::Agent {
      void on_message(Context& context, const AgentMail& mail) override {
        answer(context, mail, "here");
      }
    };
    return std::make_unique<Late>();
  })});
  CHECK(talk.ask({"late", "x"}, "hello", "").body == "here");
  CHECK(attempts == 3);
}

TEST_CASE("an agent that stops itself is made anew by its next message") {
  std::atomic<int> made{0};
  std::atomic<int> stopped{0};
  Talk talk({tests::module("brief", [&](const AgentId&) {
    struct Brief final : actors::Agent {
      explicit Brief(int number, std::atomic<int>& stops) : life(number), stops_(stops) {}
      void on_message(Context& context, const AgentMail& mail) override {
        answer(context, mail, std::to_string(life));
        context.stop();
      }
      void on_stop(Context&) override { ++stops_; }
      int life;
      std::atomic<int>& stops_;
    };
    return std::make_unique<Brief>(++made, stopped);
  })});
  // Sent at once: the second must find the successor, whether or not the first one has gone.
  for (std::uint64_t i = 1; i <= 20; ++i)
    REQUIRE(talk.client->send("a", {"brief", "x"}, i, "go", ""));
  for (int life = 1; life <= 20; ++life) {
    const auto mail = talk.client->receive(limit);
    REQUIRE(mail);
    CHECK(mail->body == std::to_string(life));
  }
  talk.node->stop();
  CHECK(stopped == made);
}

TEST_CASE("timers fire, once, in order of their times") {
  Talk talk({tests::module("clock", [](const AgentId&) {
    struct Clock final : actors::Agent {
      std::optional<AgentMail> asked;
      std::map<actors::TimerId, std::string> names;
      std::string order;
      Instant start;
      void on_message(Context& context, const AgentMail& mail) override {
        asked = mail;
        start = context.now();
        names[context.after(30ms)] = "c";
        names[context.after(1ms)] = "a";
        names[context.after(10ms)] = "b";
      }
      void on_timer(Context& context, actors::TimerId timer) override {
        order += names.at(timer);
        if (order.size() < 3) return;
        const bool early = context.now() - start < 30ms;
        answer(context, *asked, order + (early ? " early" : ""));
      }
    };
    return std::make_unique<Clock>();
  })});
  CHECK(talk.ask({"clock", "x"}, "go", "").body == "abc");
}

TEST_CASE("agents write to each other, on their node and on another") {
  TestCluster cluster{{"a", "b"}};
  const AgentId near = cluster.agent_on("a", "echo");
  const AgentId far = cluster.agent_on("b", "echo");
  // "ask" makes an agent write "ping" to the one named, which answers; the answer goes to the
  // client.
  const auto on_mail = [asked = std::optional<AgentMail>()](Context& context,
                                                            const AgentMail& mail) mutable {
    if (mail.topic == "ask") {
      asked = mail;
      const auto sent = context.send(*parse_agent_id(mail.body), "ping", "");
      if (!sent) throw std::runtime_error(sent.error().what);
    } else if (mail.topic == "ping") {
      const auto sent = context.reply(mail.from, "pong", context.node());
      if (!sent) throw std::runtime_error(sent.error().what);
    } else {
      answer(context, *asked,
             mail.topic + " from " + to_string(mail.from.agent) + " on " + mail.body);
    }
  };
  const auto modules = [&] { return tests::Modules{mail_module("echo", on_mail)}; };
  const auto a = cluster.start("a", modules());
  const auto b = cluster.start("b", modules());
  const auto client = cluster.client({"a", "b"});

  REQUIRE(client->send("a", near, 1, "ask", to_string(far)));
  const auto remote = client->receive(limit);
  REQUIRE(remote);
  CHECK(remote->body == "pong from " + to_string(far) + " on b");
  REQUIRE(client->send("b", far, 2, "ask", to_string(near)));
  const auto back = client->receive(limit);
  REQUIRE(back);
  CHECK(back->body == "pong from " + to_string(near) + " on a");
}
