// The whole encoder of the CUDA device, on an emulated GPU, against float64; and what becomes of it
// when any of its calls fails.
#include "kernels/cuda/encoder.hpp"

#include <cmath>

#include "kernels/cuda/emulation/emulated_gpu.hpp"
#include "kernels/ref/bert.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/tiny_bert.hpp"

using namespace troupe;
using namespace troupe::cuda;
using emulation::EmulatedGpu;
using kernels::BertConfig;
using kernels::BertModel;

namespace {

using Text = std::vector<std::int32_t>;
using Vectors = std::vector<std::vector<float>>;

// Opens an encoder, runs the batches one after the other and gives everything back. The vectors of
// all, or the first error.
Result<Vectors> encode(EmulatedGpu& gpu, const std::shared_ptr<const BertModel>& model,
                       Number number, const std::vector<std::vector<Text>>& batches) {
  Stream stream = nullptr;
  if (auto good = check(gpu, gpu.make_stream(false, &stream), "making a stream"); !good)
    return good.error();
  const auto run = [&]() -> Result<Vectors> {
    const auto encoder = Encoder::open(gpu, stream, model, number);
    if (!encoder) return encoder.error();
    const auto slot = EncoderSlot::open(gpu, stream, *encoder);
    if (!slot) return slot.error();
    Vectors vectors;
    for (const auto& batch : batches) {
      const std::vector<std::span<const std::int32_t>> texts(batch.begin(), batch.end());
      int done = 0;
      const auto started = (*slot)->start(
          texts, [](void* count) { ++*static_cast<int*>(count); }, &done);
      if (!started) return started.error();
      REQUIRE(done == 1);
      for (std::size_t i = 0; i < batch.size(); ++i) {
        const auto vector = (*slot)->vector(i);
        vectors.emplace_back(vector.begin(), vector.end());
      }
    }
    return vectors;
  };
  auto result = run();
  gpu.free_stream(stream);
  return result;
}

std::vector<Text> texts_of(const BertConfig& config, const std::vector<std::size_t>& lengths,
                           std::uint64_t seed) {
  Random random(seed);
  std::vector<Text> texts;
  for (const auto length : lengths)
    texts.push_back(kernels::test::random_ids(config, length, random));
  return texts;
}

// The distance to the reference, both being unit vectors.
double error_of(const BertModel& model, const Text& text, const std::vector<float>& vector) {
  const auto expected = kernels::ref::encode(model, text);
  double squares = 0;
  for (std::size_t i = 0; i < vector.size(); ++i)
    squares += std::pow(expected[i] - static_cast<double>(vector[i]), 2);
  return std::sqrt(squares);
}

double error_max(Number number) {
  return number == Number::f16 ? 3e-3 : 2e-6;
}

BertConfig wide_heads() {
  BertConfig config = kernels::test::odd_config();
  config.layers = 1;
  config.width = 192;
  config.heads = 3;
  config.ffn_width = 256;
  config.positions = 80;
  config.tokens_max = 80;
  return config;
}

}  // namespace

TEST_CASE("an encoder on the GPU gives what the reference gives, alone and in batches") {
  for (const auto& config : {kernels::test::odd_config(), wide_heads()}) {
    const auto model = kernels::test::random_bert(config, 1);
    const auto texts = texts_of(config, {1, 37, 3, 20, 30, 2}, 2);
    for (const auto number : {Number::f16, Number::f32}) {
      EmulatedGpu gpu(3);
      const auto vectors = encode(gpu, model, number, {texts, {texts[1]}, {texts[5], texts[4]}});
      if (!vectors) FAIL(vectors.error().to_string());
      double worst = 0;
      for (std::size_t i = 0; i < texts.size(); ++i)
        worst = std::max(worst, error_of(*model, texts[i], (*vectors)[i]));
      INFO("width " << config.width << ", f16: " << (number == Number::f16));
      CHECK(worst < error_max(number));
      // Whoever is beside a text, its vector is bitwise the same.
      CHECK((*vectors)[6] == (*vectors)[1]);
      CHECK((*vectors)[7] == (*vectors)[5]);
      CHECK((*vectors)[8] == (*vectors)[4]);
      CHECK(gpu.held() == 0);
    }
  }
}

TEST_CASE("batches of every size go through the graph that fits them") {
  auto config = kernels::test::odd_config();
  config.layers = 1;
  const auto model = kernels::test::random_bert(config, 4);
  const auto probe = texts_of(config, {7}, 5);
  for (const std::size_t beside : {0U, 1U, 2U, 3U, 15U, 55U}) {
    auto batch = texts_of(config, std::vector<std::size_t>(beside, 37), 6);
    batch.push_back(probe[0]);
    EmulatedGpu gpu(0);
    const auto vectors = encode(gpu, model, Number::f32, {batch});
    if (!vectors) FAIL(vectors.error().to_string());
    CHECK(error_of(*model, probe[0], vectors->back()) < error_max(Number::f32));
  }
}

TEST_CASE("whichever call fails, the error is clear and nothing is kept") {
  auto config = kernels::test::odd_config();
  config.layers = 1;
  const auto model = kernels::test::random_bert(config, 7);
  const std::vector<std::vector<Text>> batches = {texts_of(config, {3}, 8),
                                                  texts_of(config, {2}, 9)};
  EmulatedGpu whole(0);
  REQUIRE(encode(whole, model, Number::f16, batches));
  const std::uint64_t calls = whole.calls();
  CHECK(calls > 60);
  constexpr int out_of_memory = 2;
  constexpr int device_lost = 46;
  for (std::uint64_t call = 1; call <= calls; ++call) {
    for (const int status : {out_of_memory, device_lost}) {
      EmulatedGpu gpu(0);
      gpu.fail_at(call, status, status == device_lost);
      const auto vectors = encode(gpu, model, Number::f16, batches);
      INFO("call " << call);
      REQUIRE_FALSE(vectors);
      CHECK(vectors.error().code ==
            (status == device_lost ? ErrorCode::unreachable : ErrorCode::too_large));
      CHECK(vectors.error().what.find("the GPU failed at ") == 0);
      CHECK(gpu.held() == 0);
    }
  }
}

TEST_CASE("heads that are too wide for the GPU are refused before anything is brought there") {
  auto config = kernels::test::odd_config();
  config.width = 130;
  config.heads = 1;
  EmulatedGpu gpu(0);
  const auto vectors = encode(gpu, kernels::test::random_bert(config, 1), Number::f16, {});
  REQUIRE_FALSE(vectors);
  CHECK(vectors.error().code == ErrorCode::unsupported);
  CHECK(gpu.held() == 0);
}
