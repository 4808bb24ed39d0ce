#include "kernels/cuda/portable/attention.hpp"

#include "kernels/cuda/portable/fragment.cuh"
#include "kernels/cuda/portable/number.cuh"
#include "kernels/cuda/portable/tiles.cuh"

namespace troupe::cuda {
namespace {

constexpr unsigned warps = 4;
constexpr unsigned threads = warps * lanes;
constexpr float least = -1e30F;  // below every score, and no infinity: differences stay finite

// One tile: a query block and a head.
struct Tile {
  QueryBlock block;
  std::uint32_t head;
  __device__ Tile(const Attention& a, std::uint32_t tile)
      : block(a.blocks[tile / a.heads]), head(tile % a.heads) {}
};

// Brings `count` rows of queries (part 0), keys (1) or values (2) into shared memory, zeros in the
// rows and columns that are not there.
template <unsigned width, class T>
__device__ void bring(const Attention& a, const Tile& tile, unsigned part, std::uint32_t first,
                      unsigned count, unsigned pitch, T* shared) {
  const std::uint32_t length = tile.block.length;
  const T* const from = static_cast<const T*>(a.qkv) +
                        std::size_t(tile.block.first) * 3 * a.stride + part * a.stride +
                        tile.head * a.head_width;
  for (unsigned i = threadIdx.x; i < count * width; i += threads) {
    const std::uint32_t row = first + i / width;
    const unsigned column = i % width;
    T value = T();
    if (row < length && column < a.head_width)
      value = from[std::size_t(row) * 3 * a.stride + column];
    shared[i / width * pitch + column] = value;
  }
}

// In half precision each warp has 16 queries, and both products are the tensor cores'. The scores
// of a fragment's columns are at once the fragment of the second product.
constexpr unsigned keys_per_step = 64;

template <unsigned width>
__global__ void __launch_bounds__(threads) attention_f16(Attention a) {
  constexpr unsigned pitch = width + 8;
  constexpr unsigned score_fragments = keys_per_step / 8;
  TROUPE_SHARED(uint4, key_parts, keys_per_step * pitch / 8);
  TROUPE_SHARED(uint4, value_parts, keys_per_step * pitch / 8);
  __half* const keys = reinterpret_cast<__half*>(key_parts);
  __half* const values = reinterpret_cast<__half*>(value_parts);
  const unsigned lane_row = threadIdx.x % lanes / 4;
  const unsigned lane_column = threadIdx.x % 4 * 2;
  const unsigned warp_row = threadIdx.x / lanes * 16;
  Tiles tiles(a.stage, a.extent->query_blocks * a.heads);
  while (tiles.next()) {
    const Tile tile(a, tiles.tile());
    const std::uint32_t length = tile.block.length;

    // The queries come through the keys' room into registers.
    bring<width>(a, tile, 0, tile.block.query, queries_per_block, pitch, keys);
    __syncthreads();
    std::uint32_t q[width / 16][4];
#pragma unroll
    for (unsigned step = 0; step < width / 16; ++step) {
      const __half* const from = keys + (warp_row + lane_row) * pitch + step * 16 + lane_column;
      q[step][0] = load_pair(from);
      q[step][1] = load_pair(from + 8 * pitch);
      q[step][2] = load_pair(from + 8);
      q[step][3] = load_pair(from + 8 * pitch + 8);
    }

    float context[width / 8][4] = {};
    float largest[2] = {least, least};  // of the lane's two queries
    float sum[2] = {0, 0};              // this lane's part
    for (std::uint32_t first = 0; first < length; first += keys_per_step) {
      __syncthreads();
      bring<width>(a, tile, 1, first, keys_per_step, pitch, keys);
      bring<width>(a, tile, 2, first, keys_per_step, pitch, values);
      __syncthreads();
      float scores[score_fragments][4] = {};
      float step_largest[2] = {largest[0], largest[1]};
#pragma unroll
      for (unsigned j = 0; j < score_fragments; ++j) {
#pragma unroll
        for (unsigned step = 0; step < width / 16; ++step) {
          const __half* const from = keys + (j * 8 + lane_row) * pitch + step * 16 + lane_column;
          const std::uint32_t b[2] = {load_pair(from), load_pair(from + 8)};
          multiply_add(scores[j], q[step], b);
        }
#pragma unroll
        for (unsigned part = 0; part < 4; ++part) {
          const bool there = first + j * 8 + lane_column + part % 2 < length;
          scores[j][part] = there ? scores[j][part] * a.scale : least;
          step_largest[part / 2] = fmaxf(step_largest[part / 2], scores[j][part]);
        }
      }
#pragma unroll
      for (unsigned row = 0; row < 2; ++row) {
        // The four lanes that share a query.
        step_largest[row] = fmaxf(step_largest[row], __shfl_xor_sync(~0U, step_largest[row], 1));
        step_largest[row] = fmaxf(step_largest[row], __shfl_xor_sync(~0U, step_largest[row], 2));
        const float shrink = __expf(largest[row] - step_largest[row]);
        largest[row] = step_largest[row];
        sum[row] *= shrink;
#pragma unroll
        for (unsigned i = 0; i < width / 8; ++i) {
          context[i][row * 2] *= shrink;
          context[i][row * 2 + 1] *= shrink;
        }
      }
#pragma unroll
      for (unsigned j = 0; j < score_fragments; ++j) {
#pragma unroll
        for (unsigned part = 0; part < 4; ++part) {
          const bool there = first + j * 8 + lane_column + part % 2 < length;
          scores[j][part] = there ? __expf(scores[j][part] - largest[part / 2]) : 0.0F;
          sum[part / 2] += scores[j][part];
        }
      }
#pragma unroll
      for (unsigned j = 0; j < score_fragments; j += 2) {
        const std::uint32_t p[4] = {
            pack(scores[j][0], scores[j][1]), pack(scores[j][2], scores[j][3]),
            pack(scores[j + 1][0], scores[j + 1][1]), pack(scores[j + 1][2], scores[j + 1][3])};
        const __half* const rows = values + (j * 8 + lane_column) * pitch + lane_row;
#pragma unroll
        for (unsigned i = 0; i < width / 8; ++i) {
          const __half* const from = rows + i * 8;
          const std::uint32_t b[2] = {pack(from[0], from[pitch]),
                                      pack(from[8 * pitch], from[9 * pitch])};
          multiply_add(context[i], p, b);
        }
      }
    }

#pragma unroll
    for (unsigned row = 0; row < 2; ++row) {
      sum[row] += __shfl_xor_sync(~0U, sum[row], 1);
      sum[row] += __shfl_xor_sync(~0U, sum[row], 2);
    }
#pragma unroll
    for (unsigned i = 0; i < width / 8; ++i) {
#pragma unroll
      for (unsigned part = 0; part < 4; ++part) {
        const std::uint32_t query = tile.block.query + warp_row + lane_row + part / 2 * 8;
        const unsigned column = i * 8 + lane_column + part % 2;
        if (query < length && column < a.head_width)
          store(static_cast<__half*>(a.context) + std::size_t(tile.block.first + query) * a.stride +
                    tile.head * a.head_width + column,
                context[i][part] / sum[part / 2]);
      }
    }
  }
}

// In single precision a warp goes through its queries one by one: a lane has a key when scores are
// made, and some columns when values are summed.
template <unsigned width>
__global__ void __launch_bounds__(threads) attention_f32(Attention a) {
  constexpr unsigned pitch = width + 1;
  constexpr unsigned each = width / lanes;  // columns of a lane
  constexpr unsigned queries = 4;           // of a warp at a time
  TROUPE_SHARED(float, keys, lanes* pitch);
  TROUPE_SHARED(float, values, lanes* pitch);
  TROUPE_SHARED(float, query_rows, warps* queries* pitch);
  TROUPE_SHARED(float, shares, warps* lanes);
  const unsigned lane = threadIdx.x % lanes;
  const unsigned warp = threadIdx.x / lanes;
  Tiles tiles(a.stage, a.extent->query_blocks * a.heads);
  while (tiles.next()) {
    const Tile tile(a, tiles.tile());
    const std::uint32_t length = tile.block.length;
    for (unsigned turn = 0; turn < queries_per_block; turn += warps * queries) {
      const std::uint32_t query0 = tile.block.query + turn;
      if (query0 >= length) break;
      __syncthreads();
      bring<width>(a, tile, 0, query0, warps * queries, pitch, query_rows);
      float context[queries][each] = {};
      float largest[queries];
      float sum[queries];
      for (unsigned i = 0; i < queries; ++i) {
        largest[i] = least;
        sum[i] = 0;
      }
      for (std::uint32_t first = 0; first < length; first += lanes) {
        __syncthreads();
        bring<width>(a, tile, 1, first, lanes, pitch, keys);
        bring<width>(a, tile, 2, first, lanes, pitch, values);
        __syncthreads();
        const bool there = first + lane < length;
#pragma unroll
        for (unsigned i = 0; i < queries; ++i) {
          const float* const query = query_rows + (warp * queries + i) * pitch;
          float score = 0;
          for (unsigned c = 0; c < width; ++c) score += query[c] * keys[lane * pitch + c];
          score = there ? score * a.scale : least;
          const float step_largest = fmaxf(largest[i], warp_max(score));
          const float share = there ? __expf(score - step_largest) : 0.0F;
          const float shrink = __expf(largest[i] - step_largest);
          largest[i] = step_largest;
          sum[i] = sum[i] * shrink + warp_sum(share);
          shares[warp * lanes + lane] = share;
          __syncwarp();
          for (unsigned c = 0; c < each; ++c) {
            float gathered = context[i][c] * shrink;
            for (unsigned j = 0; j < lanes; ++j)
              gathered += shares[warp * lanes + j] * values[j * pitch + c * lanes + lane];
            context[i][c] = gathered;
          }
          __syncwarp();
        }
      }
#pragma unroll
      for (unsigned i = 0; i < queries; ++i) {
        const std::uint32_t query = query0 + warp * queries + i;
        for (unsigned c = 0; c < each; ++c) {
          const unsigned column = c * lanes + lane;
          if (query < length && column < a.head_width)
            static_cast<float*>(a.context)[std::size_t(tile.block.first + query) * a.stride +
                                           tile.head * a.head_width + column] =
                context[i][c] / sum[i];
        }
      }
    }
  }
}

template <unsigned width>
int launch_width(const Attention& arguments, Stream stream) {
  const Shape shape{
      blocks_for(arguments.stage, std::uint64_t{arguments.query_blocks_max} * arguments.heads),
      threads};
  return launch(arguments.number == Number::f16 ? attention_f16<width> : attention_f32<width>,
                shape, stream, arguments);
}

}  // namespace

int launch_attention(const Attention& arguments, Stream stream) {
  if (arguments.head_width <= 32) return launch_width<32>(arguments, stream);
  if (arguments.head_width <= 64) return launch_width<64>(arguments, stream);
  return launch_width<128>(arguments, stream);
}

}  // namespace troupe::cuda
