// Nodes that join and leave while the others work: who lives where, and what becomes of mail and
// tasks.
#include <algorithm>
#include <thread>

#include "base/clock.hpp"
#include "tests/actors/devices.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::AgentMail;
using actors::Context;
using tests::mail_module;
using tests::TestCluster;
using tests::wait_for;

namespace {

constexpr Duration limit = 20s;  // nothing here takes long; this only ends a broken test

std::string joined(const std::vector<std::string>& names) {
  std::string words;
  for (const auto& name : names) words += (words.empty() ? "" : ",") + name;
  return words;
}

// Answers with the node it lives on, and those that it knows of.
std::shared_ptr<actors::AgentModule> echo() {
  return mail_module("echo", [](Context& context, const AgentMail& mail) {
    const auto sent =
        context.reply(mail.from, "answer", context.node() + " of " + joined(context.nodes()));
    if (!sent) throw std::runtime_error(sent.error().what);
  });
}

// A cluster of a, b and c, in which any of them may be left out.
struct Company {
  // The list of nodes and of keys without these.
  struct View {
    std::vector<actors::ClusterNode> nodes;
    std::vector<transport::AllowedKey> allowed;
  };
  View without(const std::vector<std::string>& names) const {
    const auto full = cluster.options("a", {});
    View view{full.cluster, full.link.allowed};
    for (const auto& name : names) {
      std::erase_if(view.nodes, [&](const auto& node) { return node.name == name; });
      std::erase_if(view.allowed, [&](const auto& key) { return key.name == name; });
    }
    return view;
  }

  std::unique_ptr<actors::Node> start(const std::string& name,
                                      const std::vector<std::string>& missing) {
    auto options = cluster.options(name, {echo()});
    const View view = without(missing);
    options.cluster = view.nodes;
    options.link.allowed = view.allowed;
    return cluster.start(std::move(options));
  }
  void change(actors::Node& node, const std::vector<std::string>& missing) const {
    const View view = without(missing);
    REQUIRE(node.set_cluster(view.nodes, view.allowed));
  }

  std::string ask(tests::TestClient& client, const std::string& node, const AgentId& agent) {
    REQUIRE(client.send(node, agent, 1, "ask", ""));
    const auto letter = client.receive(limit);
    REQUIRE(letter);
    return letter->body;
  }
  TestCluster cluster{{"a", "b", "c"}};
};

bool is_linked(const actors::Node& node, const std::map<std::string, bool>& peers) {
  return node.facts().peers == peers;
}

}  // namespace

TEST_CASE("a node that joins gets its agents, and one that leaves gives them back") {
  Company company;
  const auto a = company.start("a", {"c"});
  const auto b = company.start("b", {"c"});
  tests::wait_linked(*a);
  const auto client = company.cluster.client({"a", "b"});
  const AgentId agent = company.cluster.agent_on("c", "echo");
  // Before it joins, its agents live on one of the others.
  const std::string before = company.ask(*client, "a", agent);
  CHECK(before.substr(1) == " of a,b");
  CHECK(before[0] != 'c');
  CHECK(company.ask(*client, "b", agent) == before);

  auto c = company.start("c", {});
  CHECK(is_linked(*a, {{"b", true}}));
  company.change(*a, {});
  company.change(*b, {});
  wait_for([&] {
    return is_linked(*a, {{"b", true}, {"c", true}}) && is_linked(*b, {{"a", true}, {"c", true}}) &&
           is_linked(*c, {{"a", true}, {"b", true}});
  });
  CHECK(a->facts().nodes == std::vector<std::string>{"a", "b", "c"});
  wait_for([&] { return a->facts().living.size() == 3 && b->facts().living.size() == 3; });
  CHECK(company.ask(*client, "a", agent) == "c of a,b,c");
  CHECK(company.ask(*client, "b", agent) == "c of a,b,c");

  // The others forget it; it is still there, and hears nothing more.
  company.change(*a, {"c"});
  company.change(*b, {"c"});
  wait_for([&] { return a->facts().nodes.size() == 2 && b->facts().nodes.size() == 2; });
  wait_for([&] { return is_linked(*c, {{"a", false}, {"b", false}}); });
  CHECK(is_linked(*a, {{"b", true}}));
  CHECK(a->facts().living == std::vector<std::string>{"a", "b"});
  CHECK(company.ask(*client, "a", agent) == before);
  CHECK(company.ask(*client, "b", agent) == before);

  // And takes it back, as the process that it is.
  company.change(*a, {});
  company.change(*b, {});
  wait_for([&] { return a->facts().living.size() == 3 && b->facts().living.size() == 3; });
  wait_for([&] { return is_linked(*c, {{"a", true}, {"b", true}}); });
  CHECK(company.ask(*client, "a", agent) == "c of a,b,c");
}

TEST_CASE("mail that waits for a node which leaves goes to where its agents live then") {
  Company company;
  const auto a = company.start("a", {});  // b and c are not there, and taken to live for a while
  const auto client = company.cluster.client({"a"});
  for (const char* away : {"b", "c"})
    REQUIRE(client->send("a", company.cluster.agent_on(away, "echo"), 1, "ask", ""));
  wait_for([&] { return a->facts().mail_waiting == 2; });
  company.change(*a, {"b", "c"});
  for (int i = 0; i < 2; ++i) {
    const auto letter = client->receive(limit);
    REQUIRE(letter);
    CHECK(letter->body == "a of a");
  }
  CHECK(a->facts().mail_waiting == 0);
}

TEST_CASE("tasks that a node has when it leaves are done elsewhere, each once") {
  Company company;
  struct Asks final : actors::Agent {
    void on_message(Context& context, const AgentMail& mail) override {
      asker = mail.from;
      for (int i = 0; i < 200; ++i) {
        TaskRequest request;
        request.model = "tiny";
        request.work = Encode{"text " + std::to_string(i)};
        if (!context.submit_on("c", std::move(request))) ++failed;
      }
    }
    void on_outcome(Context& context, const TaskOutcome& outcome) override {
      if (!outcome.result) ++failed;
      if (++done == 200)
        (void)context.reply(asker, "answer",
                            std::to_string(done) + ", failed " + std::to_string(failed));
    }
    actors::Sender asker;
    int done = 0;
    int failed = 0;
  };
  auto options = company.cluster.options(
      "a", {tests::module("asks", [](const AgentId&) { return std::make_unique<Asks>(); })});
  const auto a = company.cluster.start(std::move(options));
  // Keeps what it gets until the test has seen enough.
  const auto held = std::make_shared<tests::HeldDevice>();
  auto slow = company.cluster.options("c", {});
  slow.devices_open = {held};
  const auto c = company.cluster.start(std::move(slow));
  wait_for([&] { return a->facts().peers.at("c"); });
  const auto client = company.cluster.client({"a"});
  REQUIRE(client->send("a", company.cluster.agent_on("a", "asks"), 1, "ask", ""));
  wait_for([&] {
    const auto lanes = c->facts().stats.lanes;
    return lanes[0].accepted + lanes[1].accepted == 200;
  });
  company.change(*a, {"b", "c"});
  const auto letter = client->receive(limit);
  REQUIRE(letter);
  CHECK(letter->body == "200, failed 0");
  held->release();
}

TEST_CASE("a list without the node itself is refused, and changes nothing") {
  Company company;
  const auto a = company.start("a", {});
  const auto view = company.without({"a", "b"});
  const auto changed = a->set_cluster(view.nodes, view.allowed);
  REQUIRE_FALSE(changed);
  CHECK(changed.error().code == ErrorCode::config);
  CHECK(a->facts().nodes == company.cluster.names());
}
