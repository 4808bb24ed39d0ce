// The arena that memories lie in: no place twice, and in the end all of it again.
#include "kernels/cuda/arena.hpp"

#include <map>

#include "base/random.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using cuda::Arena;

TEST_CASE("blocks of the arena lie on their size and never on each other") {
  Arena arena((std::size_t{5} << 20) + 12345);
  CHECK(arena.bytes() == std::size_t{5} << 20);
  Random random(1);
  std::map<std::size_t, std::size_t> taken;  // places and sizes
  std::size_t used = 0;
  std::size_t refused = 0;
  for (int round = 0; round < 20000; ++round) {
    if (random.below(5) < 3) {
      const std::size_t bytes = Arena::block_bytes_min << random.below(9);
      const auto place = arena.take(bytes);
      if (!place) {
        ++refused;
        continue;
      }
      REQUIRE(*place % bytes == 0);
      REQUIRE(*place + bytes <= arena.bytes());
      const auto [entry, added] = taken.emplace(*place, bytes);
      REQUIRE(added);
      if (entry != taken.begin())
        REQUIRE(std::prev(entry)->first + std::prev(entry)->second <= *place);
      if (std::next(entry) != taken.end()) REQUIRE(*place + bytes <= std::next(entry)->first);
      used += bytes;
    } else if (!taken.empty()) {
      const auto entry =
          std::next(taken.begin(), static_cast<std::ptrdiff_t>(random.below(taken.size())));
      arena.give_back(entry->first, entry->second);
      used -= entry->second;
      taken.erase(entry);
    }
    REQUIRE(arena.bytes_used() == used);
  }
  CHECK(refused > 100);
  for (const auto& [place, bytes] : taken) arena.give_back(place, bytes);
  CHECK(arena.bytes_used() == 0);
  // Everything was joined again.
  for (std::size_t place = 0; place < arena.bytes(); place += Arena::block_bytes_max)
    CHECK(arena.take(Arena::block_bytes_max) == place);
  CHECK_FALSE(arena.take(Arena::block_bytes_min));
}

TEST_CASE("an arena too small for a block has none") {
  Arena arena(Arena::block_bytes_max - 1);
  CHECK(arena.bytes() == 0);
  CHECK_FALSE(arena.take(Arena::block_bytes_min));
}
