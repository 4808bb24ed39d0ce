#include "models/bert_weights.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "models/bert_config.hpp"
#include "models/float16.hpp"
#include "tests/catch.hpp"
#include "tests/models/checkpoint.hpp"
#include "tests/models/files.hpp"

using namespace troupe::models;
using namespace troupe::models::test;
using troupe::ErrorCode;
using troupe::Shape;

namespace {

const std::string query = "encoder.layer.0.attention.self.query.weight";

struct Tiny {
  Checkpoint checkpoint = Checkpoint::from_file(data_path("bert-plain/model.safetensors"));
  troupe::kernels::BertConfig config = read_bert_config(data_path("bert-plain"))->bert;
  std::vector<std::string> labels;

  [[nodiscard]] troupe::Result<std::shared_ptr<const troupe::kernels::BertModel>> bind(
      std::size_t padding = 0) const {
    const auto file = parse_bytes(checkpoint.bytes(padding));
    REQUIRE(file);
    return bind_bert_weights(*file, config, labels);
  }

  [[nodiscard]] std::string error() const {
    const auto bound = bind();
    REQUIRE_FALSE(bound);
    CHECK(bound.error().code == ErrorCode::model_damaged);
    CHECK_FALSE(bound.error().next_step.empty());
    return bound.error().what;
  }
};

std::vector<float> copy(std::span<const float> values) {
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("F16 is widened exactly, whatever the bits") {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const float value = from_f16(static_cast<std::uint16_t>(bits));
    const unsigned exponent = bits >> 10 & 0x1f;
    const double fraction = static_cast<double>(bits & 0x3ff) / 1024;
    const double sign = (bits & 0x8000) != 0 ? -1 : 1;
    double wanted = std::ldexp(sign * (1 + fraction), static_cast<int>(exponent) - 15);
    if (exponent == 0) wanted = std::ldexp(sign * fraction, -14);
    if (exponent == 31 && fraction == 0) wanted = sign * std::numeric_limits<double>::infinity();
    const bool is_nan = exponent == 31 && fraction != 0;
    if (is_nan ? !std::isnan(value) : static_cast<double>(value) != wanted) FAIL("bits " << bits);
    if (!is_nan && std::signbit(value) != (sign < 0)) FAIL("the sign of bits " << bits);
  }
}

TEST_CASE("aligned F32 is used where it lies, unaligned F32 is copied and the same") {
  const Tiny tiny;
  const auto wanted = tiny.bind();
  REQUIRE(wanted);
  int in_place = 0;
  for (std::size_t padding = 0; padding < 4; ++padding) {
    const auto file = parse_bytes(tiny.checkpoint.bytes(padding));
    REQUIRE(file);
    const auto bound = bind_bert_weights(*file, tiny.config);
    REQUIRE(bound);
    const auto& weights = (*bound)->weights;
    CHECK(copy(weights.word_embeddings) == copy((*wanted)->weights.word_embeddings));
    CHECK(copy(weights.layers[1].ffn_out.weight) ==
          copy((*wanted)->weights.layers[1].ffn_out.weight));
    const auto* stored = file->find("embeddings.word_embeddings.weight")->bytes.data();
    const bool aligned = reinterpret_cast<std::uintptr_t>(stored) % alignof(float) == 0;
    const auto* used = reinterpret_cast<const std::byte*>(weights.word_embeddings.data());
    CHECK(aligned == (used == stored));
    in_place += aligned ? 1 : 0;
  }
  CHECK(in_place == 1);
}

TEST_CASE("a model outlives the file object it was bound from") {
  std::shared_ptr<const troupe::kernels::BertModel> model;
  {
    const Tiny tiny;
    model = *tiny.bind();
  }
  float sum = 0;
  for (const float value : model->weights.word_embeddings) sum += value;
  CHECK(std::isfinite(sum));
}

TEST_CASE("older names of the norms are understood") {
  Tiny tiny;
  const auto before = copy((*tiny.bind())->weights.layers[0].ffn_norm.gain);
  for (auto& tensor : tiny.checkpoint.tensors) {
    const auto rename = [&](const std::string& from, const std::string& to) {
      if (tensor.name.ends_with(from))
        tensor.name.replace(tensor.name.size() - from.size(), from.size(), to);
    };
    rename("LayerNorm.weight", "LayerNorm.gamma");
    rename("LayerNorm.bias", "LayerNorm.beta");
  }
  const auto bound = tiny.bind();
  REQUIRE(bound);
  CHECK(copy((*bound)->weights.layers[0].ffn_norm.gain) == before);
}

TEST_CASE("each tensor that an encoder needs is missed by name") {
  const Tiny whole;
  REQUIRE(whole.bind());
  REQUIRE(whole.checkpoint.tensors.size() == 5 + 2 * 16);
  for (const auto& tensor : whole.checkpoint.tensors) {
    Tiny tiny;
    tiny.checkpoint.erase(tensor.name);
    CHECK(tiny.error() == "a.safetensors: tensor \"" + tensor.name + "\": it is missing");
  }
}

TEST_CASE("each tensor of another shape is refused with both shapes") {
  const Tiny whole;
  for (const auto& tensor : whole.checkpoint.tensors) {
    Tiny tiny;
    auto& changed = tiny.checkpoint[tensor.name];
    const auto wanted = Shape::make(changed.shape)->to_string();
    changed.shape.push_back(1);
    const auto found = Shape::make(changed.shape)->to_string();
    std::string message = "a.safetensors: tensor \"" + tensor.name;
    message += "\": its shape is " + found;
    message += ", config.json asks for " + wanted;
    CHECK(tiny.error() == message);
  }
}

TEST_CASE("a transposed linear layer is not taken for the layer") {
  Tiny tiny;
  auto& tensor = tiny.checkpoint["encoder.layer.1.intermediate.dense.weight"];
  std::swap(tensor.shape[0], tensor.shape[1]);
  CHECK(tiny.error() ==
        "a.safetensors: tensor \"encoder.layer.1.intermediate.dense.weight\": its shape is [32, "
        "64], config.json asks for [64, 32]");
}

TEST_CASE("weights that are no floats, or not finite, are refused") {
  Tiny tiny;
  tiny.checkpoint[query].type = "I32";
  CHECK(tiny.error() ==
        "a.safetensors: tensor \"" + query + "\": its type is I32, not F32, F16 or BF16");
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    Tiny damaged;
    auto& data = damaged.checkpoint[query].data;
    std::memcpy(data.data() + data.size() - sizeof(bad), &bad, sizeof(bad));
    CHECK(damaged.error() ==
          "a.safetensors: tensor \"" + query + "\": it holds values that are not finite");
  }
}

