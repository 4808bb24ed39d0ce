// A block's way through the tiles of its stage (stage.hpp).
//
//   Tiles tiles(arguments.stage, count);
//   while (tiles.next()) work_on(tiles.tile());
//
// All threads of a block see the same tiles. next() is a barrier: shared memory of the tile before
// may be written again after it.
#pragma once

#include "kernels/cuda/portable/launch.cuh"

namespace troupe::cuda {

class Tiles {
 public:
  __device__ Tiles(const Stage& stage, std::uint32_t count) : stage_(stage), count_(count) {}

  __device__ bool next() {
    __syncthreads();
    if (stage_.counters == nullptr) {
      tile_ = started_ ? tile_ + gridDim.x : blockIdx.x;
      started_ = true;
      return tile_ < count_;
    }
    TROUPE_SHARED(std::uint32_t, claimed, 1);
    if (threadIdx.x == 0) {
      if (started_) finish();
      claimed[0] = claim();
    }
    __syncthreads();
    tile_ = claimed[0];
    started_ = true;
    return tile_ < count_;
  }

  [[nodiscard]] __device__ std::uint32_t tile() const { return tile_; }

 private:
  __device__ std::uint32_t claim() const {
    if (stage_.counters->complete != 0) return count_;
    if (stage_.before != nullptr && stage_.before->complete == 0) return count_;
    if (__ldcv(stage_.yield) != 0) return count_;  // never from a cache
    return atomicAdd(&stage_.counters->claimed, 1U);
  }

  __device__ void finish() const {
    if (atomicAdd(&stage_.counters->finished, 1U) + 1 == count_) stage_.counters->complete = 1;
  }

  const Stage& stage_;
  std::uint32_t count_;
  std::uint32_t tile_ = 0;
  bool started_ = false;
};

// How many blocks to launch for so many tiles.
inline unsigned blocks_for(const Stage& stage, std::uint64_t tiles) {
  return static_cast<unsigned>(tiles < stage.blocks_max ? tiles : stage.blocks_max);
}

}  // namespace troupe::cuda
