// The shared memory of one emulated block: each array by itself, filled with what is not a number,
// between two strips that nobody may touch. AddressSanitizer sees any touch, the check at the
// block's end sees writes in every build.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace troupe::cuda::emulation {

class SharedMemory {
 public:
  SharedMemory() = default;
  ~SharedMemory() { clear(); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  // The array of that place in the source, made when it is first asked for. What a real block may
  // have at most, 48 KiB without asking for more, is refused by overrun().
  void* find(std::size_t bytes, const char* file, int line);

  // What is wrong with it at the block's end, or nothing.
  [[nodiscard]] std::string overrun() const;

  void clear();

 private:
  struct Array {
    const char* file;
    int line;
    std::size_t bytes;
    std::unique_ptr<std::byte[]> memory;  // strip, array, strip
    std::byte* first;
  };
  void open(const Array& array) const;

  std::vector<Array> arrays_;
};

}  // namespace troupe::cuda::emulation
