// The encoder against the float64 reference, on every instruction set this machine has.
#include "kernels/cpu/encoder.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/cpu/select.hpp"
#include "kernels/ref/bert.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/tiny_bert.hpp"

using namespace troupe;
using namespace troupe::kernels;
using namespace troupe::kernels::test;

namespace {

using Texts = std::vector<std::vector<std::int32_t>>;

// Encodes the texts in one batch; `yield` runs between tiles.
std::vector<std::vector<float>> encode(
    const cpu::Encoder& encoder, const Texts& texts, cpu::EncoderWorkspace& workspace,
    const cpu::YieldHook& yield = [] {}) {
  std::vector<std::vector<float>> vectors(texts.size(), std::vector<float>(encoder.config().width));
  std::vector<cpu::Sequence> sequences;
  for (std::size_t i = 0; i < texts.size(); ++i) sequences.push_back({texts[i], vectors[i].data()});
  encoder.encode(sequences, workspace, yield);
  return vectors;
}

// The distance from the reference, relative to its length of 1.
double error_of(const std::vector<float>& vector, const std::vector<double>& expected) {
  double squares = 0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    squares += std::pow(static_cast<double>(vector[i]) - expected[i], 2);
  return std::sqrt(squares);
}

// What kernels/cpu promises; a tanh GELU would miss it by two orders of magnitude.
constexpr double error_max = 2e-6;

void check_against_reference(const BertConfig& config, std::uint64_t seed,
                             const std::vector<std::size_t>& lengths) {
  const auto model = random_bert(config, seed);
  REQUIRE(check_model(*model));
  Random random(seed);
  Texts texts;
  for (const std::size_t length : lengths) texts.push_back(random_ids(config, length, random));
  std::vector<std::vector<double>> expected;
  for (const auto& ids : texts) expected.push_back(ref::encode(*model, ids));
  for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
    const cpu::Encoder encoder(*tiles, model);
    auto workspace = encoder.make_workspace();
    const auto vectors = encode(encoder, texts, workspace);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      INFO(tiles->name << ", text " << i << " of " << texts[i].size() << " tokens, width "
                       << config.width);
      CHECK(error_of(vectors[i], expected[i]) < error_max);
    }
  }
}

}  // namespace

TEST_CASE("embeddings agree with the reference whatever the mix of lengths") {
  check_against_reference(odd_config(), 1, {1});
  check_against_reference(odd_config(), 2, {37});
  check_against_reference(odd_config(), 3, {5, 1, 37, 2, 16, 17, 3, 36, 8});
}

TEST_CASE("embeddings agree with the reference whatever the width") {
  for (const std::uint32_t head_width : {1U, 4U, 15U, 16U, 31U, 33U, 65U, 80U}) {
    auto config = odd_config();
    config.layers = 2;
    config.heads = 2;
    config.width = 2 * head_width;
    config.ffn_width = 3 * head_width + 1;
    check_against_reference(config, head_width, {1, 7, 30});
  }
}

TEST_CASE("a sentence encoder's sizes agree with the reference") {
  check_against_reference(small_config(2), 5, {16, 3, 64});
}

TEST_CASE("a text's vector is bitwise the same whoever shares its batch") {
  const auto config = small_config(2);
  const auto model = random_bert(config, 7);
  Random random(7);
  Texts texts;
  for (const std::size_t length : {3U, 256U, 1U, 16U, 47U, 64U, 65U, 2U})
    texts.push_back(random_ids(config, length, random));
  for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
    const cpu::Encoder encoder(*tiles, model);
    auto workspace = encoder.make_workspace();
    const auto together = encode(encoder, texts, workspace);
    const auto reversed = encode(encoder, {texts.rbegin(), texts.rend()}, workspace);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      INFO(tiles->name << ", text " << i);
      CHECK(together[i] == encode(encoder, {texts[i]}, workspace).front());
      CHECK(together[i] == reversed[texts.size() - 1 - i]);
    }
  }
}

TEST_CASE("other work between two tiles changes no bit") {
  const auto config = odd_config();
  const auto model = random_bert(config, 8);
  Random random(8);
  const Texts texts = {random_ids(config, 37, random), random_ids(config, 5, random)};
  const Texts others = {random_ids(config, 20, random)};
  for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
    const cpu::Encoder encoder(*tiles, model);
    auto workspace = encoder.make_workspace();
    auto other_workspace = encoder.make_workspace();
    const auto undisturbed = encode(encoder, texts, workspace);
    int yields = 0;
    const auto disturbed = encode(encoder, texts, workspace, [&] {
      ++yields;
      encode(encoder, others, other_workspace);
    });
    CHECK(yields > 20);
    CHECK(disturbed == undisturbed);
  }
}

