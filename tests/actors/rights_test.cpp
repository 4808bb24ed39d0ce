// What a key that is read-only may do, decided and on the wire: it looks, and whatever else it
// sends has no effect but an answer.
#include "actors/rights.hpp"

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"
#include "transport/link.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::transport;
using actors::refusal_of;
using actors::refused_read_only;
using nlohmann::json;
using tests::TestCluster;

namespace {

constexpr Duration limit = 20s;  // nothing here takes long; this only ends a broken test

const std::vector<std::string> verbs_that_act = {
    "cancel", "drain",   "forget", "host",   "load",   "reload",   "remember",         "save",
    "stop",   "undrain", "unhost", "unload", "Status", "statuses", "nobody-knows-this"};

SubmitTask task(std::uint64_t number, std::optional<Lane> lane) {
  SubmitTask submit;
  submit.request.id = {9, number};
  submit.request.model = "tiny";
  submit.request.work = Encode{"a text"};
  submit.request.lane = lane;
  submit.attempt = 1;
  return submit;
}

// Everything that the wire can say but questions that look.
std::vector<Message> everything_else() {
  std::vector<Message> all = {
      task(1, std::nullopt),
      task(2, Lane::urgent),
      task(3, Lane::ordinary),
      CancelTask{{9, 1}},
      TaskResult{TaskOutcome{{9, 1}, Error{ErrorCode::io, "made up", ""}, {}}, {}},
      TaskAccepted{{9, 1}, 1, {}},
      TaskRejected{{9, 1}, 1, 1s, Error{ErrorCode::draining, "made up", ""}, {}},
      ResultAck{{9, 1}},
      ControlReply{1, true, "{}"},
      AgentMessage{{"echo", "1"}, {}, 7, "say", "to an agent"},
      AgentMessage{{"echo", "1"}, {"echo", "2"}, 8, "say", "in an agent's name"},
      AgentMessage{{"client", "1-00"}, {"echo", "2"}, 9, "say", "to a client"},
      AgentMessage{{"echo", "1"}, {}, 10, "error", "never answered"},
  };
  for (std::size_t i = 0; i < verbs_that_act.size(); ++i)
    all.emplace_back(ControlRequest{100 + i, verbs_that_act[i], R"({"type":"thing"})"});
  return all;
}

// A link as "viewer", and what it has heard.
class Viewer {
 public:
  Viewer(const actors::ClusterNode& node, const KeyPair& keys, bool delivery) {
    LinkOptions options;
    options.name = "viewer";
    options.keys = keys;
    options.delivery = delivery;
    LinkEvents events;
    const auto note = [this](auto change) {
      const std::lock_guard lock(mutex_);
      change();
      changed_.notify_all();
    };
    events.on_up = [=, this](PeerId, const PeerInfo&) { note([&] { ++ups_; }); };
    events.on_down = [=, this](PeerId, const Error&) { note([&] { ++downs_; }); };
    events.on_message = [=, this](PeerId, Message&& message) {
      note([&] {
        if (auto* reply = std::get_if<ControlReply>(&message)) replies_[reply->id] = *reply;
        if (auto* rejected = std::get_if<TaskRejected>(&message))
          refused_tasks_[rejected->task.low] = rejected->why.code;
        if (auto* result = std::get_if<TaskResult>(&message))
          refused_tasks_[result->outcome.id.low] = result->outcome.result.error().code;
        if (auto* mail = std::get_if<AgentMessage>(&message)) mails_[mail->reply] = *mail;
      });
    };
    auto opened = Link::open(std::move(options), std::move(events));
    REQUIRE(opened);
    link_ = std::move(*opened);
    peer_ = link_->connect(node.endpoint, node.keys);
    wait([&] { return ups_ == 1; });
  }
  ~Viewer() { link_->stop(0ns); }

  void say(const Message& message) {
    for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
      const auto sent = link_->send(peer_, lane, message);
      INFO((sent ? "" : sent.error().to_string()));
      REQUIRE(sent);
    }
  }

  ControlReply ask(std::uint64_t id, const std::string& verb) {
    REQUIRE(link_->send(peer_, Lane::urgent, ControlRequest{id, verb, ""}));
    return reply(id);
  }

  ControlReply reply(std::uint64_t id) {
    wait([&] { return replies_.contains(id); });
    return replies_.at(id);
  }
  ErrorCode refusal_of_task(std::uint64_t id) {
    wait([&] { return refused_tasks_.contains(id); });
    return refused_tasks_.at(id);
  }
  AgentMessage mail(std::uint64_t id) {
    wait([&] { return mails_.contains(id); });
    return mails_.at(id);
  }
  void require_never_down() {
    const std::lock_guard lock(mutex_);
    REQUIRE((ups_ == 1 && downs_ == 0));
    REQUIRE(!mails_.contains(10));
  }

 private:
  template <class Condition>
  void wait(Condition condition) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, limit, condition));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int ups_ = 0;
  int downs_ = 0;
  std::map<std::uint64_t, ControlReply> replies_;
  std::map<std::uint64_t, ErrorCode> refused_tasks_;
  std::map<std::uint64_t, AgentMessage> mails_;
  std::unique_ptr<Link> link_;
  PeerId peer_;
};

