// bfloat16 on the host: the upper half of a float32, 8 significant bits.
//
// Rounding is to nearest, ties to even: a finite number moves by at most 2^-8 of its size (the
// smallest and the largest ones apart), NaN stays NaN, and what bfloat16 holds already comes
// through unchanged.
#pragma once

#include <bit>
#include <cstdint>

namespace troupe::kernels {

constexpr float from_bf16(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

constexpr std::uint16_t to_bf16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U)  // rounding could turn a NaN into an infinity
    return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

}  // namespace troupe::kernels
