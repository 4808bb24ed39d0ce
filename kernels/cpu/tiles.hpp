// The inner loops of the CPU device, once for each instruction set: the pieces of work that run
// between two looks at the yield word.
//
// Each table is defined by one source file compiled with its own flags (tiles_avx512.cpp and its
// sisters); which of them this machine can run is answered by kernels/cpu/select.hpp. Those files
// must not share inline functions or templates with the rest of the program, since the linker keeps
// one copy of each and might keep the one with the wrong instructions. So this header holds plain
// data only, and they include nothing else of ours but tiles_body.hpp.
//
// Within one table a row's result depends on that row alone, never on how many others share the
// call: every element is one chain of additions in a fixed order. Tables differ in the last bits.
// Functions are pure over their arguments, safe from any thread, and neither allocate nor fail.
#pragma once

#include <cstddef>
#include <cstdint>

namespace troupe::kernels::cpu {

enum class Activation : std::uint8_t { none, gelu };

// `result = activation(a * panel + bias + residual)` for some rows and the columns of one panel.
struct GemmTile {
  const float* a = nullptr;  // [rows, depth], rows `a_stride` floats apart
  std::size_t a_stride = 0;
  std::size_t rows = 0;
  std::size_t depth = 0;
  const float* panel = nullptr;     // [depth, columns], dense
  std::size_t columns = 0;          // a multiple of Tiles::lanes, at most Tiles::panel_columns
  const float* bias = nullptr;      // [columns], or none
  const float* residual = nullptr;  // [rows, columns], or none
  std::size_t residual_stride = 0;
  Activation activation = Activation::none;
  float* result = nullptr;  // [rows, columns]
  std::size_t result_stride = 0;
};

struct Tiles {
  const char* name;           // "avx512", as the options spell it
  const char* description;    // "AVX-512"
  std::size_t lanes;          // floats in a vector
  std::size_t panel_columns;  // of a full panel
  std::size_t row_step;       // rows the microkernel works on at once
  std::size_t tile_flops;     // what takes some 80 us, the distance between two yield points

  void (*gemm)(const GemmTile& tile);

  // Each row of scores [rows, columns] becomes softmax(scale * row); the rest of the stride is left
  // alone. `columns` is at least 1.
  void (*softmax)(float* scores, std::size_t stride, std::size_t rows, std::size_t columns,
                  float scale);

  // Layer normalisation of each row of x [rows, width], in place.
  void (*normalize)(float* x, std::size_t stride, std::size_t rows, std::size_t width,
                    const float* gain, const float* bias, float epsilon);

  // scores[i] = <rows[i], query> for rows [count, width], dense.
  void (*dot)(const float* rows, std::size_t count, std::size_t width, const float* query,
              float* scores);
};

extern const Tiles generic_tiles;  // any machine
#if defined(__x86_64__)
extern const Tiles avx2_tiles;    // AVX2 and FMA
extern const Tiles avx512_tiles;  // AVX-512 F, BW, DQ and VL
#endif

}  // namespace troupe::kernels::cpu
