// What every kernel of a batch is given besides its data: into which stream it goes, and how its
// work may be interrupted.
//
// A stage is one kernel of a chain. Its work is cut into tiles. In one go, block b takes tiles
// b, b + blocks, and so on. Resumable, blocks claim one tile after the other from a cursor in
// device memory and stop claiming when the yield word is set; what they claimed they finish. The
// whole chain is then launched again: stages that are complete have nothing to claim, the first one
// that is not goes on where it stood, and those behind it wait for it by looking at its counters.
// Tiles do not know of each other, so the result is bitwise the same.
//
// These are plain structs: they go to the GPU as they are, and through the plug-in's C interface.
#pragma once

#include <cstdint>

namespace troupe::cuda {

// A cudaStream_t; in emulation an emulation::Queue*.
using Stream = void*;

enum class Number : std::uint32_t { f16, f32 };  // of weights and of what layers read
enum class Activation : std::uint32_t { none, gelu, relu, tanh };

// In device memory, all zero before the chain's first launch.
struct StageCounters {
  std::uint32_t claimed;   // tiles, and refusals
  std::uint32_t finished;  // tiles
  std::uint32_t complete;  // 1 when all tiles are finished
  std::uint32_t unused;
};

struct Stage {
  StageCounters* counters = nullptr;      // none: in one go
  const StageCounters* before = nullptr;  // of the stage that must be complete; none: the first
  const std::uint32_t* yield = nullptr;   // the host's, pinned: written while kernels run
  std::uint32_t blocks_max = 65535;       // of a launch
};

// How much of a batch there is: in device memory, for graphs are launched with what was captured.
struct Extent {
  std::uint32_t tokens;
  std::uint32_t sequences;
  std::uint32_t query_blocks;  // attention.hpp
  std::uint32_t unused;
};

}  // namespace troupe::cuda
