// What agents remember, a second time: in the GPU's memory, where recalls scan it.
//
// A memory's rows lie in blocks of one arena, which is taken when the device opens. A block never
// moves, so what has been brought over stays where it is while a memory grows; only its last block,
// as long as it is small, is replaced by a larger one. Before each scan the slots that changed
// since the last one are brought over, and no others (kernels/agent_memory.hpp counts the changes).
// Rows are float32 here, whatever the store keeps.
//
// When the arena is full, the memories that were scanned longest ago make room; a scope that is
// larger than the arena is refused. Memories that were forgotten give their blocks back then, too.
//
// One thread, the GPU's. What is brought changes blocks that another stream may be scanning, so
// whoever scans says so, and is waited for.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "kernels/agent_memory.hpp"
#include "kernels/cuda/arena.hpp"
#include "kernels/cuda/buffer.hpp"
#include "kernels/cuda/gpu.hpp"
#include "kernels/recall_rules.hpp"

namespace troupe::cuda {

// Numbers of a row in the GPU's memory: a whole count of vectors of four.
constexpr std::uint32_t recall_stride(std::size_t width) noexcept {
  return static_cast<std::uint32_t>((width + 3) / 4 * 4);
}

class ResidentMemories {
 public:
  // A part of a memory that lies in one piece.
  struct Piece {
    const float* rows;        // [count, recall_stride(width)], in device memory
    const RecallSlot* slots;  // [count], in device memory
    std::uint32_t count;      // 1 to recall_rows_per_tile
    std::uint32_t memory;     // its number in what was asked for
  };

  // What an arena needs for all that a store may ever hold.
  static std::uint64_t bytes_for(const kernels::MemoryStore& store) noexcept;

  // Takes the arena and pinned memory for copies. Errors: too_large, unreachable.
  static Result<std::unique_ptr<ResidentMemories>> open(Gpu& gpu, std::size_t bytes);

  // Everything that the memories hold, brought over in that stream as far as it has to be; the
  // stream now scans, until end_scan(), and the pieces hold as long. Takes the memories' locks.
  // Errors: too_large for a scope that is larger than the arena, unreachable; then nothing scans.
  Result<std::vector<Piece>> begin_scan(kernels::Memories memories, Stream stream);

  // The stream has come to its end.
  void end_scan(Stream stream);

  // How much was brought over so far.
  [[nodiscard]] std::uint64_t rows_brought() const noexcept { return rows_brought_; }
  [[nodiscard]] std::size_t bytes_used() const noexcept { return arena_.bytes_used(); }

 private:
  struct Block {
    std::size_t place;
    std::size_t bytes;
    std::size_t first;  // slot
    std::size_t rows;   // that it has room for
  };
  struct Resident {
    std::weak_ptr<const kernels::AgentMemory> memory;
    const kernels::AgentMemory* key = nullptr;
    std::vector<Block> blocks;
    std::uint64_t version = 0;  // everything up to it is here
    std::size_t slots = 0;
    std::uint64_t used = 0;  // when, in scans
  };
  using Residents = std::list<Resident>;
  // The slots and the clock of a memory, as a scan sees it.
  struct View {
    std::size_t slots;
    std::uint64_t clock;
    std::uint64_t version;
  };

  ResidentMemories(Gpu& gpu, std::size_t bytes) : gpu_(gpu), arena_(bytes) {}
  Status bring(kernels::Memories memories, Stream stream, std::vector<Piece>& pieces);
  Resident& find(const std::shared_ptr<const kernels::AgentMemory>& memory);
  Status bring_one(const kernels::AgentMemory& memory, Resident& resident, Stream stream);
  Status make_room(const kernels::AgentMemory& memory, Resident& resident, std::size_t slots);
  Result<std::size_t> take(std::size_t bytes);
  Status bring_slots(const kernels::AgentMemory& memory, const Block& block, const View& view,
                     std::size_t first, std::size_t end, Stream stream);
  void give_blocks_back(Resident& resident);
  void drop(Residents::iterator resident);
  void drop_forgotten();

  Gpu& gpu_;
  Arena arena_;
  Buffer memory_;
  Buffer staging_;
  std::size_t staged_ = 0;  // bytes of staging_ that copies under way may still read
  Residents residents_;     // those scanned longest ago first
  std::unordered_map<const kernels::AgentMemory*, Residents::iterator> places_;
  std::vector<Stream> scanning_;
  std::uint64_t scans_ = 0;
  std::uint64_t rows_brought_ = 0;
  std::size_t sweep_at_ = 1024;  // residents, when those of forgotten memories are looked for
};

}  // namespace troupe::cuda
