#include "kernels/checksum.hpp"

#include <array>

namespace troupe::kernels {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78U;  // its bits reversed
constexpr std::size_t step = 8;

// table[n][b]: what byte b does to the checksum when n more bytes follow it.
constexpr auto make_table() {
  std::array<std::array<std::uint32_t, 256>, step> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t sum = byte;
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ ((sum & 1U) != 0 ? polynomial : 0);
    table[0][byte] = sum;
  }
  for (std::size_t n = 1; n < step; ++n) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = table[n - 1][byte];
      table[n][byte] = before >> 8 ^ table[0][before & 0xffU];
    }
  }
  return table;
}

constexpr auto table = make_table();

std::uint32_t value(std::byte byte) {
  return std::to_integer<std::uint32_t>(byte);
}

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) noexcept {
  std::uint32_t sum = ~before;
  for (; bytes.size() >= step; bytes = bytes.subspan(step)) {
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < step; ++i) {
      const std::uint32_t under = i < 4 ? sum >> (8 * i) & 0xffU : 0;
      next ^= table[step - 1 - i][value(bytes[i]) ^ under];
    }
    sum = next;
  }
  for (const std::byte byte : bytes) sum = sum >> 8 ^ table[0][(sum ^ value(byte)) & 0xffU];
  return ~sum;
}

}  // namespace troupe::kernels
