// The kernels that go through the tokens row by row, against float64.
#include <cmath>
#include <numeric>

#include "kernels/cuda/portable/bias_activation.hpp"
#include "kernels/cuda/portable/embed.hpp"
#include "kernels/cuda/portable/pool.hpp"
#include "kernels/cuda/portable/residual_norm.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/cuda/arrays.hpp"

using namespace troupe;
using namespace troupe::cuda;
using namespace troupe::cuda::test;

namespace {

constexpr float epsilon = 1e-12F;

struct Width {
  std::uint32_t width, stride;
};
constexpr Width widths[] = {{60, 64}, {64, 64}, {1, 64}, {384, 384}, {130, 192}};
constexpr Number numbers[] = {Number::f16, Number::f32};

kernels::ref::Row normalized(const Rows& gain, const Rows& bias, const kernels::ref::Row& x) {
  std::vector<float> gains(gain.all());
  std::vector<float> biases(bias.all());
  gains.resize(x.size());
  biases.resize(x.size());
  return kernels::ref::normalized({gains, biases}, x, epsilon);
}

double difference(const Rows& rows, std::size_t row, const kernels::ref::Row& expected) {
  double largest = 0;
  for (std::size_t i = 0; i < rows.stride(); ++i) {
    const double wanted = i < expected.size() ? expected[i] : 0.0;
    largest = std::max(largest, std::abs(rows.get(row, i) - wanted));
  }
  return largest;
}

}  // namespace

TEST_CASE("tokens are embedded and normalised") {
  for (const auto number : numbers) {
    for (const auto [width, stride] : widths) {
      Random random(width);
      constexpr std::uint32_t tokens = 11;
      auto words = Rows::random(number, 50, width, stride, 0.05, random);
      auto positions = Rows::random(number, 9, width, stride, 0.05, random);
      auto type = Rows::random(number, 1, width, stride, 0.05, random);
      auto gain = Rows::random(Number::f32, 1, width, stride, 1, random);
      auto bias = Rows::random(Number::f32, 1, width, stride, 1, random);
      std::vector<std::int32_t> ids(tokens);
      std::vector<std::int32_t> places(tokens);
      for (auto& id : ids) id = static_cast<std::int32_t>(random.below(50));
      for (auto& place : places) place = static_cast<std::int32_t>(random.below(9));
      const auto run = [&](Rows& hidden, Rows& rounded, const Stage& stage, Stream stream) {
        const Extent extent{tokens, 1, 1, 0};
        Embed e{};
        e.number = number;
        e.width = width;
        e.stride = stride;
        e.tokens_max = tokens + 30;
        e.epsilon = epsilon;
        e.extent = &extent;
        e.ids = ids.data();
        e.positions = places.data();
        e.words = words.data();
        e.position_rows = positions.data();
        e.type_row = type.data();
        e.gain = gain.floats();
        e.bias = bias.floats();
        e.hidden = hidden.floats();
        e.rounded = number == Number::f16 ? rounded.data() : nullptr;
        e.stage = stage;
        return launch_embed(e, stream);
      };
      Rows hidden(Number::f32, tokens, stride);
      Rows rounded(number, tokens, stride);
      launched([&](Stream stream) { return run(hidden, rounded, {}, stream); });
      for (std::size_t i = 0; i < tokens; ++i) {
        kernels::ref::Row sum(width);
        for (std::size_t c = 0; c < width; ++c)
          sum[c] = static_cast<double>(words.get(static_cast<std::size_t>(ids[i]), c)) +
                   static_cast<double>(positions.get(static_cast<std::size_t>(places[i]), c)) +
                   static_cast<double>(type.get(0, c));
        const auto expected = normalized(gain, bias, sum);
        INFO(name(number) << ", width " << width);
        CHECK(difference(hidden, i, expected) < 2e-5);
        if (number == Number::f16) CHECK(difference(rounded, i, expected) < 4e-3);
      }
      Rows pieces(Number::f32, tokens, stride);
      Rows rounded_pieces(number, tokens, stride);
      const auto* const second = reinterpret_cast<std::uint32_t*>(pieces.floats() + 4 * stride);
      const int launches = launched_in_pieces(
          [&](const Stage& stage, Stream stream) {
            return run(pieces, rounded_pieces, stage, stream);
          },
          {second});
      CHECK(launches == 2);
      CHECK(pieces.all() == hidden.all());
      CHECK(rounded_pieces.all() == rounded.all());
    }
  }
}

