// Vectors of the width that the compiler's flags allow, and the functions of one number that the
// inner loops need. Part of kernels/cpu/tiles_body.hpp and included by nothing else.
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
using Words [[gnu::vector_size(vector_bytes)]] = std::uint32_t;
using Halves [[gnu::vector_size(vector_bytes / 2)]] = std::uint16_t;

inline Vector load(const float* from) {
  Vector v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

inline float widen(float value) {
  return value;
}

inline float widen(std::uint16_t bf16) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(bf16) << 16);
}

// bfloat16, widened exactly.
inline Vector load(const std::uint16_t* from) {
  Halves halves;
  __builtin_memcpy(&halves, from, sizeof halves);
  return reinterpret_cast<Vector>(__builtin_convertvector(halves, Words) << 16);
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

// Asks for memory that will be read soon; it need not be there.
template <std::size_t Bytes>
[[gnu::always_inline]] inline void prefetch(const char* from) {
#pragma GCC unroll 8
  for (std::size_t line = 0; line < Bytes; line += 64) __builtin_prefetch(from + line, 0, 2);
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

// (1 - e^-2t) / (1 + e^-2t) with the sign of x; near zero, where that difference has few digits
// left, the Taylor series, whose remainder below 1/4 is 1e-8 of the result.
inline Vector hyperbolic_tangent(Vector x) {
  const Vector size = magnitude(x);
  const Vector power = exponential(size * -2.0F);
  const Vector far = (1.0F - power) / (1.0F + power);
  const Vector square = x * x;
  Vector series = all(62.0F / 2835);
  series = fused(series, square, all(-17.0F / 315));
  series = fused(series, square, all(2.0F / 15));
  series = fused(series, square, all(-1.0F / 3));
  const Vector near = fused(series * square, x, x);
  const Vector result = size < 0.25F ? near : x < 0.0F ? -far : far;
  return x == x ? result : x;
}

inline Vector activated(Activation activation, Vector x) {
  switch (activation) {
    case Activation::relu:
      return x < 0.0F ? Vector{} : x;  // NaN stays, so that nobody takes it for a result
    case Activation::gelu:
      return gelu(x);
    case Activation::tanh:
      return hyperbolic_tangent(x);
    case Activation::none:
      break;
  }
  return x;
}

}  // namespace
}  // namespace troupe::kernels::cpu
