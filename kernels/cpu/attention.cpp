#include "kernels/cpu/attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/assert.hpp"

namespace troupe::kernels::cpu {
namespace {

std::size_t round_up(std::size_t value, std::size_t step) {
  return (value + step - 1) / step * step;
}

// Query rows that one tile takes. Two products and a softmax: a score costs about as much as
// 4 (head_width + 16) operations of a large product.
std::size_t query_rows(const Tiles& tiles, std::size_t head_width, std::size_t length) {
  return rows_per_tile(tiles, head_width + 16, 2 * length);
}

// The most rows over all lengths times the width they have there.
std::size_t scores_size(const Tiles& tiles, std::size_t head_width, std::size_t length_max) {
  std::size_t most = 0;
  for (std::size_t length = 1; length <= length_max; ++length) {
    const std::size_t rows = std::min(length, query_rows(tiles, head_width, length));
    most = std::max(most, rows * round_up(length, tiles.panel_columns));
  }
  return most;
}

}  // namespace

Attention::Attention(const Tiles& tiles, std::size_t heads, std::size_t head_width,
                     std::size_t length_max)
    : tiles_(tiles),
      heads_(heads),
      head_width_(head_width),
      value_columns_(round_up(head_width, tiles.lanes)),
      keys_(round_up(length_max, tiles.panel_columns) * head_width),
      values_(length_max * value_columns_),
      scores_(scores_size(tiles, head_width, length_max)),
      context_(std::min(length_max, query_rows(tiles, head_width, 1)) * value_columns_) {}

void Attention::run(const float* qkv, std::size_t qkv_stride, std::size_t length, float* context,
                    std::size_t context_stride, const YieldHook& yield) {
  TROUPE_ASSERT(length >= 1 && length * value_columns_ <= values_.size(),
                "a sequence longer than its workspace");
  const std::size_t width = heads_ * head_width_;
  const std::size_t step = query_rows(tiles_, head_width_, length);
  for (std::size_t head = 0; head < heads_; ++head) {
    const float* queries = qkv + head * head_width_;
    pack_keys(queries + width, qkv_stride, length);
    pack_values(queries + 2 * width, qkv_stride, length);
    for (std::size_t first = 0; first < length; first += step) {
      const std::size_t rows = std::min(step, length - first);
      attend(queries + first * qkv_stride, qkv_stride, rows, length);
      for (std::size_t row = 0; row < rows; ++row)
        std::memcpy(context + (first + row) * context_stride + head * head_width_,
                    context_.data() + row * value_columns_, head_width_ * sizeof(float));
      yield();
    }
  }
}

void Attention::pack_keys(const float* keys, std::size_t stride, std::size_t length) {
  const std::size_t columns = tiles_.panel_columns;
  for (std::size_t token = 0; token < length; ++token) {
    float* to = keys_.data() + token / columns * columns * head_width_ + token % columns;
    for (std::size_t i = 0; i < head_width_; ++i) to[i * columns] = keys[token * stride + i];
  }
  // What a longer sequence left in the last panel yields scores that nobody reads.
}

void Attention::pack_values(const float* values, std::size_t stride, std::size_t length) {
  for (std::size_t column = 0; column < head_width_; column += tiles_.panel_columns) {
    const std::size_t columns = std::min(tiles_.panel_columns, value_columns_ - column);
    const std::size_t used = std::min(columns, head_width_ - column);
    float* panel = values_.data() + column * length;
    for (std::size_t token = 0; token < length; ++token) {
      std::memcpy(panel + token * columns, values + token * stride + column, used * sizeof(float));
      std::fill(panel + token * columns + used, panel + (token + 1) * columns, 0.0F);
    }
  }
}

void Attention::attend(const float* queries, std::size_t stride, std::size_t rows,
                       std::size_t length) {
  const std::size_t columns = tiles_.panel_columns;
  const std::size_t scores_stride = round_up(length, columns);
  GemmTile product;
  product.a = queries;
  product.a_stride = stride;
  product.rows = rows;
  product.depth = head_width_;
  product.columns = columns;
  product.result_stride = scores_stride;
  for (std::size_t token = 0; token < length; token += columns) {
    product.panel = keys_.data() + token * head_width_;
    product.result = scores_.data() + token;
    tiles_.gemm(product);
  }
  tiles_.softmax(scores_.data(), scores_stride, rows, length,
                 1.0F / std::sqrt(static_cast<float>(head_width_)));
  product.a = scores_.data();
  product.a_stride = scores_stride;
  product.depth = length;
  product.result_stride = value_columns_;
  for (std::size_t column = 0; column < value_columns_; column += columns) {
    product.panel = values_.data() + column * length;
    product.columns = std::min(columns, value_columns_ - column);
    product.result = context_.data() + column;
    tiles_.gemm(product);
  }
}

}  // namespace troupe::kernels::cpu
