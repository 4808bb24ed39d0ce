// One trace through a client, agents and devices of one node and of two.
#include <algorithm>
#include <set>

#include "base/clock.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/actors/spans.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::AgentMail;
using actors::Context;
using tests::TestCluster;
using tracing::Span;

using troupe::tracing::testing::named;

namespace {

constexpr Duration limit = 20s;  // nothing here takes long; this only ends a broken test
constexpr Trace asked{0x4bf92f3577b34da6, 0xa3ce929d0e0e4736, 0x00f067aa0ba902b7, true};

bool same_trace(const Trace& a, const Trace& b) {
  return a.high == b.high && a.low == b.low;
}

TaskRequest encode(const Trace& trace) {
  TaskRequest request;
  request.model = "tiny";
  request.work = Encode{"play music"};
  request.trace = trace;
  return request;
}

struct Cluster {
  explicit Cluster(std::vector<std::string> names, const tests::Modules& modules = {},
                   double sample = 0)
      : cluster(names) {
    for (const auto& name : names) {
      auto options = cluster.options(name, modules);
      options.tracing = {true, sample, 4096};
      nodes.push_back(cluster.start(std::move(options)));
    }
    client = *Client::open(cluster.client_options());
    for (const auto& name : names) REQUIRE(client->wait_connected(name, limit));
  }

  // What the node recorded; its tasks have had their outcomes.
  std::vector<Span> spans(std::size_t node = 0) const { return nodes[node]->tracer().take(4096); }

  TestCluster cluster;
  std::vector<std::unique_ptr<actors::Node>> nodes;
  std::unique_ptr<Client> client;
};

// Passes what it is told on to a task, and answers when that has its outcome.
class Asker final : public actors::Agent {
 public:
  void on_message(Context& context, const AgentMail& mail) override {
    if (mail.topic == "fail") throw std::runtime_error("as it was told to");
    const auto task =
        mail.topic == "on b" ? context.submit_on("b", encode({})) : context.submit(encode({}));
    REQUIRE(task);
    from_[*task] = mail.from;
  }
  void on_outcome(Context& context, const TaskOutcome& outcome) override {
    (void)context.reply(from_.at(outcome.id), outcome.result ? "done" : "failed", "");
  }

 private:
  std::map<TaskId, actors::Sender> from_;
};

tests::Modules askers() {
  return {tests::module("asker", [](const AgentId&) { return std::make_unique<Asker>(); })};
}

}  // namespace

TEST_CASE("a client's task has spans below the client's own") {
  const Cluster house({"a"});
  auto task = house.client->submit(encode(asked));
  REQUIRE(task.outcome.get().result);
  const auto spans = house.spans();
  const Span& root = named(spans, "task");
  CHECK(root.parent == asked.span);
  CHECK(root.kind == tracing::SpanKind::server);
  const Span& batch = named(spans, "batch");
  CHECK(batch.parent == root.self.span);
  CHECK(batch.links == std::vector<Trace>{root.self});
  CHECK(named(spans, "device").links == std::vector<Trace>{batch.self});
  std::set<std::uint64_t> ids;
  for (const Span& span : spans) {
    CHECK(same_trace(span.self, asked));
    CHECK(span.begin >= root.begin);
    CHECK(span.end <= root.end);
    ids.insert(span.self.span);
  }
  CHECK(ids.size() == spans.size());
}

TEST_CASE("tasks without a trace, and those of one that is not sampled, leave no span") {
  const Cluster house({"a"});
  Trace quiet = asked;
  quiet.sampled = false;
  for (const Trace& trace : {quiet, Trace{}})
    REQUIRE(house.client->submit(encode(trace)).outcome.get().result);
  CHECK(house.spans().empty());
}

TEST_CASE("with a share of one, a task that nobody traces begins a trace") {
  const Cluster house({"a"}, {}, 1);
  REQUIRE(house.client->submit(encode({})).outcome.get().result);
  const auto spans = house.spans();
  CHECK_FALSE(named(spans, "task").self.is_none());
  CHECK(named(spans, "queue").parent == named(spans, "task").self.span);
}

TEST_CASE("what the door refuses is a span that failed") {
  const Cluster house({"a"});
  auto request = encode(asked);
  request.model = "nobody's";
  CHECK_FALSE(house.client->submit(std::move(request)).outcome.get().result);
  const auto spans = house.spans();
  REQUIRE(spans.size() == 1);
  CHECK(spans[0].error.find("model_missing") == 0);
  CHECK(spans[0].parent == asked.span);
}

TEST_CASE("what an agent does for a letter belongs to the letter's trace, and so does its answer") {
  const Cluster house({"a"}, askers());
  REQUIRE(house.client->send({"asker", "1"}, "ask", "", 7, "a", asked));
  const auto answer = house.client->receive(limit);
  REQUIRE(answer);
  CHECK(answer->topic == "done");
  CHECK(answer->trace == asked);
  const auto spans = house.spans();
  const Span& task = named(spans, "task");
  CHECK(task.parent == asked.span);
  CHECK(task.kind == tracing::SpanKind::internal);
  // The next letter has none, and gets none of the last one's.
  REQUIRE(house.client->send({"asker", "1"}, "ask", "", 8, "a"));
  const auto untraced = house.client->receive(limit);
  REQUIRE(untraced);
  CHECK(untraced->trace == Trace{});
  CHECK(house.spans().empty());
  // A failure is answered within its trace as well.
  REQUIRE(house.client->send({"asker", "1"}, "fail", "", 9, "a", asked));
  const auto failed = house.client->receive(limit);
  REQUIRE(failed);
  CHECK(failed->topic == "error");
  CHECK(failed->trace == asked);
}

TEST_CASE("one trace goes over two nodes: the way there on the one, the task on the other") {
  const Cluster house({"a", "b"}, askers());
  tests::wait_linked(*house.nodes[0]);
  const AgentId on_a = house.cluster.agent_on("a", "asker");
  REQUIRE(house.client->send(on_a, "on b", "", 7, "a", asked));
  const auto answer = house.client->receive(limit);
  REQUIRE(answer);
  CHECK(answer->topic == "done");
  CHECK(answer->trace == asked);
  const auto here = house.spans(0);
  REQUIRE(here.size() == 1);
  const Span& way = here[0];
  CHECK(way.name == "task on a node");
  CHECK(way.kind == tracing::SpanKind::client);
  CHECK(way.parent == asked.span);
  CHECK(way.self.span != asked.span);
  CHECK(same_trace(way.self, asked));
  const auto there = house.spans(1);
  const Span& task = named(there, "task");
  CHECK(task.parent == way.self.span);
  CHECK(task.kind == tracing::SpanKind::server);
  CHECK(same_trace(task.self, asked));
  // Both stand on one clock here.
  CHECK(way.begin <= task.begin);
  CHECK(task.end <= way.end);
}
