#include "kernels/cpu/linear.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace troupe::kernels::cpu {

std::size_t rows_per_tile(const Tiles& tiles, std::size_t depth, std::size_t columns) noexcept {
  // More rows than this would push the panel out of the second-level cache.
  constexpr std::size_t rows_max = 192;
  const std::size_t rows = tiles.tile_flops / (2 * std::max<std::size_t>(depth * columns, 1));
  return std::clamp(rows / tiles.row_step * tiles.row_step, tiles.row_step, rows_max);
}

Linear::Linear(const Tiles& tiles, std::size_t in, std::span<const LinearWeights> parts) : in_(in) {
  for (const auto& part : parts) out_ += part.bias.size();
  const std::size_t columns = tiles.panel_columns;
  panels_ = (out_ + columns - 1) / columns;
  weight_ = FloatBuffer(panels_ * in_ * columns);
  bias_ = FloatBuffer(panels_ * columns);
  std::size_t column = 0;
  for (const auto& part : parts) {
    TROUPE_ASSERT(part.weight.size() == part.bias.size() * in_, "a linear layer of another shape");
    for (std::size_t row = 0; row < part.bias.size(); ++row, ++column) {
      const float* from = part.weight.data() + row * in_;
      float* to = weight_.data() + column / columns * in_ * columns + column % columns;
      for (std::size_t k = 0; k < in_; ++k) to[k * columns] = from[k];
      bias_.data()[column] = part.bias[row];
    }
  }
}

void Linear::apply(const Tiles& tiles, const float* x, std::size_t x_stride, std::size_t rows,
                   const Epilogue& epilogue, float* y, std::size_t y_stride,
                   const YieldHook& yield) const {
  const std::size_t columns = tiles.panel_columns;
  const std::size_t step = rows_per_tile(tiles, in_, columns);
  for (std::size_t row = 0; row < rows; row += step) {
    for (std::size_t panel = 0; panel < panels_; ++panel) {
      GemmTile tile;
      tile.a = x + row * x_stride;
      tile.a_stride = x_stride;
      tile.rows = std::min(step, rows - row);
      tile.depth = in_;
      tile.panel = weight_.data() + panel * in_ * columns;
      tile.columns = columns;
      tile.bias = bias_.data() + panel * columns;
      if (epilogue.residual != nullptr) {
        tile.residual = epilogue.residual + row * epilogue.residual_stride + panel * columns;
        tile.residual_stride = epilogue.residual_stride;
      }
      tile.activation = epilogue.activation;
      tile.result = y + row * y_stride + panel * columns;
      tile.result_stride = y_stride;
      tiles.gemm(tile);
      yield();
    }
  }
}

}  // namespace troupe::kernels::cpu
