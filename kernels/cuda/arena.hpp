// Device memory taken once, given out in blocks whose sizes are powers of two and whose addresses
// never change: what agents' memories lie in. It only counts places; the memory is someone else's.
//
// Source: the buddy system of Knowlton, "A fast storage allocator", Communications of the ACM
// 8(10), 1965. Blocks are halved down to block_bytes_min and joined again up to block_bytes_max.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>

namespace troupe::cuda {

class Arena {
 public:
  static constexpr std::size_t block_bytes_min = std::size_t{4} << 10;
  static constexpr std::size_t block_bytes_max = std::size_t{1} << 20;

  // Of that many bytes, rounded down to whole blocks of the largest size.
  explicit Arena(std::size_t bytes);

  // The place of a block of `bytes`, a power of two within the bounds above: a multiple of its
  // size. Of the free ones that fit the lowest, so that what is used stays together. None when
  // there is none.
  std::optional<std::size_t> take(std::size_t bytes);
  void give_back(std::size_t place, std::size_t bytes);

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t bytes_used() const noexcept { return used_; }

 private:
  static constexpr std::size_t sizes = 9;  // 4 KiB to 1 MiB

  std::size_t bytes_;
  std::size_t used_ = 0;
  std::array<std::set<std::size_t>, sizes> free_;  // places, by size, the smallest first
};

}  // namespace troupe::cuda
