// Policies through a node: the same action whoever shares the batch, refusals at the door, folders
// that keep a node from starting.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include <nlohmann/json.hpp>

#include "base/limits.hpp"
#include "base/random.hpp"
#include "kernels/ref/policy.hpp"
#include "models/policy.hpp"
#include "tests/actors/collector.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"
#include "tests/models/checkpoint.hpp"
#include "tests/models/files.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using kernels::Sampling;
using kernels::SamplingRule;
using tests::TestCluster;

namespace {

constexpr Duration limit = 20s;
constexpr std::uint32_t width = 9;
constexpr std::uint32_t actions = 5;

std::string bytes_of(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// A folder with a policy of random weights.
class PolicyFolder {
 public:
  explicit PolicyFolder(const std::vector<std::uint32_t>& widths = {width, 256, 256, actions}) {
    Random random(5);
    const auto draw = [&](std::size_t count, double scale) {
      std::vector<float> values(count);
      for (float& value : values) value = static_cast<float>(scale * (random.unit() - 0.5));
      return bytes_of(values);
    };
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
      const std::string layer = "layers." + std::to_string(i);
      const std::uint64_t in = widths[i];
      const std::uint64_t out = widths[i + 1];
      const double scale = 6 / std::sqrt(static_cast<double>(in));
      checkpoint.tensors.push_back({layer + ".weight", "F32", {out, in}, draw(out * in, scale)});
      checkpoint.tensors.push_back({layer + ".bias", "F32", {out}, draw(out, 0.1)});
    }
    const nlohmann::json about = {{"format", "troupe-policy"}, {"version", 1}, {"widths", widths}};
    folder_.write("policy.json", about.dump());
    write();
  }

  void write() const { folder_.write("policy.safetensors", checkpoint.bytes()); }
  [[nodiscard]] const std::string& path() const { return folder_.path(); }

  models::test::Checkpoint checkpoint;

 private:
  models::test::ScratchFolder folder_;
};

std::vector<float> observation(std::uint64_t number) {
  Random random(number + 1);
  std::vector<float> values(width);
  for (float& value : values) value = static_cast<float>(random.unit() * 4 - 2);
  return values;
}

std::string agent_of(std::uint64_t number) {
  return "game/" + std::to_string(number % 40);
}

TaskRequest act(std::uint64_t number, std::string agent, std::optional<Lane> lane = {}) {
  TaskRequest task;
  task.model = "mover";
  task.work = Act{observation(number), std::move(agent), number};
  task.lane = lane;
  return task;
}

// What the float64 reference and the sampler make of it.
std::uint32_t expected(const kernels::PolicyModel& model, const Sampling& sampling,
                       std::uint64_t number, const std::string& agent) {
  const auto exact = kernels::ref::logits(model, observation(number));
  std::vector<float> logits;
  for (const double logit : exact) logits.push_back(static_cast<float>(logit));
  const auto picked = kernels::sample(logits, sampling, {kernels::agent_number(agent), number});
  REQUIRE(picked);
  return *picked;
}

std::map<std::uint64_t, TaskOutcome> act_many(actors::Node& node, std::size_t count) {
  const auto collector = std::make_shared<tests::Collector>();
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto lane = i % 5 == 0 ? Lane::urgent : Lane::ordinary;
    REQUIRE(node.submit(act(i, agent_of(i), lane), {collector, i}));
  }
  return collector->wait_for(count);
}

std::uint32_t action_of(const TaskOutcome& outcome) {
  if (!outcome.result) FAIL(outcome.result.error().to_string());
  return std::get<Action>(*outcome.result).number;
}

Error start_error(actors::NodeOptions options) {
  NullLog log;
  const auto node = actors::Node::start(std::move(options), log);
  REQUIRE_FALSE(node);
  CHECK(node.error().what.find("mover") != std::string::npos);
  CHECK_FALSE(node.error().next_step.empty());
  return node.error();
}

}  // namespace