std::string code_in(const std::string& body) {
  const json read = json::parse(body, nullptr, false);
  REQUIRE(read.is_object());
  return read["error"].value("code", "");
}

}  // namespace

TEST_CASE("who is read-only may ask for the status and for explanations, and nothing else") {
  CHECK(!refused_read_only(ControlRequest{1, "status", ""}));
  CHECK(!refused_read_only(ControlRequest{1, "explain", "0123"}));
  for (const Message& message : everything_else()) {
    const auto why = refused_read_only(message);
    REQUIRE(why);
    CHECK(why->code == ErrorCode::unauthorized);
    CHECK(!why->next_step.empty());
  }
}

TEST_CASE("a refusal answers whoever waits for an answer, and nobody else") {
  const Error why{ErrorCode::unauthorized, "no", "ask somebody"};
  std::size_t answered = 0;
  for (const Message& message : everything_else()) {
    const auto refusal = refusal_of(message, why, true);
    if (refusal) ++answered;
    CHECK(refusal.has_value() == refusal_of(message, why, false).has_value());
  }
  CHECK(answered == 3 + 3 + verbs_that_act.size());  // tasks, mail that is no error, questions
  const auto rejected = refusal_of(task(5, Lane::urgent), why, true);
  CHECK(std::get<TaskRejected>(rejected->message).attempt == 1);
  const auto result = refusal_of(task(5, Lane::urgent), why, false);
  CHECK(std::get<TaskResult>(result->message).outcome.id == TaskId{9, 5});
  CHECK(result->lane == Lane::urgent);
}

TEST_CASE(
    "a read-only peer that sends everything there is changes nothing and keeps its connection") {
  TestCluster cluster({"a"});
  std::atomic<int> mails{0};
  auto options =
      cluster.options("a", {tests::mail_module("echo", [&](auto&, const auto&) { ++mails; })});
  const auto keys = generate_keys();
  REQUIRE(keys);
  options.link.allowed.push_back({keys->public_key, "viewer", Role::read_only});
  std::atomic<int> ends{0};
  std::atomic<int> reloads{0};
  options.on_end_asked = [&](actors::Ending) { ++ends; };
  options.on_reload = [&]() -> Result<std::string> {
    ++reloads;
    return std::string("{}");
  };
  const auto where = options.cluster.front();
  const auto node = cluster.start(std::move(options));
  const auto client = cluster.client({"a"});

  for (const bool delivery : {true, false}) {
    Viewer viewer(where, *keys, delivery);
    for (int round = 0; round < 3; ++round)
      for (const Message& message : everything_else()) viewer.say(message);
    for (const std::uint64_t number : {1, 2, 3})
      CHECK(viewer.refusal_of_task(number) == ErrorCode::unauthorized);
    for (const std::uint64_t reply : {7, 8, 9}) {
      const AgentMessage mail = viewer.mail(reply);
      CHECK(mail.topic == "error");
      CHECK(mail.to == AgentId{"client", std::to_string(reply)});
      CHECK(code_in(mail.body) == "unauthorized");
    }
    for (std::size_t i = 0; i < verbs_that_act.size(); ++i) {
      const ControlReply reply = viewer.reply(100 + i);
      CHECK(!reply.ok);
      CHECK(code_in(reply.body) == "unauthorized");
    }
    CHECK(viewer.ask(500, "status").ok);
    CHECK(code_in(viewer.ask(501, "explain").body) != "unauthorized");
    viewer.require_never_down();
  }

  const auto facts = node->facts();
  CHECK((ends == 0 && reloads == 0 && mails == 0));
  CHECK(!node->draining());
  for (const auto& [type, agents] : facts.agents) CHECK(agents == 0);
  CHECK(facts.hosts.empty());
  CHECK(facts.stats.lanes[0].accepted + facts.stats.lanes[1].accepted == 0);
  CHECK(facts.link.malformed == 0);
  TaskRequest request;
  request.model = "tiny";
  request.work = Encode{"undisturbed"};
  const auto outcome = client->submit("a", std::move(request), limit);
  REQUIRE(outcome);
  CHECK(outcome->result);
}

TEST_CASE("a role that changes counts from the next question on") {
  TestCluster cluster({"a"});
  const auto options = cluster.options("a", {});
  auto allowed = options.link.allowed;
  const auto node = cluster.start(options);
  const auto client = cluster.client({"a"});
  REQUIRE(client->control("a", "undrain", "", limit));
  allowed.back().role = Role::read_only;
  REQUIRE(node->set_cluster(options.cluster, allowed));
  // It is on a new connection soon, in which it may only look.
  const auto until = std::chrono::steady_clock::now() + limit;
  auto refused = client->control("a", "undrain", "", 50ms);
  while (refused || refused.error().code != ErrorCode::unauthorized) {
    INFO((refused ? *refused : refused.error().to_string()));
    REQUIRE(std::chrono::steady_clock::now() < until);
    refused = client->control("a", "undrain", "", 50ms);
  }
  CHECK(client->control("a", "status", "", limit));
}
