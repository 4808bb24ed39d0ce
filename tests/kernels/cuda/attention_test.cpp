// Packed attention against float64, sequence by sequence.
#include "kernels/cuda/portable/attention.hpp"

#include <cmath>

#include "tests/catch.hpp"
#include "tests/kernels/cuda/arrays.hpp"

using namespace troupe;
using namespace troupe::cuda;
using namespace troupe::cuda::test;

namespace {

struct Sequences {
  std::vector<std::uint32_t> lengths;
  Number number;
  std::uint32_t heads, head_width, stride;
  Rows qkv, context;
  std::vector<QueryBlock> blocks;
  Extent extent{};

  Sequences(Number number_, std::vector<std::uint32_t> lengths_, std::uint32_t heads_,
            std::uint32_t head_width_, std::uint64_t seed)
      : lengths(std::move(lengths_)),
        number(number_),
        heads(heads_),
        head_width(head_width_),
        stride((heads * head_width + 63) / 64 * 64),
        qkv(number, 0, 0),
        context(number, 0, 0) {
    for (const auto length : lengths) {
      for (std::uint32_t query = 0; query < length; query += queries_per_block)
        blocks.push_back({extent.tokens, length, query, 0});
      extent.tokens += length;
    }
    extent.query_blocks = static_cast<std::uint32_t>(blocks.size());
    Random random(seed);
    qkv = Rows::random(number, extent.tokens, 3 * stride, 3 * stride, 1.5, random);
    context = Rows(number, extent.tokens, stride);
  }
  Attention arguments() {
    Attention a{};
    a.number = number;
    a.heads = heads;
    a.head_width = head_width;
    a.stride = stride;
    a.query_blocks_max = extent.query_blocks + 3;
    a.scale = static_cast<float>(1 / std::sqrt(head_width));
    a.extent = &extent;
    a.blocks = blocks.data();
    a.qkv = qkv.data();
    a.context = context.data();
    return a;
  }
  [[nodiscard]] double error() const {
    double largest = 0;
    std::size_t first = 0;
    for (const auto length : lengths) {
      kernels::ref::Rows parts[3];
      for (std::size_t part = 0; part < 3; ++part) {
        for (std::size_t i = 0; i < length; ++i)
          parts[part].push_back(qkv.row(first + i, part * stride, heads * head_width));
      }
      const auto expected = kernels::ref::attention(parts[0], parts[1], parts[2], head_width);
      for (std::size_t i = 0; i < length; ++i) {
        for (std::size_t column = 0; column < heads * head_width; ++column)
          largest =
              std::max(largest, std::abs(expected[i][column] - context.get(first + i, column)));
      }
      first += length;
    }
    return largest;
  }
};

}  // namespace

TEST_CASE("attention is right for sequences and heads of every size") {
  struct Heads {
    std::uint32_t count, width;
  };
  for (const auto number : {Number::f16, Number::f32}) {
    for (const auto heads :
         {Heads{2, 32}, Heads{3, 20}, Heads{1, 64}, Heads{1, 100}, Heads{5, 1}}) {
      Sequences s(number, {1, 37, 3, 70, 64}, heads.count, heads.width, heads.width);
      launched([&](Stream stream) { return launch_attention(s.arguments(), stream); });
      INFO(name(number) << ", heads of " << heads.width);
      CHECK(s.error() < tolerance(number));
    }
  }
}

TEST_CASE("attention over scores that differ widely stays finite") {
  for (const auto number : {Number::f16, Number::f32}) {
    Sequences s(number, {40}, 1, 32, 2);
    for (std::size_t i = 0; i < 40; ++i) {
      for (std::size_t column = 0; column < 32; ++column)
        s.qkv.put(i, column, i % 2 == 0 ? 60.0F : -60.0F);  // scores of thousands
    }
    launched([&](Stream stream) { return launch_attention(s.arguments(), stream); });
    CHECK(s.error() < 5 * tolerance(number));
  }
}

TEST_CASE("a sequence's attention is bitwise the same whoever is beside it, and when interrupted") {
  for (const auto number : {Number::f16, Number::f32}) {
    Sequences alone(number, {33}, 2, 32, 3);
    launched([&](Stream stream) { return launch_attention(alone.arguments(), stream); }, 5);
    Sequences together(number, {33, 90}, 2, 32, 3);
    launched([&](Stream stream) { return launch_attention(together.arguments(), stream); }, 6);
    for (std::size_t i = 0; i < 33; ++i)
      CHECK(alone.context.row(i, 0, 64) == together.context.row(i, 0, 64));

    Sequences pieces(number, {33, 90}, 2, 32, 3);
    auto* const context = static_cast<std::byte*>(pieces.context.data());
    const auto row_bytes = 64 * (number == Number::f16 ? 2U : 4U);
    const auto word = [&](std::size_t row) {
      return reinterpret_cast<const std::uint32_t*>(context + row * row_bytes);
    };
    const int launches = launched_in_pieces(
        [&](const Stage& stage, Stream stream) {
          Attention a = pieces.arguments();
          a.stage = stage;
          return launch_attention(a, stream);
        },
        {word(0), word(33)});
    CHECK(launches == 3);
    CHECK(pieces.context.all() == together.context.all());
  }
}
