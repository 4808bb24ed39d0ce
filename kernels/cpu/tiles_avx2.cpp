// The inner loops for AVX2 and FMA; see kernels/cpu/tiles.hpp for what this file may include.
#include "kernels/cpu/tiles_body.hpp"

namespace troupe::kernels::cpu {

constexpr Tiles avx2_tiles = tiles_here("avx2", "AVX2", 5'000'000);

}  // namespace troupe::kernels::cpu
