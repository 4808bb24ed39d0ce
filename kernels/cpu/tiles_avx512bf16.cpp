// The inner loops for AVX-512 with its products of bfloat16 pairs; see kernels/cpu/tiles.hpp for
// what this file may include.
#include "kernels/cpu/tiles_body.hpp"

namespace troupe::kernels::cpu {

constexpr Tiles avx512bf16_tiles = tiles_here("avx512bf16", "AVX-512 with BF16", 10'000'000);

}  // namespace troupe::kernels::cpu
