// FNV-1a of bytes, 64 bits (Fowler, Noll and Vo, 1991): the same number on every machine and in
// every release, so that what is derived from names may be kept and sent. Not against whoever looks
// for names that collide; its upper bits are alike for short, similar names.
#pragma once

#include <cstdint>
#include <string_view>

namespace troupe {

inline constexpr std::uint64_t fnv1a_of_nothing = 0xcbf29ce484222325ULL;

// `hash` is that of the bytes before.
constexpr std::uint64_t fnv1a(std::string_view bytes,
                              std::uint64_t hash = fnv1a_of_nothing) noexcept {
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

}  // namespace troupe
