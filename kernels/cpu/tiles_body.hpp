// The inner loops themselves, included by one tiles_*.cpp for each instruction set; the compiler's
// flags decide which vector they are made of. Everything here is in an unnamed namespace, so that
// nothing compiled for one instruction set can stand in for the same thing of another (see
// kernels/cpu/tiles.hpp). The files are compiled without contraction: a fused multiply-add happens
// where `fused` says so and nowhere else, which keeps rows independent of how loops were unrolled.
#pragma once

#include "kernels/cpu/tiles_gemm.hpp"
#include "kernels/cpu/tiles_rows.hpp"

namespace troupe::kernels::cpu {
namespace {

constexpr Tiles tiles_here(const char* name, const char* description, std::size_t tile_flops) {
  return {name,
          description,
          lanes,
          panel_vectors * lanes,
          row_step,
          tile_flops,
          gemm_tile<GemmTile>,
          gemm_tile<GemmBf16Tile>,
          round_numbers,
          softmax_rows,
          normalize_rows,
          dot_rows<float>,
          dot_rows<std::uint16_t>};
}

}  // namespace
}  // namespace troupe::kernels::cpu
