// Agents that a process beside the node hosts, seen from those who write to them: clients and
// agents, on the node where the agent lives and on another.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include <nlohmann/json.hpp>

#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"
#include "transport/link.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::AgentMail;
using actors::Context;
using nlohmann::json;
using tests::mail_module;
using tests::TestCluster;
using transport::AgentMessage;

namespace {

constexpr Duration limit = 20s;  // nothing here takes long; this only ends a broken test

// A process that hosts agents, down to what it says on the wire.
class Host {
 public:
  explicit Host(const TestCluster& cluster) {
    const ClientOptions options = cluster.client_options();
    transport::LinkOptions link;
    link.name = "client";
    link.keys = {{options.public_key}, options.secret_key};
    link.heartbeat_interval = options.heartbeat_interval;
    transport::LinkEvents events;
    events.on_up = [this](auto peer, const auto&) { note([&] { up_.insert(peer.value); }); };
    events.on_down = [this](auto peer, const Error&) { note([&] { up_.erase(peer.value); }); };
    events.on_message = [this](auto peer, transport::Message&& message) {
      note([&] {
        if (auto* mail = std::get_if<AgentMessage>(&message))
          mails_.push_back({peer, std::move(*mail)});
        if (auto* reply = std::get_if<transport::ControlReply>(&message))
          replies_[reply->id] = std::move(*reply);
      });
    };
    auto opened = transport::Link::open(std::move(link), std::move(events));
    REQUIRE(opened);
    link_ = std::move(*opened);
    for (const auto& node : options.nodes)
      peers_[node.name] = link_->connect({node.host, node.urgent_port, node.ordinary_port},
                                         {transport::PublicKey{node.public_key}});
  }
  ~Host() { link_->stop(0ns); }

  transport::ControlReply ask(const std::string& node, const std::string& verb,
                              const std::string& body) {
    std::unique_lock lock(mutex_);
    const auto peer = peers_.at(node);
    REQUIRE(changed_.wait_for(lock, limit, [&] { return up_.contains(peer.value); }));
    const std::uint64_t id = ++questions_;
    REQUIRE(link_->send(peer, Lane::urgent, transport::ControlRequest{id, verb, body}));
    REQUIRE(changed_.wait_for(lock, limit, [&] { return replies_.contains(id); }));
    return replies_.extract(id).mapped();
  }

  void host(const std::string& node, const std::string& type) {
    const auto reply = ask(node, "host", json{{"type", type}}.dump());
    INFO(reply.body);
    REQUIRE(reply.ok);
  }

  // What it is refused with.
  std::string refusal(const std::string& node, const std::string& verb, const std::string& body) {
    const auto reply = ask(node, verb, body);
    INFO(verb << " " << body << " -> " << reply.body);
    REQUIRE_FALSE(reply.ok);
    return json::parse(reply.body)["error"]["code"];
  }

  void write(const std::string& node, AgentMessage message) {
    REQUIRE(link_->send(peers_.at(node), Lane::ordinary, message));
  }

  struct Mail {
    transport::PeerId node;
    AgentMessage message;
  };
  [[nodiscard]] std::size_t waiting() {
    const std::lock_guard lock(mutex_);
    return mails_.size();
  }
  AgentMessage receive(const std::string& from_node) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, limit, [&] { return !mails_.empty(); }));
    Mail mail = std::move(mails_.front());
    mails_.pop_front();
    CHECK(mail.node == peers_.at(from_node));
    return std::move(mail.message);
  }

 private:
  template <class Do>
  void note(Do what) {
    const std::lock_guard lock(mutex_);
    what();
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::uint64_t> up_;
  std::deque<Mail> mails_;
  std::map<std::uint64_t, transport::ControlReply> replies_;
  std::uint64_t questions_ = 0;
  std::unique_ptr<transport::Link> link_;
  std::map<std::string, transport::PeerId> peers_;
};

// For facts that give no notice.
template <class Condition>
void wait_until(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(5ms);
  }
}

const std::string librarians = R"({"type":"librarian"})";

}  // namespace

TEST_CASE("a client's letter reaches a hosted agent, and the answers come back to the client") {
  TestCluster cluster{{"a"}};
  const auto node = cluster.start("a", {});
  const auto client = cluster.client({"a"});
  const auto other = cluster.client({"a"});
  Host host(cluster);
  host.host("a", "librarian");
  REQUIRE(client->send("a", {"librarian", "paris"}, 77, "ask", "what?"));
  const auto mail = host.receive("a");
  CHECK(mail.to == AgentId{"librarian", "paris"});
  CHECK(mail.from.type == "client");
  CHECK(mail.reply == 77);
  CHECK(mail.topic == "ask");
  CHECK(mail.body == "what?");
  for (const std::string body : {"first", "second"}) {
    host.write("a", {mail.from, mail.to, mail.reply, "answer", body});
    const auto letter = client->receive(limit);
    REQUIRE(letter);
    CHECK(letter->from == mail.to);
    CHECK(letter->reply == 77);
    CHECK(letter->topic == "answer");
    CHECK(letter->body == body);
  }
  // The two clients have the same name and key, but not the same address.
  REQUIRE(other->send("a", {"librarian", "paris"}, 78, "ask", ""));
  const auto second = host.receive("a");
  CHECK(second.from != mail.from);
  host.write("a", {second.from, second.to, second.reply, "answer", "yours"});
  const auto letter = other->receive(limit);
  REQUIRE(letter);
  CHECK(letter->body == "yours");
}

