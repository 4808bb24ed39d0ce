// The matrix products on every instruction set: rounded to bfloat16 they are what the definition
// says, and a row's result is its own.
#include "kernels/cpu/linear.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/bf16.hpp"
#include "kernels/cpu/select.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/tiny_bert.hpp"

using namespace troupe;
using namespace troupe::kernels;
using test::random_vector;

namespace {

const cpu::YieldHook no_yield = [] {};

struct Layer {
  std::size_t in, out;
  std::vector<float> weight, bias;

  Layer(std::size_t in_width, std::size_t out_width, Random& random)
      : in(in_width),
        out(out_width),
        weight(random_vector(in * out, random)),
        bias(random_vector(out, random)) {}

  [[nodiscard]] cpu::Linear pack(const cpu::Tiles& tiles, Precision precision) const {
    const LinearWeights part{weight, bias};
    return cpu::Linear(tiles, in, {&part, 1}, precision);
  }
};

// y [rows, out], dense; the workspace is full of noise, as a used one is.
std::vector<float> apply(const cpu::Tiles& tiles, const cpu::Linear& linear,
                         const std::vector<float>& x, std::size_t rows, Precision precision) {
  const std::size_t stride = cpu::row_stride(linear.out());
  FloatBuffer y(rows * stride);
  std::vector<std::uint16_t> rounded(cpu::Linear::rounded_size(linear.in(), precision), 0x7fc0);
  linear.apply(tiles, x.data(), linear.in(), rows, {}, y.data(), stride, rounded.data(), no_yield);
  std::vector<float> dense;
  for (std::size_t row = 0; row < rows; ++row)
    dense.insert(dense.end(), y.data() + row * stride, y.data() + row * stride + linear.out());
  return dense;
}

}  // namespace

TEST_CASE("a bf16 product is that of the rounded numbers, added in float32") {
  Random random(1);
  for (const std::size_t in : {1U, 2U, 7U, 64U, 385U}) {
    for (const std::size_t out : {1U, 16U, 65U, 130U}) {
      const Layer layer(in, out, random);
      for (const std::size_t rows : {1U, 5U, 6U, 200U}) {
        const auto x = random_vector(rows * in, random);
        for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
          INFO(tiles->name << ": " << rows << " x " << in << " x " << out);
          const auto y =
              apply(*tiles, layer.pack(*tiles, Precision::bf16), x, rows, Precision::bf16);
          double worst = 0;
          for (std::size_t row = 0; row < rows; ++row) {
            for (std::size_t o = 0; o < out; ++o) {
              double exact = static_cast<double>(layer.bias[o]);
              double sizes = std::abs(exact);
              for (std::size_t k = 0; k < in; ++k) {
                const double part =
                    static_cast<double>(from_bf16(to_bf16(x[row * in + k]))) *
                    static_cast<double>(from_bf16(to_bf16(layer.weight[o * in + k])));
                exact += part;
                sizes += std::abs(part);
              }
              const auto got = static_cast<double>(y[row * out + o]);
              worst = std::max(worst, std::abs(got - exact) / sizes);
            }
          }
          // One rounding of float32 for each addition at most.
          CHECK(worst <= static_cast<double>(in + 1) * 0x1p-24);
        }
      }
    }
  }
}

TEST_CASE("a row's product is bitwise the same in any company") {
  Random random(2);
  const Layer layer(77, 100, random);
  constexpr std::size_t rows = 211;
  const auto x = random_vector(rows * layer.in, random);
  for (const auto precision : {Precision::f32, Precision::bf16}) {
    for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
      const auto linear = layer.pack(*tiles, precision);
      const auto together = apply(*tiles, linear, x, rows, precision);
      for (std::size_t row = 0; row < rows; ++row) {
        const auto from = x.begin() + static_cast<std::ptrdiff_t>(row * layer.in);
        const auto alone = apply(*tiles, linear, {from, from + 77}, 1, precision);
        const auto there = together.begin() + static_cast<std::ptrdiff_t>(row * layer.out);
        INFO(tiles->name << ", row " << row);
        CHECK(alone == std::vector<float>(there, there + 100));
      }
    }
  }
}

TEST_CASE("every path rounds to bfloat16 as the definition does") {
  const float infinite = std::numeric_limits<float>::infinity();
  std::vector<float> values = {0.0F,      -0.0F,     1.0F,      -1.0F, infinite,
                               -infinite, 0x1p-149F, 0x1p-126F, 3e38F, -3e38F};
  values.push_back(std::numeric_limits<float>::max());
  for (const std::uint32_t upper : {0x3f80U, 0x3f81U, 0xc049U, 0x0001U, 0x7f7fU}) {
    for (const std::uint32_t lower : {0x0001U, 0x7fffU, 0x8000U, 0x8001U, 0xffffU})
      values.push_back(std::bit_cast<float>(upper << 16 | lower));
  }
  for (const cpu::Tiles* tiles : cpu::supported_tiles()) {
    for (std::size_t first = 0; first < values.size(); ++first) {
      const std::size_t count = values.size() - first;
      std::vector<std::uint16_t> rounded(count + 1, 0xabcd);
      tiles->round_to_bf16(values.data() + first, rounded.data(), count);
      for (std::size_t i = 0; i < count; ++i) CHECK(rounded[i] == to_bf16(values[first + i]));
      CHECK(rounded[count] == 0xabcd);
    }
    for (const std::uint32_t bits : {0x7f800001U, 0x7fffffffU, 0xffffffffU, 0xff800001U}) {
      const std::vector<float> nans(40, std::bit_cast<float>(bits));
      std::vector<std::uint16_t> rounded(nans.size());
      tiles->round_to_bf16(nans.data(), rounded.data(), nans.size());
      for (const std::uint16_t bf16 : rounded) CHECK(std::isnan(from_bf16(bf16)));
    }
  }
}
