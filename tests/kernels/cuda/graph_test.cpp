// Graphs: what was captured is what is launched, however often; how much there is to do stands in
// device memory; memory that has moved is found out.
#include <array>
#include <cstring>

#include "kernels/cuda/buffer.hpp"
#include "kernels/cuda/emulation/emulated_gpu.hpp"
#include "kernels/cuda/encoder.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/tiny_bert.hpp"

using namespace troupe;
using namespace troupe::cuda;
using emulation::EmulatedGpu;

namespace {

constexpr std::uint32_t stride = 64;
constexpr std::uint32_t tokens_max = 16;

// hidden = LN(hidden + x + bias), captured for as many tokens as the buffers hold.
struct World {
  EmulatedGpu gpu{1};
  Stream stream = nullptr;
  Buffer extent, x, vectors, hidden;
  Graph graph = nullptr;
  ResidualNorm arguments{};

  World() {
    REQUIRE(gpu.make_stream(false, &stream) == 0);
    for (Buffer* buffer : {&extent, &x, &vectors, &hidden})
      REQUIRE(buffer->allocate(gpu, Buffer::Kind::device, tokens_max * stride * sizeof(float), ""));
    std::fill_n(x.at<float>(0), tokens_max * stride, 2.0F);
    std::fill_n(vectors.at<float>(0), 3 * stride, 1.0F);
    for (std::uint32_t i = 0; i < tokens_max * stride; ++i)
      hidden.at<float>(0)[i] = static_cast<float>(i % 7);
    arguments.number = Number::f32;
    arguments.width = stride;
    arguments.stride = stride;
    arguments.tokens_max = tokens_max;
    arguments.epsilon = 1e-5F;
    arguments.extent = extent.at<Extent>(0);
    arguments.x = x.at<float>(0);
    arguments.layer_bias = vectors.at<float>(0);
    arguments.gain = vectors.at<float>(0) + stride;
    arguments.bias = vectors.at<float>(0) + 2 * stride;
    arguments.hidden = hidden.at<float>(0);
    REQUIRE(gpu.begin_capture(stream) == 0);
    REQUIRE(gpu.residual_norm(arguments, stream) == 0);
    REQUIRE(gpu.end_capture(stream, &graph) == 0);
  }
  ~World() {
    gpu.free_graph(graph);
    gpu.free_stream(stream);
  }

  // Which rows a launch for that many tokens changes.
  std::uint32_t rows_changed(std::uint32_t tokens) {
    extent.at<Extent>(0)->tokens = tokens;
    std::array<float, std::size_t{tokens_max} * stride> before{};
    std::memcpy(before.data(), hidden.data(), sizeof before);
    REQUIRE(gpu.launch_graph(graph, stream) == 0);
    std::uint32_t changed = 0;
    for (std::uint32_t row = 0; row < tokens_max; ++row) {
      if (std::memcmp(before.data() + row * stride, hidden.at<float>(0) + row * stride,
                      stride * sizeof(float)) != 0)
        changed = row + 1;
    }
    return changed;
  }
};

}  // namespace

TEST_CASE("what is captured is not run, and is launched as often as one likes") {
  World world;
  CHECK(world.hidden.at<float>(0)[5] == 5.0F);
  // The count is read from device memory at each launch; blocks past the end leave.
  for (const std::uint32_t tokens : {1U, 5U, tokens_max, 0U, 3U})
    CHECK(world.rows_changed(tokens) == tokens);
}

TEST_CASE("arguments that change after the capture change nothing; what they point to does") {
  World world;
  world.arguments.tokens_max = 1;
  world.arguments.hidden = nullptr;
  world.arguments.epsilon = 100;
  CHECK(world.rows_changed(tokens_max) == tokens_max);
  const float before = world.hidden.at<float>(0)[3];
  std::fill_n(world.vectors.at<float>(0) + 2 * stride, stride, 50.0F);  // the norm's bias
  CHECK(world.rows_changed(2) == 2);
  CHECK(world.hidden.at<float>(0)[3] > before + 40);
}

TEST_CASE("a graph whose memory has moved is found out, also where other memory took its place") {
  for (int which = 0; which < 4; ++which) {
    World world;
    CHECK(world.rows_changed(1) == 1);
    Buffer* const buffers[] = {&world.extent, &world.x, &world.vectors, &world.hidden};
    REQUIRE(buffers[which]->allocate(world.gpu, Buffer::Kind::device,
                                     tokens_max * stride * sizeof(float), ""));
    const int status = world.gpu.launch_graph(world.graph, world.stream);
    CHECK(status != 0);
    CHECK(std::string(world.gpu.error_text(status)) == "a graph uses memory that was given back");
  }
}

TEST_CASE("an encoder takes and captures everything when it opens, and nothing for a batch") {
  auto config = kernels::test::odd_config();
  config.layers = 1;
  EmulatedGpu gpu(0);
  Stream stream = nullptr;
  REQUIRE(gpu.make_stream(false, &stream) == 0);
  {
    const auto encoder =
        Encoder::open(gpu, stream, kernels::test::random_bert(config, 1), Number::f16);
    REQUIRE(encoder);
    const auto slot = EncoderSlot::open(gpu, stream, *encoder);
    REQUIRE(slot);
    const auto held = gpu.held();
    for (const std::size_t texts : {1U, 3U, 20U, 70U}) {
      Random random(texts);
      std::vector<std::vector<std::int32_t>> batch;
      for (std::size_t i = 0; i < texts; ++i)
        batch.push_back(kernels::test::random_ids(config, 1 + random.below(29), random));
      const auto calls = gpu.calls();
      int done = 0;
      const std::vector<std::span<const std::int32_t>> spans(batch.begin(), batch.end());
      REQUIRE((*slot)->start(
          spans, [](void* count) { ++*static_cast<int*>(count); }, &done));
      CHECK(done == 1);
      // Bring over, launch, bring back, ask to be called.
      CHECK(gpu.calls() == calls + 4);
      CHECK(gpu.held() == held);
    }
  }
  gpu.free_stream(stream);
  CHECK(gpu.held() == 0);
}