TEST_CASE("a classifier is bound with the pooler that it needs, whatever the prefix") {
  for (const std::string prefix : {"", "bert."}) {
    Tiny tiny;
    CHECK_FALSE((*tiny.bind())->weights.head);
    const auto width = std::uint64_t{tiny.config.width};
    const std::string square = tiny.checkpoint[query].data;
    const auto bias = square.substr(0, width * sizeof(float));
    for (auto& tensor : tiny.checkpoint.tensors) tensor.name.insert(0, prefix);
    auto& tensors = tiny.checkpoint.tensors;
    tensors.push_back({"classifier.weight", "F32", {3, width}, square.substr(0, 3 * bias.size())});
    tensors.push_back({"classifier.bias", "F32", {3}, bias.substr(0, 3 * sizeof(float))});
    CHECK_FALSE((*tiny.bind())->weights.head);  // one of tokens
    tensors.push_back({prefix + "pooler.dense.weight", "F32", {width, width}, square});
    tensors.push_back({prefix + "pooler.dense.bias", "F32", {width}, bias});
    const auto bound = tiny.bind();
    REQUIRE(bound);
    CHECK((*bound)->config.labels == 3);
    REQUIRE((*bound)->weights.head);
    const auto& head = *(*bound)->weights.head;
    CHECK(copy(head.pooler.weight) == copy((*bound)->weights.layers[0].query.weight));
    CHECK(head.classifier.weight.size() == 3 * width);
    CHECK(head.classifier.bias.size() == 3);

    CHECK(head.names == std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"});
    tiny.labels = {"sad", "so", "gay"};
    CHECK((*tiny.bind())->weights.head->names == tiny.labels);
    tiny.labels.pop_back();
    CHECK(tiny.error() ==
          "a.safetensors: tensor \"classifier.weight\": it has 3 labels, config.json names 2");
    tiny.labels.clear();

    tiny.checkpoint["classifier.weight"].shape = {width, 3};
    CHECK(tiny.error() ==
          "a.safetensors: tensor \"classifier.weight\": its shape is [32, 3], config.json asks for "
          "[32, 32]");
    tiny.checkpoint["classifier.weight"].shape = {3 * width};
    CHECK(tiny.error() ==
          "a.safetensors: tensor \"classifier.weight\": it is no classifier of 1 to 1024 labels");
    tiny.checkpoint["classifier.weight"].shape = {3, width};
    tiny.checkpoint.erase("classifier.bias");
    CHECK(tiny.error() == "a.safetensors: tensor \"classifier.bias\": it is missing");
  }
}

TEST_CASE("a config with other layers than the file's is refused") {
  Tiny fewer;
  fewer.config.layers = 1;
  CHECK(fewer.error() ==
        "a.safetensors: tensor \"encoder.layer.1.*\": config.json knows of 1 layers only");
  Tiny more;
  more.config.layers = 3;
  CHECK(more.error() ==
        "a.safetensors: tensor \"encoder.layer.2.attention.self.query.weight\": it is missing");
}
