// Seeded randomness for logic and simulation: the same seed gives the same sequence on every
// machine and compiler, which the standard library's distributions do not promise.
// Not for keys or anything that must not be guessed.
//
// Source: SplitMix64, Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
// OOPSLA 2014.
#pragma once

#include <cmath>
#include <cstdint>

namespace troupe {

class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  // Uniform in [0, bound); bound > 0. The modulo's bias is below 2^-32 for the bounds in use here.
  std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }

  // Uniform in [low, high], both included; not the full range of 64 bits.
  std::int64_t between(std::int64_t low, std::int64_t high) noexcept {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }

  // Uniform in [0, 1).
  double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  bool chance(double probability) noexcept { return unit() < probability; }

  // Exponential with the given mean: gaps of a Poisson process. The one that leans on libm, whose
  // last bit may differ between machines.
  double exponential(double mean) noexcept { return -mean * std::log1p(-unit()); }

 private:
  std::uint64_t state_;
};

}  // namespace troupe
