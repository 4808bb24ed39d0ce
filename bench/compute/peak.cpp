#include "bench/compute/peak.hpp"

#include <cstdint>
#include <cstring>
#include <string_view>

#include "bench/compute/timing.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace troupe::bench::compute {
namespace {

constexpr std::size_t rounds = 20'000;
// Independent chains, enough to hide the latency of two units that take four or five cycles, and
// few enough for sixteen registers.
constexpr std::size_t chains = 12;

// What the compiler may not look through: where its factors come from and its sums go to.
volatile float factor_source = 0.999F;
volatile float sum_sink;
volatile std::uint64_t read_sink;

using Narrow [[gnu::vector_size(16)]] = float;

void multiply_add_generic() {
  const Narrow factor = factor_source - Narrow{};
  Narrow sums[chains] = {};
  for (std::size_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) sum = sum * factor + factor;
  }
  Narrow all{};
  for (const auto& sum : sums) all += sum;
  sum_sink = all[0];
}

std::uint64_t read_generic(const std::byte* bytes, std::size_t size) {
  using Words [[gnu::vector_size(16)]] = std::uint64_t;
  constexpr std::size_t lines = 8;
  Words sums[lines] = {};
  for (std::size_t at = 0; at + lines * sizeof(Words) <= size; at += lines * sizeof(Words)) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < lines; ++i) {
      Words words;
      std::memcpy(&words, bytes + at + i * sizeof words, sizeof words);
      sums[i] ^= words;
    }
  }
  Words all{};
  for (const auto& sum : sums) all ^= sum;
  return all[0] ^ all[1];
}

#if defined(__x86_64__)

[[gnu::target("avx2,fma")]] void multiply_add_avx2() {
  const __m256 factor = _mm256_set1_ps(factor_source);
  __m256 sums[chains];
  for (auto& sum : sums) sum = factor;
  for (std::size_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) sum = _mm256_fmadd_ps(sum, factor, factor);
  }
  __m256 all = factor;
  for (const auto& sum : sums) all = _mm256_add_ps(all, sum);
  sum_sink = all[0];
}

[[gnu::target("avx512f")]] void multiply_add_avx512() {
  const __m512 factor = _mm512_set1_ps(factor_source);
  __m512 sums[chains];
  for (auto& sum : sums) sum = factor;
  for (std::size_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) sum = _mm512_fmadd_ps(sum, factor, factor);
  }
  __m512 all = factor;
  for (const auto& sum : sums) all = _mm512_add_ps(all, sum);
  sum_sink = all[0];
}

[[gnu::target("avx512f,avx512bf16")]] void multiply_add_bf16() {
  const __m512 start = _mm512_set1_ps(factor_source);
  const auto factor = reinterpret_cast<__m512bh>(start);
  __m512 sums[chains];
  for (auto& sum : sums) sum = start;
  for (std::size_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) sum = _mm512_dpbf16_ps(sum, factor, factor);
  }
  __m512 all = start;
  for (const auto& sum : sums) all = _mm512_add_ps(all, sum);
  sum_sink = all[0];
}

[[gnu::target("avx2")]] std::uint64_t read_avx2(const std::byte* bytes, std::size_t size) {
  constexpr std::size_t lines = 8;
  __m256i sums[lines];
  for (auto& sum : sums) sum = _mm256_setzero_si256();
  const auto* from = reinterpret_cast<const __m256i*>(bytes);
  for (std::size_t at = 0; at + lines <= size / sizeof(__m256i); at += lines) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < lines; ++i)
      sums[i] = _mm256_xor_si256(sums[i], _mm256_loadu_si256(from + at + i));
  }
  __m256i all = _mm256_setzero_si256();
  for (const auto& sum : sums) all = _mm256_xor_si256(all, sum);
  return static_cast<std::uint64_t>(all[0] ^ all[1] ^ all[2] ^ all[3]);
}

#endif

// Two operations a lane and chain.
double operations_per_second(void (*loop)(), double lanes, Duration at_least) {
  return 2 * lanes * static_cast<double>(chains * rounds) / seconds_per_call(at_least, loop);
}

}  // namespace

double fma_peak(const kernels::cpu::Tiles& tiles, Duration at_least) {
  const auto lanes = static_cast<double>(tiles.lanes);
#if defined(__x86_64__)
  if (tiles.lanes == 16) return operations_per_second(multiply_add_avx512, lanes, at_least);
  if (tiles.lanes == 8) return operations_per_second(multiply_add_avx2, lanes, at_least);
#endif
  return operations_per_second(multiply_add_generic, lanes, at_least);
}

double bf16_peak(const kernels::cpu::Tiles& tiles, Duration at_least) {
#if defined(__x86_64__)
  if (std::string_view(tiles.name) == "avx512bf16")
    return operations_per_second(multiply_add_bf16, 2 * static_cast<double>(tiles.lanes), at_least);
#else
  (void)tiles, (void)at_least;
#endif
  return 0;
}

double read_bandwidth(std::span<const std::byte> bytes, Duration at_least) {
  auto* read = read_generic;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2")) read = read_avx2;
#endif
  const double seconds =
      seconds_per_call(at_least, [&] { read_sink = read(bytes.data(), bytes.size()); });
  return static_cast<double>(bytes.size()) / seconds;
}

}  // namespace troupe::bench::compute