TEST_CASE(
    "a client's letter that was passed on is answered through the node that it was written to") {
  TestCluster cluster{{"a", "b"}};
  const auto a = cluster.start("a", {});
  const auto b = cluster.start("b", {});
  tests::wait_linked(*a);
  tests::wait_linked(*b);
  const auto client = cluster.client({"a"});
  Host host(cluster);
  host.host("b", "librarian");
  const AgentId paris = cluster.agent_on("b", "librarian");
  REQUIRE(client->send("a", paris, 77, "ask", "what?"));
  const auto mail = host.receive("b");
  CHECK(mail.to == paris);
  CHECK(mail.from.type == "client");
  CHECK(mail.from.key.ends_with("@a"));
  CHECK(mail.reply == 77);
  // To nodes and clients that are not there: dropped, and what comes next arrives.
  for (const std::string nobody : {"1-0123456789abcdef@a", "1-0123456789abcdef@c", "@", "@a"})
    host.write("b", {{"client", nobody}, paris, 77, "answer", "wrong"});
  host.write("b", {mail.from, paris, mail.reply, "answer", "this"});
  const auto letter = client->receive(limit);
  REQUIRE(letter);
  CHECK(letter->from == paris);
  CHECK(letter->reply == 77);
  CHECK(letter->body == "this");
}

TEST_CASE("agents and hosted agents write to each other across nodes") {
  TestCluster cluster{{"a", "b"}};
  // Asks whom the letter names.
  const auto relay = mail_module("relay", [](Context& context, const AgentMail& mail) {
    const auto to = parse_agent_id(mail.body);
    if (!to || !context.send(*to, "question", to_string(context.self())))
      throw std::runtime_error("the question could not be asked");
  });
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<AgentId, std::string>> kept;
  const auto keeper = mail_module("keeper", [&](Context&, const AgentMail& mail) {
    const std::lock_guard lock(mutex);
    kept.emplace_back(mail.from.agent, mail.body);
    changed.notify_all();
  });
  const auto a = cluster.start("a", {relay, keeper});
  const auto b = cluster.start("b", {relay, keeper});
  tests::wait_linked(*a);
  tests::wait_linked(*b);
  Host host(cluster);
  host.host("a", "librarian");
  host.host("b", "librarian");
  for (const std::string home : {"a", "b"}) {
    for (const std::string asker_home : {"a", "b"}) {
      const AgentId librarian = cluster.agent_on(home, "librarian");
      const AgentId asker = cluster.agent_on(asker_home, "relay");
      const auto client = cluster.client({asker_home});
      REQUIRE(client->send(asker_home, asker, 1, "go", to_string(librarian)));
      const auto mail = host.receive(home);
      CHECK(mail.to == librarian);
      CHECK(mail.from == asker);
      CHECK(mail.body == to_string(asker));
      // Whichever node it says it to: that one routes on.
      for (const std::string via : {"a", "b"}) {
        host.write(via, {cluster.agent_on(asker_home, "keeper"), librarian, 0, "answer", via});
        std::unique_lock lock(mutex);
        REQUIRE(changed.wait_for(lock, limit, [&] { return !kept.empty(); }));
        CHECK(kept.back() == std::pair(librarian, via));
        kept.clear();
      }
    }
  }
  // And to its own kind.
  const AgentId first = cluster.agent_on("a", "librarian");
  const AgentId second = cluster.agent_on("b", "librarian");
  host.write("a", {second, first, 0, "hello", ""});
  const auto mail = host.receive("b");
  CHECK(mail.to == second);
  CHECK(mail.from == first);
}

