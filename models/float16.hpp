// IEEE half-precision floats as checkpoints store them, widened exactly to float32. bfloat16 stands
// in kernels/bf16.hpp.
#pragma once

#include <bit>
#include <cstdint>

namespace troupe::models {

// IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits.
constexpr float from_f16(std::uint16_t bits) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t exponent = bits >> 10 & 0x1fU;
  const std::uint32_t fraction = bits & 0x3ffU;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000U | fraction << 13);
  if (exponent == 0) {
    // Zero or subnormal: a whole number of 2^-24, which float32 holds exactly.
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign == 0 ? magnitude : -magnitude;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

}  // namespace troupe::models
