// Overwrites secrets where they lie before the memory goes back. It cannot reach copies that others
// made; ours are few and short-lived.
#pragma once

#include <string.h>  // explicit_bzero

#include <cstddef>
#include <string>

namespace troupe::transport {

inline void wipe(void* memory, std::size_t bytes) noexcept {
  ::explicit_bzero(memory, bytes);
}

inline void wipe(std::string& text) noexcept {
  wipe(text.data(), text.size());
  text.clear();
}

}  // namespace troupe::transport
