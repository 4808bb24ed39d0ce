// Memory that a GPU works with, given back by itself: the GPU's own, or the host's, pinned so that
// copies need not wait; and what a failed call of the GPU's means.
//
// One thread, the GPU's; the GPU outlives its buffers.
#pragma once

#include <cstddef>

#include "base/result.hpp"
#include "kernels/cuda/gpu.hpp"

namespace troupe::cuda {

// A failed call as an Error: too_large where memory is short, unreachable for all else.
Status check(Gpu& gpu, int status, const char* doing);

class Buffer {
 public:
  enum class Kind : bool { device, pinned };

  Buffer() = default;
  ~Buffer() { reset(); }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }

  // Takes memory in place of what it had, which is given back first. What stands in it is unknown.
  // Errors: too_large, unreachable; then it has none.
  Status allocate(Gpu& gpu, Kind kind, std::size_t bytes, const char* doing);
  void reset() noexcept;

  [[nodiscard]] std::byte* data() const noexcept { return memory_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_; }
  template <class T>
  [[nodiscard]] T* at(std::size_t place) const noexcept {
    return reinterpret_cast<T*>(memory_ + place);
  }

 private:
  void swap(Buffer& other) noexcept;

  Gpu* gpu_ = nullptr;
  Kind kind_ = Kind::device;
  std::byte* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

// Places in a buffer, one after the other, each on a boundary that any load wants.
class Places {
 public:
  std::size_t take(std::size_t bytes) noexcept {
    constexpr std::size_t boundary = 256;
    const std::size_t place = used_;
    used_ += (bytes + boundary - 1) / boundary * boundary;
    return place;
  }
  [[nodiscard]] std::size_t used() const noexcept { return used_; }

 private:
  std::size_t used_ = 0;
};

}  // namespace troupe::cuda