TEST_CASE("a layer's output is added to its input and normalised") {
  for (const auto number : numbers) {
    for (const auto [width, stride] : widths) {
      Random random(width + 1);
      constexpr std::uint32_t tokens = 6;
      auto x = Rows::random(Number::f32, tokens, width, stride, 1, random);
      auto layer_bias = Rows::random(Number::f32, 1, width, stride, 1, random);
      auto gain = Rows::random(Number::f32, 1, width, stride, 1, random);
      auto bias = Rows::random(Number::f32, 1, width, stride, 1, random);
      auto hidden = Rows::random(Number::f32, tokens, width, stride, 1, random);
      const Rows before = hidden;
      Rows rounded(number, tokens, stride);
      const Extent extent{tokens, 1, 1, 0};
      ResidualNorm r{};
      r.number = number;
      r.width = width;
      r.stride = stride;
      r.tokens_max = tokens;
      r.epsilon = epsilon;
      r.extent = &extent;
      r.x = x.floats();
      r.layer_bias = layer_bias.floats();
      r.gain = gain.floats();
      r.bias = bias.floats();
      r.hidden = hidden.floats();
      r.rounded = number == Number::f16 ? rounded.data() : nullptr;
      launched([&](Stream stream) { return launch_residual_norm(r, stream); });
      for (std::size_t i = 0; i < tokens; ++i) {
        kernels::ref::Row sum(width);
        for (std::size_t c = 0; c < width; ++c)
          sum[c] = static_cast<double>(before.get(i, c)) + static_cast<double>(x.get(i, c)) +
                   static_cast<double>(layer_bias.get(0, c));
        const auto expected = normalized(gain, bias, sum);
        CHECK(difference(hidden, i, expected) < 2e-5);
        if (number == Number::f16) CHECK(difference(rounded, i, expected) < 4e-3);
      }
    }
  }
}

TEST_CASE("a bias is added and the exact GELU taken") {
  for (const auto number : numbers) {
    Random random(3);
    constexpr std::uint32_t tokens = 5;
    auto y = Rows::random(number, tokens + 1, 320, 320, 3, random);
    auto bias = Rows::random(Number::f32, 1, 320, 320, 1, random);
    const Rows before = y;
    const Extent extent{tokens, 1, 1, 0};
    BiasActivation b{};
    b.number = number;
    b.activation = Activation::gelu;
    b.stride = 320;
    b.tokens_max = tokens + 1;
    b.extent = &extent;
    b.bias = bias.floats();
    b.y = y.data();
    launched([&](Stream stream) { return launch_bias_activation(b, stream); });
    for (std::size_t i = 0; i < tokens; ++i) {
      kernels::ref::Row expected(320);
      for (std::size_t c = 0; c < 320; ++c)
        expected[c] = kernels::ref::gelu(static_cast<double>(before.get(i, c)) +
                                         static_cast<double>(bias.get(0, c)));
      CHECK(difference(y, i, expected) < 5 * tolerance(number));
    }
    CHECK(y.row(tokens, 0, 320) == before.row(tokens, 0, 320));  // beyond the tokens
  }
}

TEST_CASE("sequences are pooled to unit vectors, or to their first rows") {
  for (const auto [width, stride] : widths) {
    Random random(width + 2);
    const std::vector<std::uint32_t> starts = {0, 1, 8, 9, 40};
    auto hidden = Rows::random(Number::f32, 40, width, stride, 1, random);
    const Extent extent{40, 4, 4, 0};
    Rows vectors(Number::f32, 4, stride);
    Pool p{};
    p.width = width;
    p.stride = stride;
    p.sequences_max = 9;
    p.extent = &extent;
    p.starts = starts.data();
    p.hidden = hidden.floats();
    p.vectors = vectors.floats();
    launched([&](Stream stream) { return launch_pool(p, stream); });
    for (std::size_t s = 0; s < 4; ++s) {
      kernels::ref::Row sum(width);
      for (std::size_t i = starts[s]; i < starts[s + 1]; ++i) {
        for (std::size_t c = 0; c < width; ++c) sum[c] += static_cast<double>(hidden.get(i, c));
      }
      const double length = std::sqrt(std::inner_product(sum.begin(), sum.end(), sum.begin(), 0.0));
      for (double& value : sum) value /= length;
      CHECK(difference(vectors, s, sum) < 1e-5);
    }
    for (const auto number : numbers) {
      Rows rows(number, 4, stride);
      GatherFirst g{};
      g.number = number;
      g.stride = stride;
      g.sequences_max = 9;
      g.extent = &extent;
      g.starts = starts.data();
      g.hidden = hidden.floats();
      g.rows = rows.data();
      launched([&](Stream stream) { return launch_gather_first(g, stream); });
      for (std::size_t s = 0; s < 4; ++s)
        CHECK(difference(rows, s, hidden.row(starts[s], 0, width)) < 4e-3);
    }
  }
}
