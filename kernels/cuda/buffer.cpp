#include "kernels/cuda/buffer.hpp"

#include <string>
#include <utility>

namespace troupe::cuda {

Status check(Gpu& gpu, int status, const char* doing) {
  if (status == 0) return {};
  constexpr int out_of_memory = 2;  // cudaErrorMemoryAllocation
  const std::string what = std::string("the GPU failed at ") + doing + ": " +
                           gpu.error_text(status) + " (" + std::to_string(status) + ")";
  if (status == out_of_memory)
    return Error{ErrorCode::too_large, what, "give the device less to hold"};
  return Error{ErrorCode::unreachable, what, "send the task to another device"};
}

Status Buffer::allocate(Gpu& gpu, Kind kind, std::size_t bytes, const char* doing) {
  reset();
  void* memory = nullptr;
  const int status =
      kind == Kind::device ? gpu.allocate(bytes, &memory) : gpu.allocate_pinned(bytes, &memory);
  if (auto good = check(gpu, status, doing); !good) return good;
  gpu_ = &gpu;
  kind_ = kind;
  memory_ = static_cast<std::byte*>(memory);
  bytes_ = bytes;
  return {};
}

void Buffer::reset() noexcept {
  if (memory_ == nullptr) return;
  if (kind_ == Kind::device)
    gpu_->release(memory_);
  else
    gpu_->release_pinned(memory_);
  memory_ = nullptr;
  bytes_ = 0;
}

void Buffer::swap(Buffer& other) noexcept {
  std::swap(gpu_, other.gpu_);
  std::swap(kind_, other.kind_);
  std::swap(memory_, other.memory_);
  std::swap(bytes_, other.bytes_);
}

}  // namespace troupe::cuda
