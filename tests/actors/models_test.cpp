// The models of a node: what the config may ask of them, and what comes of it.
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include <nlohmann/json.hpp>

#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using tests::TestCluster;

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
constexpr Duration limit = 20s;

Result<Output> run(tests::TestClient& client, Work work) {
  TaskRequest task;
  task.model = "tiny";
  task.work = std::move(work);
  auto outcome = client.submit("a", std::move(task), limit);
  if (!outcome) return outcome.error();
  return outcome->result;
}

std::vector<float> embed(tests::TestClient& client, const std::string& text) {
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

// A copy of the tiny model's folder, to be damaged.
class Copy {
 public:
  Copy() {
    std::string name = (fs::temp_directory_path() / "troupe-model-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
    for (const auto& file : fs::directory_iterator(tests::tiny_model_folder()))
      std::ofstream(path_ / file.path().filename(), std::ios::binary)
          << std::ifstream(file.path(), std::ios::binary).rdbuf();
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  ~Copy() { fs::remove_all(path_); }

  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

}  // namespace

TEST_CASE(
    "a node with a damaged model does not start, and names the model, the file and the damage") {
  const Copy copy;
  const auto poison = [&](float number) {
    std::fstream file(copy.file("model.safetensors"),
                      std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(-static_cast<std::streamoff>(sizeof(number)), std::ios::end);  // of the last tensor
    file.write(reinterpret_cast<const char*>(&number), sizeof(number));
  };
  const auto config = [&](const std::string& key, int value) {
    auto whole = json::parse(std::ifstream(copy.file("config.json")));
    whole[key] = value;
    std::ofstream(copy.file("config.json")) << whole;
  };
  std::string file = "model.safetensors";
  std::string damage;
  SECTION("a weight that is no number") {
    poison(std::numeric_limits<float>::quiet_NaN());
    damage = "not finite";
  }
  SECTION("a weight without bounds") {
    poison(-std::numeric_limits<float>::infinity());
    damage = "not finite";
  }
  SECTION("a shape that the config does not mean") {
    config("intermediate_size", 65);
    damage = "config.json asks for [65, ";
  }
  SECTION("a layer that the config does not know") {
    config("num_hidden_layers", 1);
    damage = "config.json knows of 1 layers only";
  }
  SECTION("a word that is there twice") {
    std::ofstream(copy.file("vocab.txt"), std::ios::app) << "[SEP]\n";
    file = "vocab.txt";
    damage = "repeats an earlier piece in line";
  }
  SECTION("weights cut short") {
    fs::resize_file(copy.file("model.safetensors"), 1000);
  }
  TestCluster cluster{{"a"}};
  auto options = cluster.options("a", {});
  options.models = {{"tiny", copy.path()}};
  NullLog log;
  const auto node = actors::Node::start(std::move(options), log);
  REQUIRE_FALSE(node);
  CHECK(node.error().code == ErrorCode::model_damaged);
  CHECK(node.error().what.find("model 'tiny': " + copy.file(file)) == 0);
  CHECK(node.error().what.find(damage) != std::string::npos);
  CHECK_FALSE(node.error().next_step.empty());
}

TEST_CASE("a text of nothing is encoded, one beyond the model's limit is cut and says so") {
  TestCluster cluster{{"a"}};
  const auto node = cluster.start("a", {});
  const auto client = cluster.client({"a"});
  const auto nothing = run(*client, Encode{""});
  REQUIRE(nothing);
  CHECK(std::get<Embedding>(*nothing).tokens == 2);
  CHECK_FALSE(std::get<Embedding>(*nothing).truncated);
  std::string much;
  for (int i = 0; i < 1000; ++i) much += "a ";
  const auto cut = run(*client, Encode{much});
  REQUIRE(cut);
  CHECK(std::get<Embedding>(*cut).truncated);
  CHECK(std::get<Embedding>(*cut).tokens > 2);
  CHECK(std::get<Embedding>(*cut).tokens < 1000);
}

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

TEST_CASE("a model that was tuned to classify scores its labels, and embeds as before") {
  const auto folder = fs::path(tests::tiny_model_folder()).parent_path() / "bert-classifier";
  const auto expected = json::parse(std::ifstream(folder / "expected.json"));
  TestCluster cluster{{"a"}};
  auto options = cluster.options("a", {});
  options.models = {{"plain", tests::tiny_model_folder()}, {"tiny", folder}};
  const auto node = cluster.start(std::move(options));
  const auto client = cluster.client({"a"});
  for (const auto& line : expected.at("cases")) {
    const auto text = line.at("text").get<std::string>();
    INFO(text);
    const auto output = run(*client, Classify{text});
    REQUIRE(output);
    const auto& scores = std::get<Scores>(*output);
    CHECK(distance(scores.logits, line.at("logits").get<std::vector<float>>()) < 1e-5);
    CHECK(scores.labels ==
          std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3", "LABEL_4"});
    CHECK(scores.tokens == line.at("ids").size());
    CHECK(distance(embed(*client, text), line.at("embedding").get<std::vector<float>>()) < 1e-5);
  }
  TaskRequest task;
  task.model = "plain";
  task.work = Classify{"what a day"};
  const auto outcome = client->submit("a", std::move(task), limit);
  REQUIRE(outcome);
  REQUIRE_FALSE(outcome->result);
  CHECK(outcome->result.error().code == ErrorCode::unsupported);
  CHECK(outcome->result.error().what == "model 'plain' has no classifier");
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
