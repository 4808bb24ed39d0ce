#include "kernels/cpu/linear.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "kernels/bf16.hpp"

namespace troupe::kernels::cpu {
namespace {

std::size_t pairs_of(std::size_t depth) {
  return (depth + 1) / 2;
}

}  // namespace

std::size_t rows_per_tile(const Tiles& tiles, std::size_t depth, std::size_t columns) noexcept {
  // More rows than tile_rows_max would push the panel out of the second-level cache.
  const std::size_t rows = tiles.tile_flops / (2 * std::max<std::size_t>(depth * columns, 1));
  return std::clamp(rows / tiles.row_step * tiles.row_step, tiles.row_step, tile_rows_max);
}

Linear::Linear(const Tiles& tiles, std::size_t in, std::span<const LinearWeights> parts,
               Precision precision)
    : in_(in), precision_(precision) {
  for (const auto& part : parts) out_ += part.bias.size();
  const std::size_t columns = tiles.panel_columns;
  panels_ = (out_ + columns - 1) / columns;
  if (precision == Precision::f32)
    weight_ = FloatBuffer(panels_ * in_ * columns);
  else
    bf16_weight_.resize(panels_ * pairs_of(in_) * columns * 2);
  bias_ = FloatBuffer(panels_ * columns);
  std::size_t column = 0;
  for (const auto& part : parts) {
    TROUPE_ASSERT(part.weight.size() == part.bias.size() * in_, "a linear layer of another shape");
    for (std::size_t row = 0; row < part.bias.size(); ++row, ++column) {
      pack(columns, column, part.weight.subspan(row * in_, in_));
      bias_.data()[column] = part.bias[row];
    }
  }
}

std::size_t Linear::rounded_size(std::size_t in, Precision precision) noexcept {
  return precision == Precision::f32 ? 0 : tile_rows_max * 2 * pairs_of(in);
}

void Linear::pack(std::size_t panel_columns, std::size_t column, std::span<const float> row) {
  const std::size_t panel = column / panel_columns;
  const std::size_t place = column % panel_columns;
  if (precision_ == Precision::f32) {
    float* to = weight_.data() + panel * in_ * panel_columns + place;
    for (std::size_t k = 0; k < in_; ++k) to[k * panel_columns] = row[k];
  } else {
    auto* to = bf16_weight_.data() + 2 * (panel * pairs_of(in_) * panel_columns + place);
    for (std::size_t k = 0; k < in_; ++k) to[2 * (k / 2 * panel_columns) + k % 2] = to_bf16(row[k]);
  }
}

void Linear::round(const Tiles& tiles, const float* x, std::size_t x_stride, std::size_t rows,
                   std::uint16_t* rounded) const {
  const std::size_t stride = 2 * pairs_of(in_);
  for (std::size_t row = 0; row < rows; ++row) {
    std::uint16_t* to = rounded + row * stride;
    tiles.round_to_bf16(x + row * x_stride, to, in_);
    if (stride > in_) to[in_] = 0;
  }
}

void Linear::apply(const Tiles& tiles, const float* x, std::size_t x_stride, std::size_t rows,
                   const Epilogue& epilogue, float* y, std::size_t y_stride, std::uint16_t* rounded,
                   const YieldHook& yield) const {
  const std::size_t columns = tiles.panel_columns;
  const std::size_t step = rows_per_tile(tiles, in_, columns);
  for (std::size_t row = 0; row < rows; row += step) {
    GemmResult result;
    result.rows = std::min(step, rows - row);
    result.columns = columns;
    result.residual_stride = epilogue.residual_stride;
    result.activation = epilogue.activation;
    result.result_stride = y_stride;
    if (precision_ == Precision::bf16)
      round(tiles, x + row * x_stride, x_stride, result.rows, rounded);
    for (std::size_t panel = 0; panel < panels_; ++panel) {
      result.bias = bias_.data() + panel * columns;
      if (epilogue.residual != nullptr)
        result.residual = epilogue.residual + row * epilogue.residual_stride + panel * columns;
      result.result = y + row * y_stride + panel * columns;
      if (precision_ == Precision::f32) {
        tiles.gemm(
            {result, x + row * x_stride, x_stride, in_, weight_.data() + panel * in_ * columns});
      } else {
        const std::size_t pairs = pairs_of(in_);
        tiles.gemm_bf16(
            {result, rounded, 2 * pairs, pairs, bf16_weight_.data() + panel * pairs * columns * 2});
      }
      yield();
    }
  }
}

}  // namespace troupe::kernels::cpu