TEST_CASE("nobody writes in the name of an agent that he does not host") {
  std::mutex mutex;
  std::vector<std::string> heard;
  TestCluster cluster{{"a"}};
  const auto node =
      cluster.start("a", {mail_module("vault", [&](Context& context, const AgentMail& mail) {
                      const std::lock_guard lock(mutex);
                      heard.push_back(to_string(mail.from.agent) + " " + mail.topic);
                      const auto told = context.reply(mail.from, "heard", "");
                      if (!told) throw std::runtime_error(told.error().what);
                    })});
  Host honest(cluster);
  Host host(cluster);
  honest.host("a", "librarian");
  host.host("a", "reader");
  for (const AgentId& name :
       {AgentId{"librarian", "x"}, AgentId{"vault", "x"}, AgentId{"client", "x"}}) {
    host.write("a", {{"vault", "x"}, name, 5, "open", ""});
    const auto told = host.receive("a");
    CHECK(told.topic == "error");
    CHECK(told.from == AgentId{"vault", "x"});
    CHECK(told.reply == 5);
    CHECK(json::parse(told.body)["error"]["code"] == "unauthorized");
  }
  host.write("a", {{"vault", "x"}, {"reader", "x"}, 0, "open", ""});
  CHECK(host.receive("a").topic == "heard");
  // Nothing has come to those whose names it took.
  honest.write("a", {{"vault", "x"}, {"librarian", "x"}, 0, "last", ""});
  CHECK(honest.receive("a").topic == "heard");
  const std::lock_guard lock(mutex);
  CHECK(heard == std::vector<std::string>{"reader/x open", "librarian/x last"});
}

TEST_CASE("what is said to an agent that nobody answers for is refused with a next step") {
  TestCluster cluster{{"a"}};
  const auto node = cluster.start("a", {});
  const auto client = cluster.client({"a"});
  const auto refused = [&](std::uint64_t number) {
    REQUIRE(client->send("a", {"librarian", "paris"}, number, "ask", ""));
    const auto letter = client->receive(limit);
    REQUIRE(letter);
    CHECK(letter->reply == number);
    CHECK(letter->topic == "error");
    const auto why = json::parse(letter->body)["error"];
    CHECK(why["code"] == "not_found");
    CHECK(why["next_step"].get<std::string>().find("start the process that hosts them") !=
          std::string::npos);
  };
  refused(1);
  std::optional<Host> host;
  host.emplace(cluster);
  host->host("a", "librarian");
  REQUIRE(client->send("a", {"librarian", "paris"}, 2, "ask", ""));
  const auto last = host->receive("a");
  CHECK(last.reply == 2);
  CHECK(json::parse(*client->control("a", "status", "", limit))["hosts"] == json{{"librarian", 1}});
  SECTION("its host says that it goes") {
    CHECK(json::parse(host->ask("a", "unhost", librarians).body)["hosts"] == 0);
    refused(3);
    // What it had at hand it may still answer.
    host->write("a", {last.from, last.to, last.reply, "answer", "late"});
    const auto letter = client->receive(limit);
    REQUIRE(letter);
    CHECK(letter->body == "late");
    host->host("a", "librarian");
    REQUIRE(client->send("a", {"librarian", "paris"}, 4, "ask", ""));
    CHECK(host->receive("a").reply == 4);
  }
  SECTION("its host is gone without a word") {
    host.reset();
    wait_until([&] { return node->facts().hosts.empty(); });
    refused(3);
    Host next(cluster);
    next.host("a", "librarian");
    REQUIRE(client->send("a", {"librarian", "paris"}, 4, "ask", ""));
    CHECK(next.receive("a").reply == 4);
  }
}

TEST_CASE("an answer to a client that has gone, or to an address made up, goes to nobody") {
  TestCluster cluster{{"a"}};
  const auto node = cluster.start("a", {});
  Host host(cluster);
  host.host("a", "librarian");
  auto gone = cluster.client({"a"});
  const auto client = cluster.client({"a"});
  REQUIRE(gone->send("a", {"librarian", "paris"}, 1, "ask", ""));
  const auto lost = host.receive("a");
  gone.reset();
  REQUIRE(client->send("a", {"librarian", "paris"}, 2, "ask", ""));
  const auto mail = host.receive("a");
  const std::string number = mail.from.key.substr(0, mail.from.key.find('-'));
  for (const std::string& key : {lost.from.key, number, number + "-0000000000000000"})
    host.write("a", {{"client", key}, mail.to, 2, "answer", "not for you"});
  host.write("a", {mail.from, mail.to, 2, "answer", "for you"});
  const auto letter = client->receive(limit);
  REQUIRE(letter);
  CHECK(letter->body == "for you");
}

