#include "kernels/agent_memory.hpp"

#include <bit>
#include <utility>

#include "base/assert.hpp"
#include "kernels/bf16.hpp"

namespace troupe::kernels {
namespace {

// An index entry's node and bucket, and a slot's part of its block's version.
constexpr std::uint64_t index_entry_bytes = 41;

// A float32 in two parts. The nearest bfloat16, ties away from zero, so that what is left always
// fits 16 bits: -2^15 to 2^15 - 1 units in the last place.
struct Halves {
  std::uint16_t near, rest;
};

Halves split(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t near = (bits + 0x8000U) >> 16;
  return {static_cast<std::uint16_t>(near), static_cast<std::uint16_t>(bits - (near << 16))};
}

float join(std::uint16_t near, std::uint16_t rest) {
  const auto units = static_cast<std::uint32_t>(static_cast<std::int16_t>(rest));
  return std::bit_cast<float>((static_cast<std::uint32_t>(near) << 16) + units);
}

}  // namespace

AgentMemory::AgentMemory(std::string name, std::size_t width, RowFormat format)
    : name_(std::move(name)), width_(width), format_(format) {}

std::uint64_t AgentMemory::bytes(std::size_t documents, std::size_t width,
                                 RowFormat format) noexcept {
  const std::uint64_t number = format == RowFormat::bf16 ? sizeof(std::uint16_t) : sizeof(float);
  return documents * (width * number + sizeof(Slot) + sizeof(Links) + index_entry_bytes);
}

bool AgentMemory::contains(std::uint64_t document) const {
  return slot_of_.contains(document);
}

void AgentMemory::read_row(std::size_t slot, std::span<float> row) const {
  const std::size_t first = slot * width_;
  for (std::size_t i = 0; i < width_; ++i) {
    if (format_ == RowFormat::f32)
      row[i] = f32_rows_[first + i];
    else if (format_ == RowFormat::bf16)
      row[i] = from_bf16(bf16_rows_[first + i]);
    else
      row[i] = join(bf16_rows_[first + i], rest_rows_[first + i]);
  }
}

std::vector<std::uint32_t> AgentMemory::in_order() const {
  std::vector<std::uint32_t> order;
  order.reserve(size());
  for (Index slot = first_; slot != none; slot = links_[slot].after) order.push_back(slot);
  return order;
}

void AgentMemory::reserve(std::size_t documents) {
  TROUPE_ASSERT(documents <= documents_max, "a memory of too many documents");
  if (documents <= capacity_) return;
  slots_.reserve(documents);
  links_.reserve(documents);
  if (format_ == RowFormat::f32)
    f32_rows_.reserve(documents * width_);
  else
    bf16_rows_.reserve(documents * width_);
  if (format_ == RowFormat::halves) rest_rows_.reserve(documents * width_);
  versions_.reserve((documents + block_slots - 1) / block_slots);
  capacity_ = documents;
}

void AgentMemory::put(std::uint64_t document, std::span<const float> vector, double length) {
  TROUPE_ASSERT(!closed_ && vector.size() == width_, "a row for another memory");
  if (const auto found = slot_of_.find(document); found != slot_of_.end()) {
    write_row(found->second, vector, length);
    touch(document);
    return;
  }
  TROUPE_ASSERT(size() < capacity_, "a document without room");
  const auto entry = slot_of_.emplace(document, none).first;
  const Index slot = take_slot();
  entry->second = slot;
  slots_[slot] = {document, clock_++};
  write_row(slot, vector, length);
  link_last(slot);
}

bool AgentMemory::forget(std::uint64_t document) {
  const auto found = slot_of_.find(document);
  if (found == slot_of_.end()) return false;
  const Index slot = found->second;
  slot_of_.erase(found);
  release(slot);
  return true;
}

void AgentMemory::evict() {
  TROUPE_ASSERT(first_ != none, "an empty memory has nothing to evict");
  forget(slots_[first_].document);
}

void AgentMemory::close() {
  closed_ = true;
  ++version_;
  capacity_ = 0;
  free_ = first_ = last_ = none;
  std::vector<Slot>().swap(slots_);
  std::vector<Links>().swap(links_);
  std::vector<std::uint64_t>().swap(versions_);
  std::vector<float>().swap(f32_rows_);
  std::vector<std::uint16_t>().swap(bf16_rows_);
  std::vector<std::uint16_t>().swap(rest_rows_);
  std::unordered_map<std::uint64_t, Index>().swap(slot_of_);
}

void AgentMemory::touch(std::uint64_t document) const {
  const auto found = slot_of_.find(document);
  if (found == slot_of_.end() || found->second == last_) return;
  unlink(found->second);
  link_last(found->second);
}

AgentMemory::Index AgentMemory::take_slot() {
  if (free_ != none) return std::exchange(free_, links_[free_].after);
  const auto slot = static_cast<Index>(slots_.size());
  slots_.emplace_back();
  links_.emplace_back();
  versions_.resize((slots_.size() + block_slots - 1) / block_slots);
  if (format_ == RowFormat::f32)
    f32_rows_.resize(slots_.size() * width_);
  else
    bf16_rows_.resize(slots_.size() * width_);
  if (format_ == RowFormat::halves) rest_rows_.resize(slots_.size() * width_);
  return slot;
}

void AgentMemory::release(Index slot) {
  unlink(slot);
  slots_[slot].born = free_slot;
  links_[slot].after = std::exchange(free_, slot);
  note_change(slot);
}

void AgentMemory::write_row(Index slot, std::span<const float> vector, double length) {
  const std::size_t first = slot * width_;
  for (std::size_t i = 0; i < width_; ++i) {
    const auto value = static_cast<float>(static_cast<double>(vector[i]) / length);
    if (format_ == RowFormat::f32) {
      f32_rows_[first + i] = value;
    } else if (format_ == RowFormat::bf16) {
      bf16_rows_[first + i] = to_bf16(value);
    } else {
      const Halves halves = split(value);
      bf16_rows_[first + i] = halves.near;
      rest_rows_[first + i] = halves.rest;
    }
  }
  note_change(slot);
}

void AgentMemory::note_change(Index slot) {
  versions_[slot / block_slots] = ++version_;
}

void AgentMemory::link_last(Index slot) const {
  links_[slot] = {last_, none};
  (last_ == none ? first_ : links_[last_].after) = slot;
  last_ = slot;
}

void AgentMemory::unlink(Index slot) const {
  const Links links = links_[slot];
  (links.before == none ? first_ : links_[links.before].after) = links.after;
  (links.after == none ? last_ : links_[links.after].before) = links.before;
}

}  // namespace troupe::kernels
