// IEEE binary16 on the host, rounded to nearest with ties to even, as a GPU does it.
#pragma once

#include <bit>
#include <cstdint>

namespace troupe::cuda {

struct Half {
  std::uint16_t bits;
};

constexpr float to_float(Half value) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000U) << 16;
  const std::uint32_t rest = static_cast<std::uint32_t>(value.bits & 0x7fffU) << 13;
  // Shifted into place the exponent is too small by 112; this mends subnormal numbers as well.
  if ((value.bits & 0x7c00U) == 0x7c00U) return std::bit_cast<float>(sign | 0x7f800000U | rest);
  return std::bit_cast<float>(sign |
                              std::bit_cast<std::uint32_t>(std::bit_cast<float>(rest) * 0x1p112F));
}

constexpr Half to_half(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000U);
  const std::uint32_t size = bits & 0x7fffffffU;
  constexpr std::uint32_t infinity = 0x7c00;
  if (size > 0x7f800000U) return {static_cast<std::uint16_t>(sign | 0x7e00U)};
  if (size >= 0x477ff000U)  // 65520: from there on the nearest is infinity
    return {static_cast<std::uint16_t>(sign | infinity)};
  if (size < 0x38800000U) {  // below 2^-14 a half counts in steps of 2^-24, as does this sum
    const float sum = std::bit_cast<float>(size) + 0.5F;
    return {static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(sum) - 0x3f000000U))};
  }
  const std::uint32_t rounded = size - 0x38000000U + 0xfffU + (size >> 13 & 1U);
  return {static_cast<std::uint16_t>(sign | rounded >> 13)};
}

}  // namespace troupe::cuda
