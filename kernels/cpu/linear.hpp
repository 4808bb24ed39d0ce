// A linear layer laid out for the CPU: y = x * W^T + b, with W cut into panels of columns through
// which the microkernel streams. In bf16 the weights are rounded once, x tile by tile on its way
// in; the sums, the bias and what comes after are float32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/tensor.hpp"
#include "kernels/bert.hpp"
#include "kernels/cpu/tiles.hpp"

namespace troupe::kernels::cpu {

// Called between two tiles, some 100 us apart; may take as long as it likes and must leave the
// caller's buffers alone.
using YieldHook = std::function<void()>;

// Floats between the starts of two rows, so that a full panel of any instruction set may be stored
// without looking where the row ends.
constexpr std::size_t row_stride(std::size_t width) noexcept {
  return (width + 63) / 64 * 64;
}

// Rows of one tile of a matrix product whose tiles cost about `tiles.tile_flops`.
std::size_t rows_per_tile(const Tiles& tiles, std::size_t depth, std::size_t columns) noexcept;

// The most rows that one tile has, whatever its depth.
inline constexpr std::size_t tile_rows_max = 192;

// What a call may add to the product.
struct Epilogue {
  Activation activation = Activation::none;
  const float* residual = nullptr;  // as many rows as x, added before the activation
  std::size_t residual_stride = 0;
};

// Immutable after it is made, so any thread may use it. Holds its own copy of the weights, padded
// with zeros to whole panels.
class Linear {
 public:
  Linear() = default;

  // The parts stand side by side: one product instead of one for each (query, key, value). All have
  // `in` columns in their weight.
  Linear(const Tiles& tiles, std::size_t in, std::span<const LinearWeights> parts,
         Precision precision = Precision::f32);

  // How many numbers apply() needs for its rounded inputs.
  static std::size_t rounded_size(std::size_t in, Precision precision) noexcept;

  // y [rows, out] from x [rows, in]; the columns of y up to row_stride(out) are overwritten as
  // well. `rounded` has room for rounded_size(in) numbers, none in f32. `yield` runs between tiles.
  void apply(const Tiles& tiles, const float* x, std::size_t x_stride, std::size_t rows,
             const Epilogue& epilogue, float* y, std::size_t y_stride, std::uint16_t* rounded,
             const YieldHook& yield) const;

  [[nodiscard]] std::size_t in() const noexcept { return in_; }
  [[nodiscard]] std::size_t out() const noexcept { return out_; }

 private:
  void pack(std::size_t panel_columns, std::size_t column, std::span<const float> row);
  void round(const Tiles& tiles, const float* x, std::size_t x_stride, std::size_t rows,
             std::uint16_t* rounded) const;

  std::size_t in_ = 0;
  std::size_t out_ = 0;
  std::size_t panels_ = 0;
  Precision precision_ = Precision::f32;
  FloatBuffer weight_;                      // [panels, in, panel_columns], one of the two
  std::vector<std::uint16_t> bf16_weight_;  // [panels, pairs, panel_columns, 2]
  FloatBuffer bias_;                        // [panels, panel_columns]
};

}  // namespace troupe::kernels::cpu
