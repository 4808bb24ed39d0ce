#include "kernels/cuda/emulation/shared_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(first, bytes) ((void)(first), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(first, bytes) ((void)(first), (void)(bytes))
#endif

namespace troupe::cuda::emulation {
namespace {

constexpr std::size_t strip_bytes = 256;
constexpr std::size_t alignment = 128;
constexpr std::size_t bytes_max = std::size_t{48} * 1024;
constexpr std::byte strip{0xa5};
constexpr int not_a_number = 0xff;  // as float32, float16 and float64

std::size_t total(std::size_t bytes) {
  return bytes + 2 * strip_bytes + alignment;
}

}  // namespace

void* SharedMemory::find(std::size_t bytes, const char* file, int line) {
  for (const Array& array : arrays_) {
    if (array.line == line && std::strcmp(array.file, file) == 0) return array.first;
  }
  Array array{file, line, bytes, std::unique_ptr<std::byte[]>(new std::byte[total(bytes)]), {}};
  const auto aligned =
      (reinterpret_cast<std::uintptr_t>(array.memory.get()) + strip_bytes + alignment - 1) &
      ~std::uintptr_t{alignment - 1};
  array.first = reinterpret_cast<std::byte*>(aligned);
  std::fill_n(array.memory.get(), total(bytes), strip);
  std::memset(array.first, not_a_number, bytes);
  ASAN_POISON_MEMORY_REGION(array.memory.get(),
                            static_cast<std::size_t>(array.first - array.memory.get()));
  ASAN_POISON_MEMORY_REGION(array.first + bytes, strip_bytes);
  arrays_.push_back(std::move(array));
  return arrays_.back().first;
}

std::string SharedMemory::overrun() const {
  std::size_t sum = 0;
  for (const Array& array : arrays_) {
    sum += array.bytes;
    open(array);
    const bool before =
        std::any_of(array.memory.get(), array.first, [](std::byte byte) { return byte != strip; });
    const std::byte* const end = array.first + array.bytes;
    const bool after =
        std::any_of(end, end + strip_bytes, [](std::byte byte) { return byte != strip; });
    if (before || after)
      return std::string("a write beyond the shared memory of ") + array.file + ":" +
             std::to_string(array.line);
  }
  if (sum > bytes_max) return std::to_string(sum) + " bytes of shared memory in one block";
  return {};
}

void SharedMemory::clear() {
  for (const Array& array : arrays_) open(array);
  arrays_.clear();
}

void SharedMemory::open(const Array& array) const {
  ASAN_UNPOISON_MEMORY_REGION(array.memory.get(), total(array.bytes));
}

}  // namespace troupe::cuda::emulation
