// CRC-32C, the checksum of memory files: finds every change of up to 32 neighbouring bits, and
// nearly every other. Not for anything that somebody may change on purpose.
//
// Source: the polynomial is Castagnoli's (RFC 3720, appendix B.4); eight bytes at a time by table
// after Kounavis and Berry, "A systematic approach to building high performance software-based CRC
// generators", ISCC 2005.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace troupe::kernels {

// `before` is the checksum of what stands in front, so that pieces can be summed one by one.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0) noexcept;

}  // namespace troupe::kernels
