// The inner loops for AVX-512; see kernels/cpu/tiles.hpp for what this file may include.
#include "kernels/cpu/tiles_body.hpp"

namespace troupe::kernels::cpu {

constexpr Tiles avx512_tiles = tiles_here("avx512", "AVX-512", 10'000'000);

}  // namespace troupe::kernels::cpu
