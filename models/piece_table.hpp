// Pieces of words and their numbers, made for one question: which is the longest piece that a word
// begins with?
//
// Hashes of all beginnings of the word are computed in one pass over its bytes; then the table is
// asked for them, the longest first. Whole words are in most vocabularies, so the first question
// mostly is the last.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::models {

class PieceTable {
 public:
  // The longest word that longest_prefix() takes.
  static constexpr std::size_t word_bytes_max = 400;

  // Whether the piece is new; `id` is not negative. At most 2^30 pieces of 4 GiB in all.
  bool insert(std::string_view piece, std::int32_t id);

  [[nodiscard]] std::optional<std::int32_t> find(std::string_view piece) const noexcept;

  struct Match {
    std::int32_t id = -1;
    std::size_t bytes = 0;  // 0: no piece fits
  };
  // Of the pieces that `word` begins with, the longest that ends where a character ends.
  [[nodiscard]] Match longest_prefix(std::string_view word) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  struct Slot {
    std::uint32_t check = 0;  // of the hash what does not choose the slot
    std::uint32_t begin = 0;  // of the piece in text_
    std::uint32_t bytes = 0;  // 0: the slot is free
    std::int32_t id = -1;
  };

  [[nodiscard]] const Slot* find(std::string_view piece, std::uint64_t hash) const noexcept;
  void place(const Slot& slot, std::uint64_t hash) noexcept;
  void grow();

  std::vector<Slot> slots_;  // a power of two, at most half of them taken
  std::string text_;         // all pieces
  std::size_t size_ = 0;
  std::size_t longest_ = 0;  // piece, in bytes
};

}  // namespace troupe::models
