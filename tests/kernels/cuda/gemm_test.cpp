// The portable matrix product against float64.
#include "kernels/cuda/portable/gemm.hpp"

#include <cmath>

#include "tests/catch.hpp"
#include "tests/kernels/cuda/arrays.hpp"

using namespace troupe;
using namespace troupe::cuda;
using namespace troupe::cuda::test;

namespace {

// A product and its arrays.
struct Product {
  Rows x, weight, bias, y;
  Gemm gemm{};
  std::uint32_t rows;

  Product(Number number, Number result, std::uint32_t rows_count, std::uint32_t in,
          std::uint32_t out, std::uint64_t seed)
      : x(number, 0, 0), weight(x), bias(x), y(result, rows_count, out), rows(rows_count) {
    Random random(seed);
    x = Rows::random(number, rows, in, in, 1, random);
    weight = Rows::random(number, out, in, in, 1 / std::sqrt(in), random);
    bias = Rows::random(Number::f32, 1, out, out, 0.1, random);
    gemm.number = number;
    gemm.result = result;
    gemm.activation = Activation::none;
    gemm.in = in;
    gemm.out = out;
    gemm.rows_max = rows;
    gemm.rows = &rows;
    gemm.x = x.data();
    gemm.weight = weight.data();
    gemm.bias = bias.floats();
    gemm.y = y.data();
  }
  Product(const Product&) = delete;  // gemm points into it
  Product& operator=(const Product&) = delete;

  [[nodiscard]] double expected(std::size_t row, std::size_t column) const {
    double sum = gemm.bias == nullptr ? 0 : static_cast<double>(bias.get(0, column));
    for (std::size_t i = 0; i < gemm.in; ++i)
      sum += static_cast<double>(x.get(row, i)) * static_cast<double>(weight.get(column, i));
    switch (gemm.activation) {
      case Activation::gelu:
        return kernels::ref::gelu(sum);
      case Activation::relu:
        return std::max(sum, 0.0);
      case Activation::tanh:
        return std::tanh(sum);
      case Activation::none:
        break;
    }
    return sum;
  }
  [[nodiscard]] double error() const {
    double largest = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t column = 0; column < gemm.out; ++column)
        largest = std::max(largest, std::abs(y.get(row, column) - expected(row, column)));
    }
    return largest;
  }
  void run(std::uint64_t seed = 1) {
    launched([&](Stream stream) { return launch_gemm(gemm, stream); }, seed);
  }
};

constexpr std::uint32_t rows_for_large_tiles = 8448;  // with 64 columns

}  // namespace

TEST_CASE("a product is right to what its numbers can hold") {
  struct Size {
    std::uint32_t rows, in, out;
  };
  for (const auto number : {Number::f16, Number::f32}) {
    for (const auto size : {Size{1, 64, 64}, Size{5, 192, 128}, Size{37, 64, 192}}) {
      for (const bool large : {false, true}) {
        Product p(number, Number::f32, size.rows, size.in, size.out, size.rows);
        if (large) p.gemm.rows_max = rows_for_large_tiles;
        p.run();
        INFO(name(number) << ", " << size.rows << " rows, large tiles: " << large);
        CHECK(p.error() < 1e-5);  // what comes in is exact, sums are float32
      }
    }
  }
}

TEST_CASE("a product's result may be halves, activated, without a bias") {
  for (const auto activation :
       {Activation::none, Activation::gelu, Activation::relu, Activation::tanh}) {
    for (const auto number : {Number::f16, Number::f32}) {
      Product p(number, number, 19, 64, 64, 7);
      p.gemm.activation = activation;
      if (activation == Activation::relu) p.gemm.bias = nullptr;
      p.run();
      CHECK(p.error() < tolerance(number));
      CHECK(p.error() > 0);
    }
  }
}

TEST_CASE("a row's product is bitwise the same in every batch and order of threads") {
  for (const auto number : {Number::f16, Number::f32}) {
    Product all(number, Number::f32, 70, 128, 64, 8);
    all.run();
    Product large(number, Number::f32, 70, 128, 64, 8);
    large.gemm.rows_max = rows_for_large_tiles;
    large.run(3);
    CHECK(large.y.all() == all.y.all());
    Product one(number, Number::f32, 70, 128, 64, 8);
    one.rows = 3;
    one.run(4);
    for (std::size_t column = 0; column < 64; ++column) {
      CHECK(one.y.get(2, column) == all.y.get(2, column));
      CHECK(one.y.get(3, column) == 0);  // beyond the rows nothing is written
    }
  }
}

TEST_CASE("a product that is interrupted between tiles comes out bitwise the same") {
  for (const auto number : {Number::f16, Number::f32}) {
    Product whole(number, Number::f32, 70, 64, 128, 9);
    whole.run();
    Product pieces(number, Number::f32, 70, 64, 128, 9);
    const auto word = [&](std::size_t row, std::size_t column) {
      return reinterpret_cast<const std::uint32_t*>(pieces.y.floats() + row * 128 + column);
    };
    const int launches = launched_in_pieces(
        [&](const Stage& stage, Stream stream) {
          pieces.gemm.stage = stage;
          return launch_gemm(pieces.gemm, stream);
        },
        {word(0, 0), word(16, 64), word(69, 127)});
    CHECK(launches == 3);  // the last word is in the last tile
    CHECK(pieces.y.all() == whole.y.all());
  }
}

TEST_CASE("a stage waits for the one before it") {
  Product p(Number::f32, Number::f32, 5, 64, 64, 10);
  StageCounters before{};
  StageCounters mine{};
  const std::uint32_t never = 0;
  p.gemm.stage.counters = &mine;
  p.gemm.stage.before = &before;
  p.gemm.stage.yield = &never;
  p.run();
  CHECK(mine.claimed == 0);
  CHECK(mine.complete == 0);
  before.complete = 1;
  p.run();
  CHECK(mine.complete == 1);
  CHECK(p.error() < 1e-5);
}
