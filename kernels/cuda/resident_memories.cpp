#include "kernels/cuda/resident_memories.hpp"

#include <algorithm>
#include <bit>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "base/units.hpp"

namespace troupe::cuda {
namespace {

using kernels::AgentMemory;

constexpr std::size_t staging_bytes = std::size_t{2} << 20;

std::size_t row_bytes(const AgentMemory& memory) {
  return recall_stride(memory.width()) * sizeof(float) + sizeof(RecallSlot);
}

// The largest block that a memory uses. No more rows than a tile scores; filled to its end.
std::size_t full_block_bytes(std::size_t row) {
  return std::clamp(std::bit_floor(row * recall_rows_per_tile), Arena::block_bytes_min,
                    Arena::block_bytes_max);
}

std::size_t rows_of(std::size_t block_bytes, std::size_t row) {
  return std::min<std::size_t>(block_bytes / row, recall_rows_per_tile);
}

// The smallest block with room for that many rows, of at most a full block's.
std::size_t block_bytes_for(std::size_t rows, std::size_t row) {
  return std::max(std::bit_ceil(rows * row), Arena::block_bytes_min);
}

}  // namespace

// Rows are wider here than bfloat16 ones there; blocks are not all full.
std::uint64_t ResidentMemories::bytes_for(const kernels::MemoryStore& store) noexcept {
  const std::uint64_t rows =
      store.options().rows == kernels::RowFormat::bf16 ? 2 * store.bytes_max() : store.bytes_max();
  return std::bit_ceil(
      std::clamp<std::uint64_t>(rows, Arena::block_bytes_max, std::uint64_t{1} << 62));
}

Result<std::unique_ptr<ResidentMemories>> ResidentMemories::open(Gpu& gpu, std::size_t bytes) {
  std::unique_ptr<ResidentMemories> memories(new ResidentMemories(gpu, bytes));
  if (memories->arena_.bytes() == 0)
    return Error{ErrorCode::too_large,
                 "too little device memory for what agents remember: " + format_bytes(bytes),
                 "give the device less to hold, or let the CPU recall"};
  if (auto good = memories->memory_.allocate(gpu, Buffer::Kind::device, memories->arena_.bytes(),
                                             "allocating for what agents remember");
      !good)
    return good.error();
  if (auto good = memories->staging_.allocate(gpu, Buffer::Kind::pinned, staging_bytes,
                                              "allocating for copies of what agents remember");
      !good)
    return good.error();
  return memories;
}

Result<std::vector<ResidentMemories::Piece>> ResidentMemories::begin_scan(
    kernels::Memories memories, Stream stream) {
  for (const Stream other : scanning_) {
    if (auto good = check(gpu_, gpu_.wait(other), "waiting for a scan"); !good) return good.error();
  }
  std::vector<Piece> pieces;
  if (auto good = bring(memories, stream, pieces); !good) {
    // Nobody will wait for the copies that are under way.
    if (auto ended = check(gpu_, gpu_.wait(stream), "bringing memories over"); !ended)
      return ended.error();
    return good.error();
  }
  scanning_.push_back(stream);
  return pieces;
}

Status ResidentMemories::bring(kernels::Memories memories, Stream stream,
                               std::vector<Piece>& pieces) {
  ++scans_;
  for (std::size_t number = 0; number < memories.size(); ++number) {
    const AgentMemory& memory = *memories[number];
    Resident& resident = find(memories[number]);
    if (auto good = bring_one(memory, resident, stream); !good) return good;
    for (const Block& block : resident.blocks) {
      if (block.first >= resident.slots) break;
      const std::byte* const at = memory_.data() + block.place;
      pieces.push_back(
          {reinterpret_cast<const float*>(at),
           reinterpret_cast<const RecallSlot*>(at + block.rows * recall_stride(memory.width()) *
                                                        sizeof(float)),
           static_cast<std::uint32_t>(std::min(block.rows, resident.slots - block.first)),
           static_cast<std::uint32_t>(number)});
    }
  }
  return {};
}

void ResidentMemories::end_scan(Stream stream) {
  std::erase(scanning_, stream);
  if (scanning_.empty()) staged_ = 0;
}

// It is now the last to make room.
ResidentMemories::Resident& ResidentMemories::find(
    const std::shared_ptr<const AgentMemory>& memory) {
  const auto found = places_.find(memory.get());
  if (found != places_.end()) {
    if (found->second->memory.lock() == memory) {
      residents_.splice(residents_.end(), residents_, found->second);
      found->second->used = scans_;
      return residents_.back();
    }
    drop(found->second);  // of another memory that lay at the same address
  }
  if (residents_.size() >= sweep_at_) {
    drop_forgotten();
    sweep_at_ = std::max(sweep_at_, 2 * residents_.size());
  }
  Resident& resident = residents_.emplace_back();
  resident.memory = memory;
  resident.key = memory.get();
  resident.used = scans_;
  places_[memory.get()] = std::prev(residents_.end());
  return resident;
}

Status ResidentMemories::bring_one(const AgentMemory& memory, Resident& resident, Stream stream) {
  View view{};
  std::vector<bool> changed;  // by the memory's blocks of slots
  {
    const std::shared_lock lock(memory.mutex);
    view = {memory.slots(), memory.clock(), memory.version()};
    if (view.version == resident.version) return {};
    changed.resize((view.slots + AgentMemory::block_slots - 1) / AgentMemory::block_slots);
    for (std::size_t i = 0; i < changed.size(); ++i)
      changed[i] = memory.version(i) > resident.version;
  }
  const std::size_t kept = resident.blocks.size();
  const std::size_t kept_bytes = kept == 0 ? 0 : resident.blocks.back().bytes;
  if (auto good = make_room(memory, resident, view.slots); !good) {
    give_blocks_back(resident);
    return good;
  }
  // Blocks that are new hold nothing yet.
  std::size_t first_new = kept;
  if (kept > 0 && resident.blocks[kept - 1].bytes != kept_bytes) first_new = kept - 1;
  for (std::size_t number = 0; number < resident.blocks.size(); ++number) {
    const Block& block = resident.blocks[number];
    const std::size_t end = std::min(block.first + block.rows, view.slots);
    for (std::size_t slot = block.first; slot < end;) {
      const auto is_wanted = [&](std::size_t s) {
        return number >= first_new || changed[s / AgentMemory::block_slots];
      };
      const auto boundary = [](std::size_t s) {
        return (s / AgentMemory::block_slots + 1) * AgentMemory::block_slots;
      };
      if (!is_wanted(slot)) {
        slot = boundary(slot);
        continue;
      }
      std::size_t run = slot;
      while (run < end && is_wanted(run)) run = std::min(boundary(run), end);
      if (auto good = bring_slots(memory, block, view, slot, run, stream); !good) return good;
      slot = run;
    }
  }
  resident.version = view.version;
  resident.slots = view.slots;
  return {};
}

// Blocks for that many slots: full ones, and one that just fits the rest.
Status ResidentMemories::make_room(const AgentMemory& memory, Resident& resident,
                                   std::size_t slots) {
  const std::size_t row = row_bytes(memory);
  const std::size_t full = full_block_bytes(row);
  auto& blocks = resident.blocks;
  if (slots == 0) give_blocks_back(resident);  // forgotten meanwhile
  for (;;) {
    const std::size_t room = blocks.empty() ? 0 : blocks.back().first + blocks.back().rows;
    if (room >= slots) return {};
    std::size_t first = room;
    if (!blocks.empty() && blocks.back().bytes < full) {
      first = blocks.back().first;
      arena_.give_back(blocks.back().place, blocks.back().bytes);
      blocks.pop_back();
    }
    const std::size_t rest = std::min(slots - first, rows_of(full, row));
    const std::size_t bytes = std::min(full, block_bytes_for(rest, row));
    const auto place = take(bytes);
    if (!place) return place.error();
    blocks.push_back({*place, bytes, first, rows_of(bytes, row)});
  }
}

Result<std::size_t> ResidentMemories::take(std::size_t bytes) {
  if (const auto place = arena_.take(bytes)) return *place;
  drop_forgotten();
  for (;;) {
    if (const auto place = arena_.take(bytes)) return *place;
    if (residents_.empty() || residents_.front().used == scans_)
      return Error{ErrorCode::too_large,
                   "what this scope remembers does not fit into the " +
                       format_bytes(arena_.bytes()) + " that the GPU has for it",
                   "recall from fewer agents at once, or let the CPU recall"};
    drop(residents_.begin());
  }
}

// The lock is let go now and then: agents must not wait for copies. What they change meanwhile is
// brought with the next scan; a document that comes in now is not part of this one.
Status ResidentMemories::bring_slots(const AgentMemory& memory, const Block& block,
                                     const View& view, std::size_t first, std::size_t end,
                                     Stream stream) {
  const std::size_t width = memory.width();
  const std::size_t stride = recall_stride(width);
  const std::size_t row = row_bytes(memory);
  std::byte* const at = memory_.data() + block.place;
  while (first < end) {
    if (staging_.size() - staged_ < row) {
      if (auto good = check(gpu_, gpu_.wait(stream), "bringing memories over"); !good) return good;
      staged_ = 0;
    }
    const std::size_t count = std::min(end - first, (staging_.size() - staged_) / row);
    auto* const rows = staging_.at<float>(staged_);
    auto* const slots = staging_.at<RecallSlot>(staged_ + count * stride * sizeof(float));
    {
      const std::shared_lock lock(memory.mutex);
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t slot = first + i;
        float* const to = rows + i * stride;
        std::fill_n(to, stride, 0.0F);
        slots[i] = {0, 0};
        if (slot >= memory.slots() || !memory.holds(slot, view.clock)) continue;
        memory.read_row(slot, {to, width});
        slots[i] = {memory.document(slot), 1};
      }
    }
    staged_ += count * row;
    const std::size_t within = first - block.first;
    if (auto good = check(gpu_,
                          gpu_.copy_in(at + within * stride * sizeof(float), rows,
                                       count * stride * sizeof(float), stream),
                          "bringing memories over");
        !good)
      return good;
    if (auto good = check(
            gpu_,
            gpu_.copy_in(at + block.rows * stride * sizeof(float) + within * sizeof(RecallSlot),
                         slots, count * sizeof(RecallSlot), stream),
            "bringing memories over");
        !good)
      return good;
    rows_brought_ += count;
    first += count;
  }
  return {};
}

void ResidentMemories::give_blocks_back(Resident& resident) {
  for (const Block& block : resident.blocks) arena_.give_back(block.place, block.bytes);
  resident.blocks.clear();
  resident.version = 0;
  resident.slots = 0;
}

void ResidentMemories::drop(Residents::iterator resident) {
  give_blocks_back(*resident);
  places_.erase(resident->key);
  residents_.erase(resident);
}

void ResidentMemories::drop_forgotten() {
  for (auto resident = residents_.begin(); resident != residents_.end();) {
    const auto next = std::next(resident);
    if (resident->memory.expired()) drop(resident);
    resident = next;
  }
}

}  // namespace troupe::cuda
