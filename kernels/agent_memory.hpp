// What one agent remembers: unit vectors with document numbers, each in a slot of its own that it
// keeps until it is forgotten, and the order in which they would have to make room for others.
//
// A slot that falls free is taken by the next new document, so rows never move and a scan may let
// go of the lock between two blocks of slots: it reads `slots()` and `clock()` when it begins and
// then sees each document that stays throughout exactly once, and none that came later.
//
// Three formats of rows:
// - f32.
// - bf16 takes half the memory and half the time of a scan. Nothing finer is kept; scores are the
//   rows' products with the float32 query, added in float32. Each number of a unit vector moves by
//   at most 2^-8 of itself, so a score is off by at most 2^-8 (0.0039).
// - halves takes the memory of f32 and the time of bf16, and is exact: each float32 is kept as a
//   bfloat16 nearby, which scans read, and the rest, with which the few rows that could be among
//   the best are scored again in float32.
//
// Whoever keeps a copy of the rows elsewhere (a GPU) finds what has changed by versions: of the
// whole memory, and of each block of block_slots neighbouring slots.
//
// The mutex guards everything but name, width and format; who calls, locks. MemoryStore
// (kernels/memory.hpp) owns memories and accounts for them.
#pragma once

#include <cstdint>
#include <limits>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe::kernels {

enum class RowFormat : std::uint8_t { f32 = 1, bf16 = 2, halves = 3 };  // 1 and 2 stand in files

class AgentMemory {
 public:
  // More documents than this would not fit the links between slots.
  static constexpr std::size_t documents_max = std::size_t{1} << 31;

  AgentMemory(std::string name, std::size_t width, RowFormat format);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }  // "librarian/017"
  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  [[nodiscard]] RowFormat format() const noexcept { return format_; }

  // What `documents` of them take, the containers' own needs included.
  static std::uint64_t bytes(std::size_t documents, std::size_t width, RowFormat format) noexcept;

  mutable std::shared_mutex mutex;

  [[nodiscard]] std::size_t size() const noexcept { return slot_of_.size(); }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool contains(std::uint64_t document) const;
  [[nodiscard]] bool closed() const noexcept { return closed_; }  // then it is empty, for ever

  // For scans: slots 0 to slots() - 1, some of them free.
  [[nodiscard]] std::size_t slots() const noexcept { return slots_.size(); }
  [[nodiscard]] std::uint64_t clock() const noexcept { return clock_; }
  // Whether a document is there that came before the clock stood at `clock`.
  [[nodiscard]] bool holds(std::size_t slot, std::uint64_t clock) const noexcept {
    return slots_[slot].born < clock;
  }
  [[nodiscard]] std::uint64_t document(std::size_t slot) const noexcept {
    return slots_[slot].document;
  }
  [[nodiscard]] const float* f32_rows() const noexcept { return f32_rows_.data(); }
  [[nodiscard]] const std::uint16_t* bf16_rows() const noexcept { return bf16_rows_.data(); }
  // Grows with each change of a row or of what stands in a slot.
  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
  static constexpr std::size_t block_slots = 32;
  // What version() was when a slot of slots [block * block_slots, (block + 1) * block_slots) was
  // last changed; there is one for every block that slots() reaches into.
  [[nodiscard]] std::uint64_t version(std::size_t block) const noexcept { return versions_[block]; }
  // One row as float32, whatever the format; of halves, exactly what was put there.
  void read_row(std::size_t slot, std::span<float> row) const;

  // The documents' slots, the one that makes room first in front.
  [[nodiscard]] std::vector<std::uint32_t> in_order() const;

  // Room for that many documents; never shrinks.
  void reserve(std::size_t documents);

  // Remembers vector / length under the document's number, in place of what it said before; the
  // document is now the last to make room. A new document needs room: size() < capacity().
  void put(std::uint64_t document, std::span<const float> vector, double length);

  // Whether it was there.
  bool forget(std::uint64_t document);

  // Forgets the document whose turn it is to make room; there is one.
  void evict();

  // Empty for ever, all memory freed.
  void close();

  // The document is now the last to make room, if it is there. The order is no part of what a
  // memory says, so this is allowed on one that is otherwise only read (with the mutex all one's
  // own).
  void touch(std::uint64_t document) const;

 private:
  using Index = std::uint32_t;
  static constexpr Index none = std::numeric_limits<Index>::max();
  static constexpr std::uint64_t free_slot = std::numeric_limits<std::uint64_t>::max();

  struct Slot {
    std::uint64_t document = 0;
    std::uint64_t born = free_slot;  // what the clock stood at
  };
  struct Links {
    Index before = none;  // makes room earlier
    Index after = none;   // of a free slot: the next free one
  };

  Index take_slot();
  void release(Index slot);
  void write_row(Index slot, std::span<const float> vector, double length);
  void note_change(Index slot);
  void link_last(Index slot) const;
  void unlink(Index slot) const;

  const std::string name_;
  const std::size_t width_;
  const RowFormat format_;
  bool closed_ = false;
  std::size_t capacity_ = 0;
  std::uint64_t clock_ = 0;
  std::uint64_t version_ = 0;
  std::vector<Slot> slots_;
  std::vector<std::uint64_t> versions_;   // of blocks of slots
  std::vector<float> f32_rows_;           // [slots, width], in f32
  std::vector<std::uint16_t> bf16_rows_;  // [slots, width], in the others
  std::vector<std::uint16_t> rest_rows_;  // [slots, width], in halves
  std::unordered_map<std::uint64_t, Index> slot_of_;
  Index free_ = none;
  mutable std::vector<Links> links_;
  mutable Index first_ = none;
  mutable Index last_ = none;
};

}  // namespace troupe::kernels
