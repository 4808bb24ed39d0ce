// The inner loops themselves, included by one tiles_*.cpp for each instruction set; the compiler's
// flags decide which vector they are made of. Everything here is in an unnamed namespace, so that
// nothing compiled for one instruction set can stand in for the same thing of another (see
// kernels/cpu/tiles.hpp). The files are compiled without contraction: a fused multiply-add happens
// where `fused` says so and nowhere else, which keeps rows independent of how loops were unrolled.
//
// Source: the microkernel follows Goto and van de Geijn, "Anatomy of high-performance matrix
// multiplication", ACM TOMS 2008: a block of the result stays in registers while one packed panel
// streams by.
#pragma once

#include "kernels/cpu/tiles.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace troupe::kernels::cpu {
namespace {

#if defined(__AVX512F__)
constexpr std::size_t vector_bytes = 64;
constexpr std::size_t panel_vectors = 4;  // 6 x 4 accumulators of 32 registers
#elif defined(__AVX2__)
constexpr std::size_t vector_bytes = 32;
constexpr std::size_t panel_vectors = 2;  // 6 x 2 of 16
#elif defined(__aarch64__)
constexpr std::size_t vector_bytes = 16;
constexpr std::size_t panel_vectors = 4;  // 6 x 4 of 32
#else
constexpr std::size_t vector_bytes = 16;
constexpr std::size_t panel_vectors = 2;  // 6 x 2 of 16
#endif
constexpr std::size_t lanes = vector_bytes / sizeof(float);
constexpr std::size_t row_step = 6;

using Vector [[gnu::vector_size(vector_bytes)]] = float;
using Integers [[gnu::vector_size(vector_bytes)]] = std::int32_t;

inline Vector load(const float* from) {
  Vector v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

inline void store(float* to, Vector v) {
  __builtin_memcpy(to, &v, sizeof v);
}

// Taking zero away changes no number, which the compiler knows; adding it would turn -0 into 0, and
// cost an instruction.
inline Vector all(float value) {
  return value - Vector{};
}

inline Vector larger(Vector a, Vector b) {
  return a > b ? a : b;
}

inline Vector smaller(Vector a, Vector b) {
  return a < b ? a : b;
}

inline Vector magnitude(Vector x) {
  return reinterpret_cast<Vector>(reinterpret_cast<Integers>(x) & 0x7fffffff);
}

// a * b + c, rounded once where the machine can.
inline Vector fused(Vector a, Vector b, Vector c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__AVX2__)
  return _mm256_fmadd_ps(a, b, c);
#elif defined(__aarch64__)
  return vfmaq_f32(c, a, b);
#else
  return a * b + c;
#endif
}

inline float sum_of(Vector v) {
  float sum = 0;
  for (std::size_t i = 0; i < lanes; ++i) sum += v[i];
  return sum;
}

inline float largest_of(Vector v) {
  float largest = v[0];
  for (std::size_t i = 1; i < lanes; ++i) largest = v[i] > largest ? v[i] : largest;
  return largest;
}

// e^x for x <= 0 to within 2 units in the last place, zero below -87; NaN gives some number.
// x = n ln 2 + r with |r| <= ln 2 / 2, e^r by its Taylor series (remainder 5e-9), 2^n by building
// the exponent's bits.
inline Vector exponential(Vector x) {
  const Vector clamped = larger(x, all(-87.0F));
  // Adding 1.5 * 2^23 leaves the rounded integer in the low bits.
  const Vector shifted = fused(clamped, all(1.44269504F), all(12582912.0F));
  const Vector n = shifted - 12582912.0F;
  Vector r = fused(n, all(-0.693145752F), clamped);  // ln 2 in two parts, the first exact in n
  r = fused(n, all(-1.42860677e-06F), r);
  Vector power = all(1.0F / 5040);
  power = fused(power, r, all(1.0F / 720));
  power = fused(power, r, all(1.0F / 120));
  power = fused(power, r, all(1.0F / 24));
  power = fused(power, r, all(1.0F / 6));
  power = fused(power, r, all(0.5F));
  power = fused(power, r, all(1.0F));
  power = fused(power, r, all(1.0F));
  const Integers exponent = (reinterpret_cast<Integers>(shifted) - 0x4b400000 + 127) << 23;
  const Vector result = power * reinterpret_cast<Vector>(exponent);
  return x < -87.0F ? Vector{} : result;
}

// GELU with the error function: x Phi(x) = max(x, 0) - |x| Phi(-|x|). The tail's logarithm is
// smooth, so one polynomial serves: log Phi(-t) on [0, 6], fitted by weighted least squares for the
// least maximum error; the result is within 1.1e-7 |x| of the true one. From 6 on the tail is
// below 1e-9 and stays there.
inline Vector gelu(Vector x) {
  const Vector size = magnitude(x);
  const Vector t = smaller(size, all(6.0F));
  Vector log_tail = all(-1.969824481e-08F);
  log_tail = fused(log_tail, t, all(5.798772236e-07F));
  log_tail = fused(log_tail, t, all(-7.348317922e-06F));
  log_tail = fused(log_tail, t, all(5.100433555e-05F));
  log_tail = fused(log_tail, t, all(-1.852804853e-04F));
  log_tail = fused(log_tail, t, all(-2.105070598e-05F));
  log_tail = fused(log_tail, t, all(4.844458308e-03F));
  log_tail = fused(log_tail, t, all(-3.637125343e-02F));
  log_tail = fused(log_tail, t, all(-3.182999492e-01F));
  log_tail = fused(log_tail, t, all(-7.978855968e-01F));
  log_tail = fused(log_tail, t, all(-6.931471825e-01F));
  return fused(-size, exponential(log_tail), larger(x, Vector{}));
}

// One block of the result: Rows x Vectors accumulators, one pass over the panel.
template <std::size_t Rows, std::size_t Vectors>
void gemm_block(const GemmTile& tile, std::size_t first_row) {
  const float* a = tile.a + first_row * tile.a_stride;
  const float* b = tile.panel;
  Vector sums[Rows][Vectors];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < Rows; ++i) {
#pragma GCC unroll 8
    for (std::size_t j = 0; j < Vectors; ++j)
      sums[i][j] = tile.bias != nullptr ? load(tile.bias + j * lanes) : Vector{};
  }
  for (std::size_t k = 0; k < tile.depth; ++k) {
    Vector column[Vectors];
#pragma GCC unroll 8
    for (std::size_t j = 0; j < Vectors; ++j) column[j] = load(b + j * lanes);
    b += Vectors * lanes;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < Rows; ++i) {
      const Vector factor = all(a[i * tile.a_stride + k]);
#pragma GCC unroll 8
      for (std::size_t j = 0; j < Vectors; ++j) sums[i][j] = fused(factor, column[j], sums[i][j]);
    }
  }
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
  // Not unrolled: the block is still in the first cache, and GELU is long.
  if (tile.activation == Activation::gelu) {
    for (std::size_t i = 0; i < Rows; ++i) {
      float* row = result + i * tile.result_stride;
#pragma GCC unroll 1
      for (std::size_t j = 0; j < Vectors * lanes; j += lanes) store(row + j, gelu(load(row + j)));
    }
  }
}

