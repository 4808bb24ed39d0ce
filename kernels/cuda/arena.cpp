#include "kernels/cuda/arena.hpp"

#include <algorithm>
#include <bit>

#include "base/assert.hpp"

namespace troupe::cuda {
namespace {

std::size_t size_number(std::size_t bytes) {
  TROUPE_ASSERT(std::has_single_bit(bytes) && bytes >= Arena::block_bytes_min &&
                    bytes <= Arena::block_bytes_max,
                "a block of no size of the arena's");
  return static_cast<std::size_t>(std::countr_zero(bytes) -
                                  std::countr_zero(Arena::block_bytes_min));
}

}  // namespace

Arena::Arena(std::size_t bytes) : bytes_(bytes / block_bytes_max * block_bytes_max) {
  static_assert(block_bytes_min << (sizes - 1) == block_bytes_max);
  for (std::size_t place = 0; place < bytes_; place += block_bytes_max)
    free_.back().insert(free_.back().end(), place);
}

std::optional<std::size_t> Arena::take(std::size_t bytes) {
  const std::size_t wanted = size_number(bytes);
  std::size_t found = wanted;
  while (found < sizes && free_[found].empty()) ++found;
  if (found == sizes) return std::nullopt;
  const std::size_t place = *free_[found].begin();
  free_[found].erase(free_[found].begin());
  // Halved until it fits; the upper halves stay free.
  while (found > wanted) {
    --found;
    free_[found].insert(place + (block_bytes_min << found));
  }
  used_ += bytes;
  return place;
}

void Arena::give_back(std::size_t place, std::size_t bytes) {
  std::size_t size = size_number(bytes);
  TROUPE_ASSERT(place % bytes == 0 && place + bytes <= bytes_, "a block that is not the arena's");
  used_ -= bytes;
  for (; size + 1 < sizes; ++size) {
    const auto buddy = free_[size].find(place ^ (block_bytes_min << size));
    if (buddy == free_[size].end()) break;
    place = std::min(place, *buddy);
    free_[size].erase(buddy);
  }
  const bool inserted = free_[size].insert(place).second;
  TROUPE_ASSERT(inserted, "a block that was given back before");
}

}  // namespace troupe::cuda
