// The inner loops over whole rows: softmax, layer normalisation, and the products of queries and
// memories. Part of kernels/cpu/tiles_body.hpp and included by nothing else.
#pragma once

#include "kernels/cpu/tiles_vector.hpp"

namespace troupe::kernels::cpu {
namespace {

void softmax_rows(float* scores, std::size_t stride, std::size_t rows, std::size_t columns,
                  float scale) {
  const std::size_t whole = columns / lanes * lanes;
  for (std::size_t i = 0; i < rows; ++i) {
    float* row = scores + i * stride;
    // The last, partial vector is filled up with the smallest number, whose exponential is zero.
    Vector last = all(-3.0e38F);
    for (std::size_t j = whole; j < columns; ++j) last[j - whole] = row[j];
    Vector largest = last;
    for (std::size_t j = 0; j < whole; j += lanes) largest = larger(load(row + j), largest);
    const Vector most = all(largest_of(largest));
    last = exponential((last - most) * scale);
    Vector sums = last;
    for (std::size_t j = 0; j < whole; j += lanes) {
      const Vector power = exponential((load(row + j) - most) * scale);
      store(row + j, power);
      sums += power;
    }
    const Vector share = all(1.0F / sum_of(sums));
    for (std::size_t j = 0; j < whole; j += lanes) store(row + j, load(row + j) * share);
    last *= share;
    for (std::size_t j = whole; j < columns; ++j) row[j] = last[j - whole];
  }
}

void normalize_rows(float* x, std::size_t stride, std::size_t rows, std::size_t width,
                    const float* gain, const float* bias, float epsilon) {
  const std::size_t whole = width / lanes * lanes;
  const float per_width = 1.0F / static_cast<float>(width);
  for (std::size_t i = 0; i < rows; ++i) {
    float* row = x + i * stride;
    Vector sums{};
    for (std::size_t j = 0; j < whole; j += lanes) sums += load(row + j);
    float sum = sum_of(sums);
    for (std::size_t j = whole; j < width; ++j) sum += row[j];
    const float mean = sum * per_width;

    Vector squares{};
    for (std::size_t j = 0; j < whole; j += lanes) {
      const Vector away = load(row + j) - mean;
      squares = fused(away, away, squares);
    }
    float square = sum_of(squares);
    for (std::size_t j = whole; j < width; ++j) square += (row[j] - mean) * (row[j] - mean);

    const float scale = 1.0F / __builtin_sqrtf(square * per_width + epsilon);
    for (std::size_t j = 0; j < whole; j += lanes)
      store(row + j, fused((load(row + j) - mean) * scale, load(gain + j), load(bias + j)));
    for (std::size_t j = whole; j < width; ++j)
      row[j] = (row[j] - mean) * scale * gain[j] + bias[j];
  }
}

// Queries that share the loads of a row: four accumulators each, as many as the registers hold.
constexpr std::size_t dot_queries = panel_vectors;
// Rows that stay in the first cache while all queries go over them.
constexpr std::size_t dot_cached_bytes = 16 * 1024;

// How far ahead of the row in work its successors are asked for, where rows are of two bytes a
// number: widening them keeps the processor from looking ahead by itself as far as it does for
// float32, whose scan only gets slower by being asked for (bench/README.md).
constexpr std::size_t dot_ahead_bytes = 4096;

template <std::size_t Queries, class Row>
void dot_row(const Row* row, std::size_t width, const float* queries, float* scores,
             std::size_t scores_stride, bool is_first) {
  constexpr std::size_t chains = 4;  // hide the additions' latency
  Vector sums[Queries][chains] = {};
  std::size_t j = 0;
  for (; j + chains * lanes <= width; j += chains * lanes) {
    if (sizeof(Row) < sizeof(float) && is_first)
      prefetch<chains * lanes * sizeof(Row)>(reinterpret_cast<const char*>(row + j) +
                                             dot_ahead_bytes);
#pragma GCC unroll 4
    for (std::size_t s = 0; s < chains; ++s) {
      const Vector part = load(row + j + s * lanes);
#pragma GCC unroll 4
      for (std::size_t q = 0; q < Queries; ++q)
        sums[q][s] = fused(part, load(queries + q * width + j + s * lanes), sums[q][s]);
    }
  }
  for (; j + lanes <= width; j += lanes) {
    const Vector part = load(row + j);
#pragma GCC unroll 4
    for (std::size_t q = 0; q < Queries; ++q)
      sums[q][0] = fused(part, load(queries + q * width + j), sums[q][0]);
  }
#pragma GCC unroll 4
  for (std::size_t q = 0; q < Queries; ++q) {
    float score = sum_of((sums[q][0] + sums[q][1]) + (sums[q][2] + sums[q][3]));
    for (std::size_t i = j; i < width; ++i) score += widen(row[i]) * queries[q * width + i];
    scores[q * scores_stride] = score;
  }
}

template <class Row>
void dot_rows(const DotTile& tile, const Row* rows) {
  const std::size_t width = tile.width;
  const std::size_t fit = dot_cached_bytes / (width * sizeof(Row));
  const std::size_t step = fit > 0 ? fit : 1;
  for (std::size_t first = 0; first < tile.rows; first += step) {
    const std::size_t end = first + step < tile.rows ? first + step : tile.rows;
    std::size_t q = 0;
    for (; q + dot_queries <= tile.query_count; q += dot_queries) {
      for (std::size_t i = first; i < end; ++i)
        dot_row<dot_queries>(rows + i * width, width, tile.queries + q * width,
                             tile.scores + q * tile.rows + i, tile.rows, q == 0);
    }
    for (; q < tile.query_count; ++q) {
      for (std::size_t i = first; i < end; ++i)
        dot_row<1>(rows + i * width, width, tile.queries + q * width,
                   tile.scores + q * tile.rows + i, tile.rows, q == 0);
    }
  }
}

}  // namespace
}  // namespace troupe::kernels::cpu
