#include "kernels/cuda/portable/gemm.hpp"

#include "kernels/cuda/portable/fragment.cuh"
#include "kernels/cuda/portable/number.cuh"
#include "kernels/cuda/portable/tiles.cuh"

namespace troupe::cuda {
namespace {

constexpr unsigned threads = 128;
constexpr unsigned columns = 64;  // of y in a tile

__device__ void finish(const Gemm& g, std::size_t row, std::uint32_t column, float sum) {
  const float y = activate(g.activation, sum + (g.bias == nullptr ? 0.0F : g.bias[column]));
  const std::size_t at = row * g.out + column;
  if (g.result == Number::f16)
    store(static_cast<__half*>(g.y) + at, y);
  else
    store(static_cast<float*>(g.y) + at, y);
}

// In half precision a tile of x and one of weight come through shared memory, `depth` columns at a
// time, the next pair being fetched while this one is multiplied.
constexpr unsigned depth = 32;
constexpr unsigned pitch = depth + 8;  // halves; keeps the fragments' loads on different banks
constexpr unsigned vector = 8;         // halves fetched at once
constexpr unsigned row_vectors = depth / vector;

// Fetches this thread's part of `rows` rows from the `first` column on; rows from `end` are zeros.
template <unsigned rows>
struct Fetch {
  static constexpr unsigned total = rows * row_vectors;
  static constexpr unsigned each = (total + threads - 1) / threads;
  uint4 parts[each];