TEST_CASE("an action is the reference's, alone and whoever shares its batch, in both lanes") {
  const PolicyFolder folder;
  const auto model = models::load_policy(folder.path());
  REQUIRE(model);
  constexpr std::size_t tasks = 600;
  TestCluster cluster{{"a"}};
  for (const Sampling& sampling :
       {Sampling{}, Sampling{SamplingRule::softmax, 0.7, 3}, Sampling{SamplingRule::gumbel, 2, 9}})
    for (const bool batching : {true, false}) {
      auto options = cluster.options("a", {});
      options.policies = {{"mover", folder.path(), sampling}};
      options.scheduling.batching = batching;
      const auto node = cluster.start(std::move(options));
      std::uint32_t batch_max = 0;
      std::map<std::uint32_t, int> taken;
      for (const auto& [number, outcome] : act_many(*node, tasks)) {
        INFO("task " << number << ", rule " << static_cast<int>(sampling.rule));
        CHECK(action_of(outcome) == expected(**model, sampling, number, agent_of(number)));
        batch_max = std::max(batch_max, outcome.timing.batch_tasks);
        ++taken[action_of(outcome)];
      }
      CHECK(taken.size() > 1);
      if (batching)
        CHECK(batch_max > 1);
      else
        CHECK(batch_max == 1);
    }
}

TEST_CASE("what a policy cannot act on is refused at the door, with what would do") {
  const PolicyFolder folder;
  TestCluster cluster{{"a"}};
  auto options = cluster.options("a", {});
  options.policies = {{"mover", folder.path(), {}}};
  const auto node = cluster.start(std::move(options));
  const auto refusal = [&](TaskRequest task) {
    const auto taken = node->submit(std::move(task), {std::make_shared<tests::Collector>(), 0});
    REQUIRE_FALSE(taken);
    CHECK_FALSE(taken.error().next_step.empty());
    return taken.error();
  };
  const auto with = [](auto change) {
    auto task = act(1, "game/7");
    change(task, std::get<Act>(task.work));
    return task;
  };
  for (const std::size_t size : {std::size_t{0}, std::size_t{width - 1}, std::size_t{width + 1}}) {
    const auto error =
        refusal(with([&](auto&, Act& work) { work.observation.resize(size, 0.0F); }));
    CHECK(error.code == ErrorCode::invalid_argument);
    CHECK(error.next_step == "policy 'mover' looks at 9");
  }
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()})
    CHECK(refusal(with([&](auto&, Act& work) { work.observation.back() = bad; })).code ==
          ErrorCode::invalid_argument);
  for (const char* agent : {"", "game", "game/*", "/7"})
    CHECK(refusal(with([&](auto&, Act& work) { work.agent = agent; })).code ==
          ErrorCode::invalid_argument);
  CHECK(refusal(with([](auto&, Act& work) { work.step = std::uint64_t{1} << 48; })).code ==
        ErrorCode::invalid_argument);
  for (const char* model : {"", "tiny", "mower"}) {
    const auto error = refusal(with([&](TaskRequest& task, Act&) { task.model = model; }));
    CHECK(error.code == ErrorCode::model_missing);
    CHECK(error.next_step == "this node has: mover");
  }
  auto encode = act(1, "game/7");
  encode.work = Encode{"a text for a policy"};
  CHECK(refusal(encode).next_step == "this node has: tiny");

  const auto facts = node->facts();
  CHECK(facts.stats.lanes[0].accepted + facts.stats.lanes[1].accepted == 0);
  // The largest step there is, and a node without policies.
  CHECK(node->submit(with([](auto&, Act& work) { work.step = (std::uint64_t{1} << 48) - 1; }),
                     {std::make_shared<tests::Collector>(), 0}));
  TestCluster other{{"a"}};
  const auto without = other.start("a", {});
  const auto taken = without->submit(act(1, "game/7"), {std::make_shared<tests::Collector>(), 0});
  REQUIRE_FALSE(taken);
  CHECK(taken.error().next_step == "this node has no policies");
}

