// Nodes on a network in memory that is cut and heals: who lives where on either side, and that no
// task is lost or done twice over for its caller, however often it happens.
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"
#include "tests/transport/memory_link.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::AgentMail;
using actors::Context;
using tests::TestCluster;
using tests::wait_for;
using tests::wait_linked;
using transport::testing::MemoryNetwork;

namespace {

constexpr Duration limit = 20s;  // nothing here takes long; this only ends a broken test

// The cluster's client, as a bare link in the same network.
class Caller {
 public:
  Caller(MemoryNetwork& network, const TestCluster& cluster) {
    const auto options = cluster.client_options();
    transport::LinkOptions link;
    link.name = "client";
    link.keys = {{options.public_key}, options.secret_key};
    auto opened = network.open(
        std::move(link), {.on_up = [](auto, const auto&) {},
                          .on_down = [](auto, const auto&) {},
                          .on_message =
                              [this](auto, transport::Message&& message) {
                                const std::lock_guard lock(mutex_);
                                if (auto* mail = std::get_if<transport::AgentMessage>(&message))
                                  answers_.push_back(mail->body);
                                changed_.notify_all();
                              }});
    REQUIRE(opened);
    link_ = std::move(*opened);
    for (const auto& node : options.nodes)
      nodes_[node.name] = link_->connect({node.host, node.urgent_port, node.ordinary_port},
                                         {transport::PublicKey{node.public_key}});
  }

  std::string ask(const std::string& node, const AgentId& agent, const std::string& body = "") {
    REQUIRE(link_->send(nodes_.at(node), Lane::ordinary,
                        transport::AgentMessage{agent, {}, 1, "ask", body}));
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, limit, [this] { return !answers_.empty(); }));
    return std::exchange(answers_, {}).front();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> answers_;
  std::unique_ptr<transport::Link> link_;
  std::map<std::string, transport::PeerId> nodes_;
};

struct Company {
  std::unique_ptr<actors::Node> start(const std::string& name, Duration move_after,
                                      tests::Modules modules) {
    auto options = cluster.options(name, std::move(modules));
    options.agents_move_after = move_after;
    options.open_link = [this](transport::LinkOptions link, transport::LinkEvents events) {
      return network.open(std::move(link), std::move(events));
    };
    return cluster.start(std::move(options));
  }
  MemoryNetwork network;
  TestCluster cluster{{"a", "b"}};
};

std::shared_ptr<actors::AgentModule> counter() {
  // Says where it lives, and how many letters this life of it has had.
  struct Counter final : actors::Agent {
    void on_message(Context& context, const AgentMail& mail) override {
      const auto sent =
          context.reply(mail.from, "answer", context.node() + " " + std::to_string(++letters));
      if (!sent) throw std::runtime_error(sent.error().what);
    }
    int letters = 0;
  };
  return tests::module("counter", [](const AgentId&) { return std::make_unique<Counter>(); });
}

}  // namespace

TEST_CASE("an agent lives on each side of a partition, and at home alone when it has healed") {
  Company company;
  const auto a = company.start("a", 50ms, {counter()});
  const auto b = company.start("b", 50ms, {counter()});
  wait_linked(*a);
  wait_linked(*b);
  wait_for([&] { return a->facts().living.size() == 2 && b->facts().living.size() == 2; });
  Caller caller(company.network, company.cluster);
  const AgentId agent = company.cluster.agent_on("b", "counter");
  CHECK(caller.ask("a", agent) == "b 1");
  CHECK(caller.ask("b", agent) == "b 2");

  company.network.cut("a", "b");
  wait_for([&] { return a->facts().living.size() == 1 && b->facts().living.size() == 1; });
  CHECK(caller.ask("a", agent) == "a 1");  // made anew, without its state
  CHECK(caller.ask("b", agent) == "b 3");  // the one at home has lost nothing
  CHECK(a->facts().agents["counter"] == 1);

  company.network.heal("a", "b");
  wait_linked(*a);
  wait_linked(*b);
  wait_for([&] { return a->facts().living.size() == 2; });
  CHECK(caller.ask("a", agent) == "b 4");
  wait_for([&] { return a->facts().agents["counter"] == 0; });
}

TEST_CASE("tasks at a network that is cut again and again have one outcome each, and it is good") {
  struct Count {
    std::atomic<int> done{0};
    std::atomic<bool> enough{false};
  };
  // Keeps fifty tasks on their way until the test has had enough.
  struct Asks final : actors::Agent {
    explicit Asks(Count& shared) : count(shared) {}
    void on_message(Context& context, const AgentMail& mail) override {
      asker = mail.from;
      while (asked < 50) ask(context);
    }
    void on_outcome(Context& context, const TaskOutcome& outcome) override {
      if (!outcome.result) ++failed;
      if (++seen[outcome.id] > 1) ++repeated;
      ++count.done;
      if (!count.enough)
        ask(context);
      else if (static_cast<int>(seen.size()) == asked)
        (void)context.reply(
            asker, "answer",
            std::to_string(failed) + " failed, " + std::to_string(repeated) + " repeated");
    }
    void ask(Context& context) {
      TaskRequest request;
      request.model = "tiny";
      request.work = Encode{"text " + std::to_string(++asked)};
      if (asked % 3 == 0) request.lane = Lane::urgent;
      if (!context.submit_on("b", std::move(request))) ++failed;
    }
    Count& count;
    actors::Sender asker;
    std::map<TaskId, int> seen;
    int asked = 0, failed = 0, repeated = 0;
  };
  Count count;
  Company company;
  const auto a = company.start(
      "a", 1h,
      {tests::module("asks", [&](const AgentId&) { return std::make_unique<Asks>(count); })});
  const auto b = company.start("b", 1h, {});
  wait_linked(*a);
  wait_linked(*b);
  Caller caller(company.network, company.cluster);
  Random random(11);
  std::thread saboteur([&] {
    for (int cuts = 0; cuts < 40; ++cuts) {
      // After some outcomes, so that tasks of every stage are met.
      const int wanted = count.done + 1 + static_cast<int>(random.below(2000));
      while (count.done < wanted) std::this_thread::yield();
      company.network.cut("a", "b");
      company.network.settle();
      company.network.heal("a", "b");
    }
    count.enough = true;
  });
  const std::string answer = caller.ask("a", company.cluster.agent_on("a", "asks"));
  saboteur.join();
  CHECK(answer == "0 failed, 0 repeated");
  const auto offers = a->facts().offers;
  CHECK(offers.again > 0);  // tasks were on their way at the cuts
  const auto lanes = b->facts().stats.lanes;
  CHECK(lanes[0].completed + lanes[1].completed > 0);
}
