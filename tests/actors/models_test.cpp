// The models of a node: what the config may ask of them, and what comes of it.
#include <cmath>

#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using tests::TestCluster;

namespace {

constexpr Duration limit = 20s;

Result<Output> run(transport::Client& client, Work work) {
  TaskRequest task;
  task.model = "tiny";
  task.work = std::move(work);
  auto outcome = client.submit("a", std::move(task), limit);
  if (!outcome) return outcome.error();
  return outcome->result;
}

std::vector<float> embed(transport::Client& client, const std::string& text) {
  const auto output = run(client, Encode{text});
  REQUIRE(output);
  return std::get<Embedding>(*output).vector;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
  return std::sqrt(sum);
}

}  // namespace

TEST_CASE("a model runs in f32 unless the config says bf16, and then its vectors are near") {
  const auto vector_in = [](std::optional<kernels::Precision> precision) {
    TestCluster cluster{{"a"}};
    auto options = cluster.options("a", {});
    options.models = {{"tiny", tests::tiny_model_folder()}};
    if (precision) options.models[0].precision = *precision;
    const auto node = cluster.start(std::move(options));
    const auto client = cluster.client({"a"});
    return embed(*client, "what the other node rounds");
  };
  const auto plain = vector_in(std::nullopt);
  CHECK(plain == vector_in(kernels::Precision::f32));
  const double moved = distance(plain, vector_in(kernels::Precision::bf16));
  CHECK(moved > 1e-5);  // or it was not bf16
  CHECK(moved < 0.01);
}

TEST_CASE("a node with a GPU says that it does not calculate in bf16") {
  TestCluster cluster{{"a"}};
  auto options = cluster.options("a", {});
  options.models = {{"tiny", tests::tiny_model_folder(), kernels::Precision::bf16}};
  options.devices = {"cpu", "cuda:0"};
  NullLog log;
  const auto node = actors::Node::start(std::move(options), log);
  REQUIRE_FALSE(node);
  CHECK(node.error().code == ErrorCode::unsupported);
  CHECK(node.error().what.find("model 'tiny' with precision = \"bf16\"") != std::string::npos);
}