TEST_CASE("an agent acts as itself, on its own node, on another and for a client alike") {
  const PolicyFolder folder;
  const auto model = models::load_policy(folder.path());
  REQUIRE(model);
  constexpr std::uint64_t number = 17;
  const Sampling sampling{SamplingRule::gumbel, 3, 1};
  class Game final : public actors::Agent {
   public:
    void on_message(actors::Context& context, const actors::AgentMail& mail) override {
      asked_ = mail;
      auto task = act(number, "");  // itself
      if (!context.submit_on(mail.body, std::move(task))) throw std::runtime_error("refused");
    }
    void on_outcome(actors::Context& context, const TaskOutcome& outcome) override {
      const auto text = outcome.result ? std::to_string(std::get<Action>(*outcome.result).number)
                                       : outcome.result.error().what;
      if (!context.reply(asked_.from, "done", text)) throw std::runtime_error("unanswered");
    }

   private:
    actors::AgentMail asked_;
  };
  TestCluster cluster{{"a", "b"}};
  const auto start = [&](const std::string& name) {
    auto options = cluster.options(
        name, {tests::module("game", [](const AgentId&) { return std::make_unique<Game>(); })});
    options.policies = {{"mover", folder.path(), sampling}};
    return cluster.start(std::move(options));
  };
  const auto a = start("a");
  const auto b = start("b");
  const auto client = cluster.client({"a", "b"});
  const AgentId game = cluster.agent_on("a", "game");
  const auto wanted = expected(**model, sampling, number, to_string(game));
  for (const std::string node : {"a", "b"}) {
    const auto outcome = client->submit(node, act(number, to_string(game)), limit);
    REQUIRE(outcome);
    CHECK(action_of(*outcome) == wanted);
    REQUIRE(client->send("a", game, 1, "act", node));
    const auto mail = client->receive(limit);
    REQUIRE(mail);
    CHECK(mail->body == std::to_string(wanted));
  }
}

TEST_CASE("a node tells of its policies, and explains what they did") {
  const PolicyFolder folder;
  TestCluster cluster{{"a"}};
  auto options = cluster.options("a", {});
  options.policies = {{"idle", folder.path(), {}}, {"mover", folder.path(), {}}};
  const auto node = cluster.start(std::move(options));
  const auto client = cluster.client({"a"});
  const auto outcome = client->submit("a", act(3, "game/7"), limit);
  REQUIRE(outcome);
  CHECK(action_of(*outcome) < actions);

  const auto status = nlohmann::json::parse(node->status());
  REQUIRE(status["policies"].size() == 2);
  CHECK(status["policies"][1] ==
        nlohmann::json({{"name", "mover"}, {"observation", width}, {"actions", actions}}));
  const auto why = client->control("a", "explain", to_string(outcome->id), limit);
  REQUIRE(why);
  const auto explained = nlohmann::json::parse(*why);
  CHECK(explained["operation"] == "act");
  CHECK(explained["model"] == "mover");
  CHECK(explained["units"] == 1);
  CHECK(explained["predicted_ms"] > 0);  // by the device's own guess: it was the first
}

TEST_CASE("a policy that cannot be served keeps the node from starting, and says why") {
  PolicyFolder folder;
  TestCluster cluster{{"a"}};
  auto options = cluster.options("a", {});
  options.policies = {{"mover", folder.path(), {}}};
  SECTION("no such folder") {
    options.policies[0].folder = "/nonexistent";
    CHECK(start_error(options).code == ErrorCode::model_missing);
  }
  SECTION("a folder of something else") {
    options.policies[0].folder = tests::tiny_model_folder();
    const auto error = start_error(options);
    CHECK(error.code == ErrorCode::model_missing);
    CHECK(error.what.find("policy.json") != std::string::npos);
  }
  SECTION("weights that are not finite") {
    for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
      auto& bias = folder.checkpoint["layers.1.bias"].data;
      bias.replace(8, sizeof(float), bytes_of({bad}));
      folder.write();
      const auto error = start_error(options);
      CHECK(error.code == ErrorCode::model_damaged);
      CHECK(error.what.find("layers.1.bias") != std::string::npos);
      CHECK(error.what.find("not finite") != std::string::npos);
    }
  }
  SECTION("weights of another shape") {
    folder.checkpoint["layers.2.weight"].shape = {256, actions};
    folder.write();
    const auto error = start_error(options);
    CHECK(error.code == ErrorCode::model_damaged);
    CHECK(error.what.find("[256, 5]") != std::string::npos);
  }
  SECTION("more to look at than a node takes") {
    const PolicyFolder wide({limits::observation_width_max + 1, 2});
    options.policies[0].folder = wide.path();
    CHECK(start_error(options).code == ErrorCode::unsupported);
  }
  SECTION("no temperature") {
    options.policies[0].sampling = {SamplingRule::softmax, 0, 0};
    CHECK(start_error(options).code == ErrorCode::invalid_argument);
  }
}
