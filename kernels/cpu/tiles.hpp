// The inner loops of the CPU device, once for each instruction set: the pieces of work that run
// between two looks at the yield word.
//
// Each table is defined by one source file compiled with its own flags (tiles_avx512.cpp and its
// sisters); which of them this machine can run is answered by kernels/cpu/select.hpp. Those files
// must not share inline functions or templates with the rest of the program, since the linker keeps
// one copy of each and might keep the one with the wrong instructions. So this header holds plain
// data only, and they include nothing else of ours but tiles_body.hpp and its parts.
//
// Within one table a row's result depends on that row alone, never on how many others share the
// call: every element is one chain of additions in a fixed order. Tables differ in the last bits.
// Functions are pure over their arguments, safe from any thread, and neither allocate nor fail.
#pragma once

#include <cstddef>
#include <cstdint>

namespace troupe::kernels::cpu {

enum class Activation : std::uint8_t { none, relu, gelu, tanh };

// What becomes of a product: `result = activation(a * panel + bias + residual)` for some rows and
// the columns of one panel.
struct GemmResult {
  std::size_t rows = 0;
  std::size_t columns = 0;          // a multiple of Tiles::lanes, at most Tiles::panel_columns
  const float* bias = nullptr;      // [columns], or none
  const float* residual = nullptr;  // [rows, columns], or none
  std::size_t residual_stride = 0;
  Activation activation = Activation::none;
  float* result = nullptr;  // [rows, columns]
  std::size_t result_stride = 0;
};

struct GemmTile : GemmResult {
  const float* a = nullptr;  // [rows, depth], rows `a_stride` floats apart
  std::size_t a_stride = 0;
  std::size_t depth = 0;
  const float* panel =
      nullptr;  // [depth, columns], dense; what lies behind it is asked for, unread
};

// The same product of numbers that were rounded to bfloat16, added in float32. A pair is two
// neighbours of the depth, which has an even number of them: filled up with zeros, if need be.
struct GemmBf16Tile : GemmResult {
  const std::uint16_t* a = nullptr;  // [rows, pairs, 2], rows `a_stride` numbers apart
  std::size_t a_stride = 0;          // even
  std::size_t pairs = 0;
  const std::uint16_t* panel = nullptr;  // [pairs, columns, 2], dense
};

// `scores[q][i] = <rows[i], queries[q]>`: every row is read once, for all queries.
struct DotTile {
  std::size_t rows = 0;
  std::size_t width = 0;
  const float* queries = nullptr;  // [query_count, width], dense
  std::size_t query_count = 0;
  float* scores = nullptr;  // [query_count, rows], dense
};

struct Tiles {
  const char* name;           // "avx512", as the options spell it
  const char* description;    // "AVX-512"
  std::size_t lanes;          // floats in a vector
  std::size_t panel_columns;  // of a full panel
  std::size_t row_step;       // rows the microkernel works on at once
  std::size_t tile_flops;     // what takes some 80 us, the distance between two yield points

  void (*gemm)(const GemmTile& tile);
  void (*gemm_bf16)(const GemmBf16Tile& tile);

  // Rounds as kernels/bf16.hpp does, but for NaN, which stays some NaN.
  void (*round_to_bf16)(const float* from, std::uint16_t* to, std::size_t count);

  // Each row of scores [rows, columns] becomes softmax(scale * row); the rest of the stride is left
  // alone. `columns` is at least 1.
  void (*softmax)(float* scores, std::size_t stride, std::size_t rows, std::size_t columns,
                  float scale);

  // Layer normalisation of each row of x [rows, width], in place.
  void (*normalize)(float* x, std::size_t stride, std::size_t rows, std::size_t width,
                    const float* gain, const float* bias, float epsilon);

  // For rows [rows, width], dense: float32, or bfloat16 widened on the way and added in float32.
  void (*dot)(const DotTile& tile, const float* rows);
  void (*dot_bf16)(const DotTile& tile, const std::uint16_t* rows);
};

extern const Tiles generic_tiles;  // any machine
#if defined(__x86_64__)
extern const Tiles avx2_tiles;        // AVX2 and FMA
extern const Tiles avx512_tiles;      // AVX-512 F, BW, DQ and VL
extern const Tiles avx512bf16_tiles;  // these and BF16
#endif

}  // namespace troupe::kernels::cpu
