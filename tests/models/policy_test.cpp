// Policies from folders, right or wrong.
#include "models/policy.hpp"

#include <cstring>
#include <functional>

#include "base/random.hpp"
#include "kernels/ref/policy.hpp"
#include "tests/catch.hpp"
#include "tests/models/checkpoint.hpp"
#include "tests/models/files.hpp"

using namespace troupe::models;
using namespace troupe::models::test;
using nlohmann::json;
using troupe::ErrorCode;
using troupe::kernels::PolicyActivation;

namespace {

std::string bytes_of(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// A policy of 3 numbers, one hidden layer of 4, and 2 actions.
struct Tiny {
  json config = {
      {"format", "troupe-policy"}, {"version", 1}, {"widths", {3, 4, 2}}, {"activation", "tanh"}};
  Checkpoint checkpoint;
  ScratchFolder folder;

  Tiny() {
    add("layers.0.weight", {4, 3});
    add("layers.0.bias", {4});
    add("layers.1.weight", {2, 4});
    add("layers.1.bias", {2});
  }

  void add(const std::string& name, const std::vector<std::uint64_t>& shape) {
    std::size_t count = 1;
    for (const auto size : shape) count *= size;
    std::vector<float> values(count);
    for (auto& value : values) value = static_cast<float>(random.unit() - 0.5);
    checkpoint.tensors.push_back({name, "F32", shape, bytes_of(values)});
  }

  auto load() {
    folder.write("policy.json", config.dump());
    folder.write("policy.safetensors", checkpoint.bytes());
    return load_policy(folder.path());
  }

  troupe::Error error() {
    const auto loaded = load();
    REQUIRE_FALSE(loaded);
    CHECK_FALSE(loaded.error().next_step.empty());
    return loaded.error();
  }

  troupe::Random random{1};
};

}  // namespace

TEST_CASE("a policy is what its folder says") {
  Tiny tiny;
  const auto policy = tiny.load();
  REQUIRE(policy);
  const auto& model = **policy;
  CHECK(check_policy(model));
  CHECK(model.widths == std::vector<std::uint32_t>{3, 4, 2});
  CHECK(model.activation == PolicyActivation::tanh);
  std::vector<float> weight(model.layers[0].weight.begin(), model.layers[0].weight.end());
  CHECK(bytes_of(weight) == tiny.checkpoint["layers.0.weight"].data);
  std::vector<float> bias(model.layers[1].bias.begin(), model.layers[1].bias.end());
  CHECK(bytes_of(bias) == tiny.checkpoint["layers.1.bias"].data);
  CHECK(troupe::kernels::ref::logits(model, std::vector<float>{1, 2, 3}).size() == 2);

  tiny.config.erase("activation");
  CHECK((*tiny.load())->activation == PolicyActivation::relu);
}

TEST_CASE("tensors may have the names that PyTorch gives them") {
  Tiny tiny;
  const auto plain = tiny.load();
  REQUIRE(plain);
  for (auto& tensor : tiny.checkpoint.tensors) {
    tensor.name.erase(0, std::string("layers.").size());
    if (tensor.name[0] == '1') tensor.name[0] = '2';
  }
  CHECK(
      tiny.error().what.ends_with("policy.safetensors: tensor \"layers.0.weight\": it is missing"));
  tiny.config["tensors"] = {"0", "2"};
  const auto renamed = tiny.load();
  REQUIRE(renamed);
  const std::vector<float> seen = {0.5F, -1, 2};
  CHECK(troupe::kernels::ref::logits(**renamed, seen) ==
        troupe::kernels::ref::logits(**plain, seen));
}

TEST_CASE("a policy outlives its folder") {
  std::shared_ptr<const troupe::kernels::PolicyModel> model;
  {
    Tiny tiny;
    model = *tiny.load();
  }
  CHECK(troupe::kernels::ref::logits(*model, std::vector<float>{1, 2, 3}).size() == 2);
}

TEST_CASE("policies that contradict themselves are refused") {
  const auto code = [](const std::function<void(Tiny&)>& damage) {
    Tiny tiny;
    damage(tiny);
    return tiny.error().code;
  };
  for (const json& widths :
       {json(), json(7), json::array(), json({3}), json({3, 0, 2}), json({3, -4, 2}),
        json({3, 4.5, 2}), json({3, "4", 2}), json({3, 4, 70000}), json(std::vector<int>(66, 1))}) {
    INFO(widths.dump());
    CHECK(code([&](Tiny& t) { t.config["widths"] = widths; }) == ErrorCode::model_damaged);
  }
  for (const json& tensors :
       {json(7), json::array(), json({"a"}), json({"a", 1}), json({"layers.0", "layers.0"})}) {
    INFO(tensors.dump());
    CHECK(code([&](Tiny& t) { t.config["tensors"] = tensors; }) == ErrorCode::model_damaged);
  }
  using T = Tiny;
  CHECK(code([](T& t) { t.config["widths"] = {3, 4}; }) == ErrorCode::model_damaged);
  CHECK(code([](T& t) { t.config["widths"] = {3, 2, 4}; }) == ErrorCode::model_damaged);
  CHECK(code([](T& t) { t.config = json::array(); }) == ErrorCode::model_damaged);
  CHECK(code([](T& t) { t.config["version"] = "1"; }) == ErrorCode::model_damaged);
  CHECK(code([](T& t) { t.config.erase("version"); }) == ErrorCode::model_damaged);
  CHECK(code([](T& t) { t.config["version"] = 2; }) == ErrorCode::unsupported);
  CHECK(code([](T& t) { t.config["format"] = "onnx"; }) == ErrorCode::unsupported);
  CHECK(code([](T& t) { t.config["activation"] = "swish"; }) == ErrorCode::unsupported);
  CHECK(code([](T& t) { t.checkpoint["layers.0.bias"].type = "I32"; }) == ErrorCode::model_damaged);
  CHECK(code([](T& t) {
          t.checkpoint["layers.1.bias"].data = bytes_of({1, std::nanf("")});
        }) == ErrorCode::model_damaged);
  CHECK(code([](T& t) { t.add("layers.2.bias", {2}); }) == ErrorCode::model_damaged);
}

TEST_CASE("a policy folder without its files is missed by name") {
  Tiny tiny;
  REQUIRE(tiny.load());
  for (const char* name : {"policy.json", "policy.safetensors"}) {
    tiny.folder.remove(name);
    const auto loaded = load_policy(tiny.folder.path());
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().code == ErrorCode::model_missing);
    CHECK(loaded.error().what.find(name) != std::string::npos);
    REQUIRE(tiny.load());
  }
  CHECK(load_policy(tiny.folder.path() + "/no").error().code == ErrorCode::model_missing);
}