TEST_CASE("a type that cannot be hosted is refused, and so is a request that is none") {
  TestCluster cluster{{"a"}};
  const auto nothing = [](Context&, const AgentMail&) {};
  const auto node = cluster.start("a", {mail_module("vault", nothing)});
  Host host(cluster);
  for (const std::string type : {"vault", "client", "", "two words", "a/b", "ä"})
    CHECK(host.refusal("a", "host", json{{"type", type}}.dump()) == "invalid_argument");
  CHECK(host.refusal("a", "host", json{{"type", std::string(200, 'x')}}.dump()) ==
        "invalid_argument");
  for (const std::string verb : {"host", "unhost", "remember", "forget"}) {
    for (const std::string body : {"", "{", "\xff", R"({"type":"x","type":"y"})"})
      CHECK(host.refusal("a", verb, body) == "malformed");
    CHECK(host.refusal("a", verb, std::string(100'000, '[')) == "malformed");
    for (const std::string body : {"[]", "7", "null", "{}", R"({"type":7,"agent":{}})"})
      CHECK(host.refusal("a", verb, body) == "invalid_argument");
  }
  CHECK(host.refusal("a", "unhost", librarians) == "not_found");
  CHECK(json::parse(host.ask("a", "status", "").body)["hosts"].empty());
}

TEST_CASE("hosts of one type have each their own agents") {
  TestCluster cluster{{"a"}};
  const auto node = cluster.start("a", {});
  const auto client = cluster.client({"a"});
  Host one(cluster);
  Host two(cluster);
  one.host("a", "librarian");
  CHECK(json::parse(two.ask("a", "host", librarians).body)["hosts"] == 2);
  constexpr std::size_t keys = 40;
  for (int round = 0; round < 2; ++round)
    for (std::size_t key = 0; key < keys; ++key)
      REQUIRE(client->send("a", {"librarian", std::to_string(key)}, 0, "ask", ""));
  wait_until([&] { return one.waiting() + two.waiting() == 2 * keys; });
  std::map<const Host*, std::map<std::string, int>> heard;
  for (Host* host : {&one, &two})
    while (host->waiting() != 0) ++heard[host][host->receive("a").to.key];
  CHECK(heard[&one].size() > keys / 8);
  CHECK(heard[&two].size() > keys / 8);
  CHECK(heard[&one].size() + heard[&two].size() == keys);  // no agent lives with both
  for (const auto& [host, agents] : heard)
    for (const auto& [key, mails] : agents) CHECK(mails == 2);
}

TEST_CASE("a hosted agent has a memory, and no other's") {
  TestCluster cluster{{"a", "b"}};
  const auto a = cluster.start("a", {});
  const auto b = cluster.start("b", {});
  const auto client = cluster.client({"a", "b"});
  Host host(cluster);
  host.host("a", "librarian");
  host.host("b", "librarian");
  const std::string agent = to_string(cluster.agent_on("b", "librarian"));
  const auto remember = [&](const std::string& whose, const json& document, const json& vector) {
    return json{{"agent", whose}, {"document", document}, {"vector", vector}}.dump();
  };
  const auto recalled = [&] {
    TaskRequest recall;
    recall.work = Recall{agent, {1, 0, 0}, 5};
    const auto outcome = client->submit("b", std::move(recall), limit);
    REQUIRE(outcome);
    REQUIRE(outcome->result);
    std::vector<std::uint64_t> documents;
    for (const auto& hit : std::get<Hits>(*outcome->result).hits) documents.push_back(hit.document);
    return documents;
  };
  const std::uint64_t large = ~std::uint64_t{0};
  const auto first = host.ask("b", "remember", remember(agent, large, {2, 0, 0}));
  REQUIRE(first.ok);
  CHECK(json::parse(first.body)["documents"] == 1);
  REQUIRE(host.ask("b", "remember", remember(agent, 7, {1, 1.5, 0})).ok);
  CHECK(recalled() == std::vector<std::uint64_t>{large, 7});
  REQUIRE(host.ask("b", "forget", json{{"agent", agent}, {"document", large}}.dump()).ok);
  CHECK(recalled() == std::vector<std::uint64_t>{7});

  CHECK(host.refusal("a", "remember", remember(agent, 1, {1, 0, 0})) == "not_found");
  CHECK(host.refusal("b", "remember", remember("vault/x", 1, {1, 0, 0})) == "unauthorized");
  CHECK(host.refusal("b", "forget", R"({"agent":"vault/x"})") == "unauthorized");
  for (const json& document : {json(-1), json(1.5), json("1"), json(nullptr)})
    CHECK(host.refusal("b", "remember", remember(agent, document, {1, 0, 0})) ==
          "invalid_argument");
  for (const json& vector : {json(json::array()), json::array({1, 0}), json::array({0, 0, 0}),
                             json::array({1, "x", 0}), json::array({1e300, 0, 0}), json(3)})
    CHECK(host.refusal("b", "remember", remember(agent, 1, vector)) == "invalid_argument");
  CHECK(host.refusal("b", "remember", remember(agent, 1, std::vector<int>(10'000, 1))) ==
        "too_large");
  CHECK(recalled() == std::vector<std::uint64_t>{7});
  REQUIRE(host.ask("b", "forget", json{{"agent", agent}}.dump()).ok);
  CHECK(recalled().empty());
}
