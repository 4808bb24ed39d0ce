#include "tests/kernels/cuda/arrays.hpp"

#include "kernels/cuda/half.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/tiny_bert.hpp"

namespace troupe::cuda::test {

Rows::Rows(Number number, std::size_t rows, std::size_t stride)
    : number_(number),
      rows_(rows),
      stride_(stride),
      halves_(number == Number::f16 ? rows * stride : 0),
      floats_(number == Number::f32 ? rows * stride : 0) {}

Rows Rows::random(Number number, std::size_t rows, std::size_t width, std::size_t stride,
                  double spread, Random& random) {
  Rows result(number, rows, stride);
  for (std::size_t row = 0; row < rows; ++row) {
    const auto values = kernels::test::random_vector(width, random);
    for (std::size_t column = 0; column < width; ++column)
      result.put(row, column, values[column] * static_cast<float>(spread));
  }
  return result;
}

void Rows::put(std::size_t row, std::size_t column, float value) {
  const std::size_t at = row * stride_ + column;
  if (number_ == Number::f16)
    halves_[at] = to_half(value).bits;
  else
    floats_[at] = value;
}

float Rows::get(std::size_t row, std::size_t column) const {
  const std::size_t at = row * stride_ + column;
  return number_ == Number::f16 ? to_float({halves_[at]}) : floats_[at];
}

kernels::ref::Row Rows::row(std::size_t row, std::size_t first, std::size_t width) const {
  kernels::ref::Row result;
  for (std::size_t i = 0; i < width; ++i) result.push_back(get(row, first + i));
  return result;
}

void* Rows::data() {
  return number_ == Number::f16 ? static_cast<void*>(halves_.data()) : floats_.data();
}

float* Rows::floats() {
  return floats_.data();
}

std::vector<float> Rows::all() const {
  std::vector<float> values;
  for (std::size_t row = 0; row < rows_; ++row) {
    for (std::size_t column = 0; column < stride_; ++column) values.push_back(get(row, column));
  }
  return values;
}

double tolerance(Number number) {
  return number == Number::f16 ? 2e-3 : 2e-5;
}

void launched(const std::function<int(Stream)>& launch, std::uint64_t seed) {
  static emulation::ImmediateQueue queue(seed);  // its fibers are worth keeping
  queue.reseed(seed);
  const int status = launch(&queue);
  INFO(queue.fault());
  REQUIRE(status == 0);
}

int launched_in_pieces(const std::function<int(const Stage&, Stream)>& launch,
                       const std::vector<const std::uint32_t*>& words) {
  StageCounters counters{};
  const std::uint32_t never = 0;
  int launches = 0;
  for (; counters.complete == 0; ++launches) {
    Stage stage;
    stage.counters = &counters;
    const auto turn = static_cast<std::size_t>(launches);
    stage.yield = turn < words.size() ? words[turn] : &never;
    launched([&](Stream stream) { return launch(stage, stream); });
    if (launches > 100) FAIL("it is never complete");
  }
  // Once complete there is nothing left to do.
  const auto claimed = counters.claimed;
  Stage stage;
  stage.counters = &counters;
  stage.yield = &never;
  launched([&](Stream stream) { return launch(stage, stream); });
  CHECK(counters.claimed == claimed);
  return launches;
}

std::string name(Number number) {
  return number == Number::f16 ? "half precision" : "single precision";
}

}  // namespace troupe::cuda::test