TEST_CASE("in bf16 embeddings stay within a hundredth of the reference, on every path") {
  const auto check = [](const BertConfig& config, std::uint64_t seed,
                        const std::vector<std::size_t>& lengths) {
    const auto model = random_bert(config, seed);
    Random random(seed);
    Texts texts;
    for (const std::size_t length : lengths) texts.push_back(random_ids(config, length, random));
    for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
      const cpu::Encoder encoder(*tiles, model, Precision::bf16);
      auto workspace = encoder.make_workspace();
      const auto vectors = encode(encoder, texts, workspace);
      for (std::size_t i = 0; i < texts.size(); ++i) {
        const double error = error_of(vectors[i], ref::encode(*model, texts[i]));
        INFO(tiles->name << ", text " << i << " of " << texts[i].size() << " tokens");
        CHECK(error < 1e-2);
        CHECK(error > 1e-5);  // or it was not bf16
        CHECK(vectors[i] == encode(encoder, {texts[i]}, workspace).front());
      }
    }
  };
  check(odd_config(), 1, {5, 1, 37, 2, 16, 17, 3, 36, 8});
  check(small_config(2), 5, {16, 3, 64});
  auto odd = odd_config();  // depths without a partner
  odd.width = 51;
  odd.ffn_width = 101;
  check(odd, 3, {9, 30});
}

TEST_CASE("a classifier's scores agree with the reference, whoever shares the batch") {
  for (const std::uint32_t labels : {1U, 2U, 5U, 64U, 65U, 130U}) {
    auto config = odd_config();
    config.labels = labels;
    const auto model = random_bert(config, labels);
    REQUIRE(check_model(*model));
    Random random(labels);
    Texts texts;
    for (const std::size_t length : {7U, 1U, 37U, 12U, 2U})
      texts.push_back(random_ids(config, length, random));
    for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
      const cpu::Encoder encoder(*tiles, model);
      auto workspace = encoder.make_workspace();
      // Embeddings of some, scores of others, and both.
      std::vector<std::vector<float>> logits(texts.size(), std::vector<float>(labels, 99));
      std::vector<std::vector<float>> vectors(texts.size(), std::vector<float>(config.width));
      std::vector<cpu::Sequence> sequences;
      for (std::size_t i = 0; i < texts.size(); ++i)
        sequences.push_back({texts[i], i % 2 == 0 ? vectors[i].data() : nullptr,
                             i != 2 ? logits[i].data() : nullptr});
      encoder.encode(sequences, workspace, [] {});
      for (std::size_t i = 0; i < texts.size(); ++i) {
        INFO(tiles->name << ", " << labels << " labels, text " << i);
        if (i % 2 == 0) CHECK(error_of(vectors[i], ref::encode(*model, texts[i])) < error_max);
        if (i == 2) {
          CHECK(logits[i] == std::vector<float>(labels, 99));
          continue;
        }
        const auto expected = ref::classify(*model, texts[i]);
        REQUIRE(expected.size() == labels);
        double largest = 0;
        for (std::size_t c = 0; c < labels; ++c)
          largest = std::max(largest, std::abs(static_cast<double>(logits[i][c]) - expected[c]));
        CHECK(largest < 1e-5);
        std::vector<float> alone(labels);
        const cpu::Sequence sequence{texts[i], nullptr, alone.data()};
        encoder.encode({&sequence, 1}, workspace, [] {});
        CHECK(alone == logits[i]);
        const cpu::Encoder rounded(*tiles, model, Precision::bf16);
        auto rounded_workspace = rounded.make_workspace();
        rounded.encode({&sequence, 1}, rounded_workspace, [] {});
        for (std::size_t c = 0; c < labels; ++c)
          CHECK(std::abs(static_cast<double>(alone[c]) - expected[c]) < 0.1);
      }
    }
  }
}

TEST_CASE("a model whose parts do not fit together is refused") {
  const auto refused = [](const auto& damage) {
    BertModel model = *random_bert(odd_config(), 9);
    damage(model);
    const auto checked = check_model(model);
    return !checked && checked.error().code == ErrorCode::model_damaged;
  };
  CHECK_FALSE(refused([](BertModel&) {}));
  CHECK(refused([](BertModel& m) { m.config.heads = 7; }));
  CHECK(refused([](BertModel& m) { m.config.heads = 0; }));
  CHECK(refused([](BertModel& m) { m.config.layers = 2; }));
  CHECK(refused([](BertModel& m) { m.config.layers = 0; }));
  CHECK(refused([](BertModel& m) { m.config.width = 0; }));
  CHECK(refused([](BertModel& m) { m.config.vocabulary = 98; }));
  CHECK(refused([](BertModel& m) { m.config.tokens_max = 41; }));
  CHECK(refused([](BertModel& m) { m.config.tokens_max = 0; }));
  CHECK(refused([](BertModel& m) { m.config.layer_norm_epsilon = std::nanf(""); }));
  CHECK(refused([](BertModel& m) { m.config.layer_norm_epsilon = -1; }));
  CHECK(refused([](BertModel& m) {
    auto& bias = m.weights.layers[1].ffn_in.bias;
    bias = bias.first(bias.size() - 1);
  }));
  CHECK(refused([](BertModel& m) { m.weights.layers[2].ffn_norm.gain = {}; }));
  CHECK(refused([](BertModel& m) { m.config.labels = 2; }));
  CHECK(refused([](BertModel& m) { m.weights.head = BertHead{}; }));
  CHECK(refused([](BertModel& m) {
    m.config.labels = 2;
    m.weights.head = BertHead{m.weights.layers[0].query, m.weights.layers[0].query, {"a", "b"}};
  }));
  CHECK(refused([](BertModel& m) {
    auto config = odd_config();
    config.labels = 2;
    m = *random_bert(config, 9);
    m.weights.head->names.pop_back();
  }));
}
