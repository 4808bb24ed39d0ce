// The records of a memory file as they stand in its bytes; kernels/memory_file.hpp says what they
// mean. Plain structs are copied in and out whole, which holds on little-endian machines only.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/checksum.hpp"

namespace troupe::kernels::memory_format {

static_assert(std::endian::native == std::endian::little, "memory files are little-endian");

inline constexpr std::size_t alignment = 8;
inline constexpr std::uint32_t version = 1;
inline constexpr std::uint64_t file_magic = 0x1a6d656d70757274U;     // "trupmem\x1a"
inline constexpr std::uint64_t record_marker = 0x9e1d0a43524d7274U;  // no text, nor a float
inline constexpr std::uint64_t end_marker = 0x9e1d0a444e457274U;

struct FileHeader {
  std::uint64_t magic = file_magic;
  std::uint32_t version = memory_format::version;
  std::uint32_t checksum = 0;  // of what stands before it, as in the others
};

struct RecordHeader {
  std::uint64_t marker = record_marker;
  std::uint32_t name_bytes = 0;
  std::uint32_t width = 0;
  std::uint32_t row_format = 0;
  std::uint32_t body_checksum = 0;
  std::uint64_t documents = 0;
  std::uint32_t zero = 0;
  std::uint32_t checksum = 0;
};

struct End {
  std::uint64_t marker = end_marker;
  std::uint64_t memories = 0;
  std::uint64_t documents = 0;
  std::uint32_t zero = 0;
  std::uint32_t checksum = 0;
};

static_assert(sizeof(FileHeader) == 16 && sizeof(RecordHeader) == 40 && sizeof(End) == 32);

// Of a header without its last field.
template <class Header>
std::uint32_t checksum_of(const Header& header) noexcept {
  return crc32c(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, checksum)));
}

constexpr std::uint64_t padded(std::uint64_t bytes) noexcept {
  return (bytes + alignment - 1) / alignment * alignment;
}

}  // namespace troupe::kernels::memory_format
