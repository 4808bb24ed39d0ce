// The inner loops for any machine; see kernels/cpu/tiles.hpp for what this file may include.
#include "kernels/cpu/tiles_body.hpp"

namespace troupe::kernels::cpu {

constexpr Tiles generic_tiles = tiles_here("generic", "baseline instructions", 1'500'000);

}  // namespace troupe::kernels::cpu
