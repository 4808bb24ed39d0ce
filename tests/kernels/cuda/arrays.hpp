// Arrays as kernels see them, of exactly the size they need, so that the address sanitizer sees any
// step beyond; and the few numbers that most kernels' tests share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "kernels/cuda/emulation/queue.hpp"
#include "kernels/cuda/portable/stage.hpp"
#include "kernels/ref/layers.hpp"

namespace troupe::cuda::test {

// Rows of halves or floats. What is put is rounded; what is read is what kernels read.
class Rows {
 public:
  Rows(Number number, std::size_t rows, std::size_t stride);

  // The first `width` columns from a bell curve, the others zero.
  static Rows random(Number number, std::size_t rows, std::size_t width, std::size_t stride,
                     double spread, Random& random);

  void put(std::size_t row, std::size_t column, float value);
  [[nodiscard]] float get(std::size_t row, std::size_t column) const;
  [[nodiscard]] kernels::ref::Row row(std::size_t row, std::size_t first, std::size_t width) const;
  [[nodiscard]] void* data();
  [[nodiscard]] float* floats();  // of Number::f32
  [[nodiscard]] std::size_t stride() const { return stride_; }
  [[nodiscard]] std::size_t count() const { return rows_; }
  // Everything as floats, to compare bit by bit.
  [[nodiscard]] std::vector<float> all() const;

 private:
  Number number_;
  std::size_t rows_;
  std::size_t stride_;
  std::vector<std::uint16_t> halves_;
  std::vector<float> floats_;
};

// Both numbers' errors: of results that were rounded to them.
double tolerance(Number number);

// Launches and expects no fault, in an order of the threads that the seed gives.
void launched(const std::function<int(Stream)>& launch, std::uint64_t seed = 1);

// Runs a resumable launch that is interrupted wherever one of `words` becomes something else than
// zero, one after the other, until it is complete. Returns how often it was launched.
int launched_in_pieces(const std::function<int(const Stage&, Stream)>& launch,
                       const std::vector<const std::uint32_t*>& words);

std::string name(Number number);

}  // namespace troupe::cuda::test
