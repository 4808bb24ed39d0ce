// The matrix product of the inner loops, in float32 and in bfloat16. Part of
// kernels/cpu/tiles_body.hpp and included by nothing else.
//
// Source: the microkernel follows Goto and van de Geijn, "Anatomy of high-performance matrix
// multiplication", ACM TOMS 2008: a block of the result stays in registers while one packed panel
// streams by.
#pragma once

#include "kernels/cpu/tiles_vector.hpp"

namespace troupe::kernels::cpu {
namespace {

// A part of what lies behind the panel: the next call's panel. Few rows are multiplied faster than
// the memory gives them weights, and it gives them in the meantime only if it is asked.
struct Ahead {
  const char* from = nullptr;
  std::size_t steps = 0;  // each as long as the panel is for one step of the depth
};

// One pass over the panel; the accumulators stay in registers, so these must be inlined.
template <std::size_t Rows, std::size_t Vectors, bool Prefetch>
[[gnu::always_inline]] inline void accumulate_steps(const float* a, std::size_t a_stride,
                                                    const float* b, std::size_t begin,
                                                    std::size_t end, const char* ahead,
                                                    Vector (&sums)[Rows][Vectors]) {
  constexpr std::size_t step_bytes = Vectors * lanes * sizeof(float);
  for (std::size_t k = begin; k < end; ++k) {
    if constexpr (Prefetch) prefetch<step_bytes>(ahead + k * step_bytes);
    Vector column[Vectors];
#pragma GCC unroll 8
    for (std::size_t j = 0; j < Vectors; ++j) column[j] = load(b + (k * Vectors + j) * lanes);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < Rows; ++i) {
      const Vector factor = all(a[i * a_stride + k]);
#pragma GCC unroll 8
      for (std::size_t j = 0; j < Vectors; ++j) sums[i][j] = fused(factor, column[j], sums[i][j]);
    }
  }
}

template <std::size_t Rows, std::size_t Vectors>
[[gnu::always_inline]] inline void accumulate(const GemmTile& tile, std::size_t first_row,
                                              const Ahead& ahead, Vector (&sums)[Rows][Vectors]) {
  const float* a = tile.a + first_row * tile.a_stride;
  accumulate_steps<Rows, Vectors, true>(a, tile.a_stride, tile.panel, 0, ahead.steps, ahead.from,
                                        sums);
  accumulate_steps<Rows, Vectors, false>(a, tile.a_stride, tile.panel, ahead.steps, tile.depth,
                                         nullptr, sums);
}

inline std::uint32_t load_pair(const std::uint16_t* from) {
  std::uint32_t pair;
  __builtin_memcpy(&pair, from, sizeof pair);
  return pair;
}

// A pair's first number is the lower half of its word. Where the machine has no product of pairs,
// the second numbers are multiplied first and then the first ones, each widened to float32: the
// order of VDPBF16PS, which differs only in taking the smallest numbers for zero.
template <std::size_t Rows, std::size_t Vectors>
[[gnu::always_inline]] inline void accumulate(const GemmBf16Tile& tile, std::size_t first_row,
                                              const Ahead& ahead, Vector (&sums)[Rows][Vectors]) {
  const std::uint16_t* a = tile.a + first_row * tile.a_stride;
  const std::uint16_t* b = tile.panel;
  for (std::size_t k = 0; k < tile.pairs; ++k) {
    if (k < ahead.steps)
      prefetch<Vectors * lanes * sizeof(float)>(ahead.from + k * Vectors * lanes * sizeof(float));
    Words column[Vectors];
#pragma GCC unroll 8
    for (std::size_t j = 0; j < Vectors; ++j)
      __builtin_memcpy(&column[j], b + 2 * j * lanes, sizeof column[j]);
    b += 2 * Vectors * lanes;
#if defined(__AVX512BF16__)
#pragma GCC unroll 8
    for (std::size_t i = 0; i < Rows; ++i) {
      const auto pair = static_cast<int>(load_pair(a + i * tile.a_stride + 2 * k));
      const auto factor = reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
#pragma GCC unroll 8
      for (std::size_t j = 0; j < Vectors; ++j)
        sums[i][j] = _mm512_dpbf16_ps(sums[i][j], factor, reinterpret_cast<__m512bh>(column[j]));
    }
#else
    constexpr std::uint32_t upper = 0xffff0000U;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < Rows; ++i) {
      const std::uint32_t pair = load_pair(a + i * tile.a_stride + 2 * k);
      const Vector factor = all(__builtin_bit_cast(float, pair& upper));
#pragma GCC unroll 8
      for (std::size_t j = 0; j < Vectors; ++j)
        sums[i][j] = fused(factor, reinterpret_cast<Vector>(column[j] & upper), sums[i][j]);
    }
#pragma GCC unroll 8
    for (std::size_t i = 0; i < Rows; ++i) {
      const std::uint32_t pair = load_pair(a + i * tile.a_stride + 2 * k);
      const Vector factor = all(__builtin_bit_cast(float, pair << 16));
#pragma GCC unroll 8
      for (std::size_t j = 0; j < Vectors; ++j)
        sums[i][j] = fused(factor, reinterpret_cast<Vector>(column[j] << 16), sums[i][j]);
    }
#endif
  }
}