template <std::size_t Vectors>
void gemm_rows(const GemmTile& tile) {
  std::size_t row = 0;
  for (; row + row_step <= tile.rows; row += row_step) gemm_block<row_step, Vectors>(tile, row);
  switch (tile.rows - row) {
    case 5:
      return gemm_block<5, Vectors>(tile, row);
    case 4:
      return gemm_block<4, Vectors>(tile, row);
    case 3:
      return gemm_block<3, Vectors>(tile, row);
    case 2:
      return gemm_block<2, Vectors>(tile, row);
    case 1:
      return gemm_block<1, Vectors>(tile, row);
    default:
      return;
  }
}

void gemm_tile(const GemmTile& tile) {
  const std::size_t vectors = tile.columns / lanes;
  if (vectors == panel_vectors) return gemm_rows<panel_vectors>(tile);
  if constexpr (panel_vectors > 2) {
    if (vectors == 3) return gemm_rows<3>(tile);
    if (vectors == 2) return gemm_rows<2>(tile);
  }
  gemm_rows<1>(tile);
}

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

void dot_rows(const float* rows, std::size_t count, std::size_t width, const float* query,
              float* scores) {
  constexpr std::size_t step = 4 * lanes;  // four chains hide the additions' latency
  for (std::size_t i = 0; i < count; ++i) {
    const float* row = rows + i * width;
    Vector sums[4] = {};
    std::size_t j = 0;
    for (; j + step <= width; j += step) {
#pragma GCC unroll 4
      for (std::size_t s = 0; s < 4; ++s)
        sums[s] = fused(load(row + j + s * lanes), load(query + j + s * lanes), sums[s]);
    }
    for (; j + lanes <= width; j += lanes) sums[0] = fused(load(row + j), load(query + j), sums[0]);
    float score = sum_of((sums[0] + sums[1]) + (sums[2] + sums[3]));
    for (; j < width; ++j) score += row[j] * query[j];
    scores[i] = score;
  }
}

constexpr Tiles tiles_here(const char* name, const char* description, std::size_t tile_flops) {
  return {name,       description, lanes,        panel_vectors * lanes, row_step,
          tile_flops, gemm_tile,   softmax_rows, normalize_rows,        dot_rows};
}

}  // namespace
}  // namespace troupe::kernels::cpu
