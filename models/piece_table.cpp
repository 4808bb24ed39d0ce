#include "models/piece_table.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace troupe::models {
namespace {

// Each byte is added and everything multiplied by an odd number, so that the hash of a word's next
// beginning follows from that of the last one.
std::uint64_t with_byte(std::uint64_t hash, char byte) noexcept {
  return (hash + static_cast<unsigned char>(byte) + 1) * 0x9e3779b97f4a7c15ULL;
}

// The products' upper bits are the good ones.
std::uint64_t mixed(std::uint64_t hash) noexcept {
  return hash ^ (hash >> 32);
}

std::uint64_t hash_of(std::string_view piece) noexcept {
  std::uint64_t hash = 0;
  for (const char byte : piece) hash = with_byte(hash, byte);
  return mixed(hash);
}

bool ends_character(std::string_view text, std::size_t end) noexcept {
  return end == text.size() || (static_cast<unsigned char>(text[end]) & 0xc0) != 0x80;
}

}  // namespace

bool PieceTable::insert(std::string_view piece, std::int32_t id) {
  TROUPE_ASSERT(!piece.empty() && id >= 0, "a piece without text or number");
  const std::uint64_t hash = hash_of(piece);
  if (find(piece, hash) != nullptr) return false;
  if (2 * (size_ + 1) > slots_.size()) grow();
  place({static_cast<std::uint32_t>(hash >> 32), static_cast<std::uint32_t>(text_.size()),
         static_cast<std::uint32_t>(piece.size()), id},
        hash);
  text_ += piece;
  longest_ = std::max(longest_, piece.size());
  ++size_;
  return true;
}

std::optional<std::int32_t> PieceTable::find(std::string_view piece) const noexcept {
  const Slot* slot = find(piece, hash_of(piece));
  if (slot == nullptr) return std::nullopt;
  return slot->id;
}

PieceTable::Match PieceTable::longest_prefix(std::string_view word) const noexcept {
  TROUPE_ASSERT(word.size() <= word_bytes_max, "a word over the limit");
  std::array<std::uint64_t, word_bytes_max + 1> hashes;
  hashes[0] = 0;
  const std::size_t longest = std::min(word.size(), longest_);
  for (std::size_t i = 0; i < longest; ++i) hashes[i + 1] = with_byte(hashes[i], word[i]);
  for (std::size_t bytes = longest; bytes > 0; --bytes) {
    if (!ends_character(word, bytes)) continue;
    if (const Slot* slot = find(word.substr(0, bytes), mixed(hashes[bytes])))
      return {slot->id, bytes};
  }
  return {};
}

const PieceTable::Slot* PieceTable::find(std::string_view piece,
                                         std::uint64_t hash) const noexcept {
  if (slots_.empty()) return nullptr;
  const std::size_t last = slots_.size() - 1;
  for (std::size_t at = hash & last;; at = (at + 1) & last) {
    const Slot& slot = slots_[at];
    if (slot.bytes == 0) return nullptr;
    if (slot.check == hash >> 32 && std::string_view(text_).substr(slot.begin, slot.bytes) == piece)
      return &slot;
  }
}

void PieceTable::place(const Slot& slot, std::uint64_t hash) noexcept {
  const std::size_t last = slots_.size() - 1;
  std::size_t at = hash & last;
  while (slots_[at].bytes != 0) at = (at + 1) & last;
  slots_[at] = slot;
}

void PieceTable::grow() {
  const auto old =
      std::exchange(slots_, std::vector<Slot>(std::max<std::size_t>(64, 2 * slots_.size())));
  for (const Slot& slot : old)
    if (slot.bytes != 0)
      place(slot, hash_of(std::string_view(text_).substr(slot.begin, slot.bytes)));
}

}  // namespace troupe::models