  __device__ void load(const __half* matrix, std::size_t row0, std::size_t end, std::uint32_t width,
                       std::uint32_t first) {
#pragma unroll
    for (unsigned i = 0; i < each; ++i) {
      const unsigned part = threadIdx.x + i * threads;
      const std::size_t row = row0 + part / row_vectors;
      parts[i] = uint4{0, 0, 0, 0};
      if (part < total && row < end)
        parts[i] = *reinterpret_cast<const uint4*>(matrix + row * width + first +
                                                   part % row_vectors * vector);
    }
  }
  __device__ void put(__half* shared) const {
#pragma unroll
    for (unsigned i = 0; i < each; ++i) {
      const unsigned part = threadIdx.x + i * threads;
      if (part < total)
        *reinterpret_cast<uint4*>(shared + part / row_vectors * pitch +
                                  part % row_vectors * vector) = parts[i];
    }
  }
};

// 64 rows: four warps of 32 x 32. 16 rows: four warps of 16 x 16.
template <unsigned rows>
__global__ void __launch_bounds__(threads) gemm_f16(Gemm g) {
  constexpr unsigned warps_down = rows == 64 ? 2 : 1;
  constexpr unsigned fragments_down = rows / warps_down / 16;
  constexpr unsigned warp_columns = columns * warps_down / (threads / lanes);
  constexpr unsigned fragments_across = warp_columns / 8;
  TROUPE_SHARED(uint4, x_parts, 2 * rows * pitch / vector);
  TROUPE_SHARED(uint4, w_parts, 2 * columns * pitch / vector);
  __half* const xs = reinterpret_cast<__half*>(x_parts);
  __half* const ws = reinterpret_cast<__half*>(w_parts);
  const unsigned warp = threadIdx.x / lanes;
  const unsigned lane_row = threadIdx.x % lanes / 4;
  const unsigned lane_column = threadIdx.x % 4 * 2;
  const unsigned down = warp % warps_down * (rows / warps_down);
  const unsigned across = warp / warps_down * warp_columns;
  const std::uint32_t end = *g.rows;
  const std::uint32_t tiles_across = g.out / columns;
  Tiles tiles(g.stage, (end + rows - 1) / rows * tiles_across);
  while (tiles.next()) {
    const std::size_t row0 = std::size_t(tiles.tile() / tiles_across) * rows;
    const std::uint32_t column0 = tiles.tile() % tiles_across * columns;
    const __half* const x = static_cast<const __half*>(g.x);
    const __half* const w = static_cast<const __half*>(g.weight);
    float sums[fragments_down][fragments_across][4] = {};
    Fetch<rows> next_x;
    Fetch<columns> next_w;
    next_x.load(x, row0, end, g.in, 0);
    next_w.load(w, column0, g.out, g.in, 0);
    next_x.put(xs);
    next_w.put(ws);
    for (std::uint32_t k = 0, half = 0; k < g.in; k += depth, half ^= 1U) {
      __syncthreads();
      const bool more = k + depth < g.in;
      if (more) {
        next_x.load(x, row0, end, g.in, k + depth);
        next_w.load(w, column0, g.out, g.in, k + depth);
      }
      const __half* const xt = xs + half * rows * pitch;
      const __half* const wt = ws + half * columns * pitch;
#pragma unroll
      for (unsigned step = 0; step < depth; step += 16) {
        std::uint32_t a[fragments_down][4];
#pragma unroll
        for (unsigned i = 0; i < fragments_down; ++i) {
          const __half* const from = xt + (down + i * 16 + lane_row) * pitch + step + lane_column;
          a[i][0] = load_pair(from);
          a[i][1] = load_pair(from + 8 * pitch);
          a[i][2] = load_pair(from + 8);
          a[i][3] = load_pair(from + 8 * pitch + 8);
        }
#pragma unroll
        for (unsigned j = 0; j < fragments_across; ++j) {
          const __half* const from = wt + (across + j * 8 + lane_row) * pitch + step + lane_column;
          const std::uint32_t b[2] = {load_pair(from), load_pair(from + 8)};
#pragma unroll
          for (unsigned i = 0; i < fragments_down; ++i) multiply_add(sums[i][j], a[i], b);
        }
      }
      if (more) {
        next_x.put(xs + (half ^ 1U) * rows * pitch);
        next_w.put(ws + (half ^ 1U) * columns * pitch);
      }
    }
#pragma unroll
    for (unsigned i = 0; i < fragments_down; ++i) {
#pragma unroll
      for (unsigned j = 0; j < fragments_across; ++j) {
#pragma unroll
        for (unsigned part = 0; part < 4; ++part) {
          const std::size_t row = row0 + down + i * 16 + lane_row + part / 2 * 8;
          const std::uint32_t column = column0 + across + j * 8 + lane_column + part % 2;
          if (row < end) finish(g, row, column, sums[i][j][part]);
        }
      }
    }
  }
}

// In single precision each thread has four columns of one eighth of the rows.
constexpr unsigned depth_f32 = 16;

template <unsigned rows>
__global__ void __launch_bounds__(threads) gemm_f32(Gemm g) {
  constexpr unsigned rows_each = rows / 8;
  constexpr unsigned pitch_x = rows + 1;
  constexpr unsigned pitch_w = columns + 1;
  TROUPE_SHARED(float, xs, depth_f32* pitch_x);
  TROUPE_SHARED(float, ws, depth_f32* pitch_w);
  const unsigned my_columns = threadIdx.x % 16;  // and 16, 32, 48 on
  const unsigned my_rows = threadIdx.x / 16;     // and 8, 16 ... on
  const std::uint32_t end = *g.rows;
  const std::uint32_t tiles_across = g.out / columns;
  Tiles tiles(g.stage, (end + rows - 1) / rows * tiles_across);
  while (tiles.next()) {
    const std::size_t row0 = std::size_t(tiles.tile() / tiles_across) * rows;
    const std::uint32_t column0 = tiles.tile() % tiles_across * columns;
    const float* const x = static_cast<const float*>(g.x);
    const float* const w = static_cast<const float*>(g.weight);
    float sums[rows_each][4] = {};
    for (std::uint32_t k = 0; k < g.in; k += depth_f32) {
      __syncthreads();
      for (unsigned i = threadIdx.x; i < rows * depth_f32; i += threads) {
        const std::size_t row = row0 + i / depth_f32;
        xs[i % depth_f32 * pitch_x + i / depth_f32] =
            row < end ? x[row * g.in + k + i % depth_f32] : 0.0F;
      }
      for (unsigned i = threadIdx.x; i < columns * depth_f32; i += threads)
        ws[i % depth_f32 * pitch_w + i / depth_f32] =
            w[std::size_t(column0 + i / depth_f32) * g.in + k + i % depth_f32];
      __syncthreads();
#pragma unroll
      for (unsigned step = 0; step < depth_f32; ++step) {
#pragma unroll
        for (unsigned i = 0; i < rows_each; ++i) {
          const float mine = xs[step * pitch_x + my_rows + i * 8];
#pragma unroll
          for (unsigned j = 0; j < 4; ++j)
            sums[i][j] += mine * ws[step * pitch_w + my_columns + j * 16];
        }
      }
    }
#pragma unroll
    for (unsigned i = 0; i < rows_each; ++i) {
      const std::size_t row = row0 + my_rows + i * 8;
#pragma unroll
      for (unsigned j = 0; j < 4; ++j) {
        if (row < end) finish(g, row, column0 + my_columns + j * 16, sums[i][j]);
      }
    }
  }
}

// As long as large tiles would leave much of the GPU without work, small ones are better.
constexpr std::uint64_t large_tiles_enough = 132;

}  // namespace

int launch_gemm(const Gemm& arguments, Stream stream) {
  const auto tiles = [&](std::uint64_t rows) {
    return (arguments.rows_max + rows - 1) / rows * (arguments.out / columns);
  };
  const bool large = tiles(64) >= large_tiles_enough;
  const Shape shape{blocks_for(arguments.stage, tiles(large ? 64 : 16)), threads};
  const bool f16 = arguments.number == Number::f16;
  return launch(large ? (f16 ? gemm_f16<64> : gemm_f32<64>) : (f16 ? gemm_f16<16> : gemm_f32<16>),
                shape, stream, arguments);
}

}  // namespace troupe::cuda