// One block of the result: Rows x Vectors accumulators.
template <std::size_t Rows, std::size_t Vectors, class Tile>
void gemm_block(const Tile& tile, std::size_t first_row, const Ahead& ahead) {
  Vector sums[Rows][Vectors];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < Rows; ++i) {
#pragma GCC unroll 8
    for (std::size_t j = 0; j < Vectors; ++j)
      sums[i][j] = tile.bias != nullptr ? load(tile.bias + j * lanes) : Vector{};
  }
  accumulate(tile, first_row, ahead, sums);
  float* result = tile.result + first_row * tile.result_stride;
#pragma GCC unroll 8
  for (std::size_t i = 0; i < Rows; ++i) {
#pragma GCC unroll 8
    for (std::size_t j = 0; j < Vectors; ++j) {
      if (tile.residual != nullptr)
        sums[i][j] += load(tile.residual + (first_row + i) * tile.residual_stride + j * lanes);
      store(result + i * tile.result_stride + j * lanes, sums[i][j]);
    }
  }
  // Not unrolled: the block is still in the first cache, and activations are long.
  if (tile.activation != Activation::none) {
    for (std::size_t i = 0; i < Rows; ++i) {
      float* row = result + i * tile.result_stride;
#pragma GCC unroll 1
      for (std::size_t j = 0; j < Vectors * lanes; j += lanes)
        store(row + j, activated(tile.activation, load(row + j)));
    }
  }
}

inline std::size_t steps_of(const GemmTile& tile) {
  return tile.depth;
}
inline std::size_t steps_of(const GemmBf16Tile& tile) {
  return tile.pairs;
}

template <std::size_t Vectors, class Tile>
void gemm_rows(const Tile& tile) {
  if (tile.rows == 0) return;
  // Each pass asks for its part of the next panel.
  constexpr std::size_t step_bytes = Vectors * lanes * sizeof(float);
  const std::size_t steps = steps_of(tile);
  const std::size_t passes = (tile.rows + row_step - 1) / row_step;
  const std::size_t share = (steps + passes - 1) / passes;
  const char* next = reinterpret_cast<const char*>(tile.panel) + steps * step_bytes;
  std::size_t asked = 0;
  const auto ahead = [&] {
    const Ahead part{next + asked * step_bytes, share < steps - asked ? share : steps - asked};
    asked += part.steps;
    return part;
  };
  std::size_t row = 0;
  for (; row + row_step <= tile.rows; row += row_step)
    gemm_block<row_step, Vectors>(tile, row, ahead());
  switch (tile.rows - row) {
    case 5:
      return gemm_block<5, Vectors>(tile, row, ahead());
    case 4:
      return gemm_block<4, Vectors>(tile, row, ahead());
    case 3:
      return gemm_block<3, Vectors>(tile, row, ahead());
    case 2:
      return gemm_block<2, Vectors>(tile, row, ahead());
    case 1:
      return gemm_block<1, Vectors>(tile, row, ahead());
    default:
      return;
  }
}

template <class Tile>
void gemm_tile(const Tile& tile) {
  const std::size_t vectors = tile.columns / lanes;
  if (vectors == panel_vectors) return gemm_rows<panel_vectors>(tile);
  if constexpr (panel_vectors > 2) {
    if (vectors == 3) return gemm_rows<3>(tile);
    if (vectors == 2) return gemm_rows<2>(tile);
  }
  gemm_rows<1>(tile);
}

void round_numbers(const float* from, std::uint16_t* to, std::size_t count) {
  const auto rounded = [](Vector x) {
    const auto bits = reinterpret_cast<Words>(x);
    const Words nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return __builtin_convertvector(x == x ? nearest : Words{} + 0x7fc0, Halves);
  };
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const Halves halves = rounded(load(from + i));
    __builtin_memcpy(to + i, &halves, sizeof halves);
  }
  if (i == count) return;
  Vector last{};
  for (std::size_t j = i; j < count; ++j) last[j - i] = from[j];
  const Halves halves = rounded(last);
  for (std::size_t j = i; j < count; ++j) to[j] = halves[j - i];
}

}  // namespace
}  // namespace troupe::kernels::cpu
