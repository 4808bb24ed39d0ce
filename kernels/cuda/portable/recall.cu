#include "kernels/cuda/portable/recall.hpp"

#include "kernels/cuda/portable/number.cuh"
#include "kernels/cuda/portable/tiles.cuh"

namespace troupe::cuda {
namespace {

constexpr unsigned threads = 256;
constexpr unsigned warps = threads / lanes;

// Equal scores by document number, then by memory.
__device__ bool better(const Candidate& a, const Candidate& b) {
  if (a.score != b.score) return a.score > b.score;
  if (a.document != b.document) return a.document < b.document;
  return a.memory < b.memory;
}

__device__ Candidate nothing() {
  return {recall_nothing, ~0U, ~std::uint64_t{0}};
}

// Sorts list[0..size), a power of two, the best in front; by all threads of the block.
// Source: Batcher, "Sorting networks and their applications", AFIPS 1968.
__device__ void sort(Candidate* list, unsigned size) {
  for (unsigned run = 2; run <= size; run *= 2) {
    for (unsigned distance = run / 2; distance > 0; distance /= 2) {
      __syncthreads();
      for (unsigned i = threadIdx.x; i < size / 2; i += threads) {
        const unsigned low = i / distance * distance * 2 + i % distance;
        const unsigned high = low + distance;
        const bool best_first = (low & run) == 0;
        if (better(list[high], list[low]) == best_first) {
          const Candidate other = list[low];
          list[low] = list[high];
          list[high] = other;
        }
      }
    }
  }
  __syncthreads();
}

__device__ unsigned power_of_two(unsigned least) {
  unsigned size = 1;
  while (size < least) size *= 2;
  return size;
}

// A warp scores four rows at a time, so that enough reading is under way.
template <unsigned queries>
__global__ void __launch_bounds__(threads) score(Score s) {
  constexpr unsigned rows_at_once = 4;
  TROUPE_SHARED(float, scores, queries* recall_rows_per_tile);
  TROUPE_SHARED(Candidate, list, recall_rows_per_tile);
  const unsigned lane = threadIdx.x % lanes;
  const unsigned warp = threadIdx.x / lanes;
  const unsigned vectors = s.stride / 4;
  const Stage in_one_go;
  Tiles tiles(in_one_go, s.tiles_count);
  while (tiles.next()) {
    const ScoreTile tile = s.tiles[tiles.tile()];
    for (unsigned row0 = warp * rows_at_once; row0 < tile.count; row0 += warps * rows_at_once) {
      float sums[rows_at_once][queries] = {};
      for (unsigned i = lane; i < vectors; i += lanes) {
        float4 row[rows_at_once];
#pragma unroll
        for (unsigned r = 0; r < rows_at_once; ++r) {
          const unsigned there = row0 + r < tile.count ? row0 + r : row0;
          row[r] = reinterpret_cast<const float4*>(tile.rows + std::size_t(there) * s.stride)[i];
        }
#pragma unroll
        for (unsigned q = 0; q < queries; ++q) {
          if (q >= tile.queries) break;
          const float4 query = reinterpret_cast<const float4*>(
              s.queries + std::size_t(tile.query + q) * s.stride)[i];
#pragma unroll
          for (unsigned r = 0; r < rows_at_once; ++r) {
            sums[r][q] = fmaf(row[r].x, query.x, sums[r][q]);
            sums[r][q] = fmaf(row[r].y, query.y, sums[r][q]);
            sums[r][q] = fmaf(row[r].z, query.z, sums[r][q]);
            sums[r][q] = fmaf(row[r].w, query.w, sums[r][q]);
          }
        }
      }
#pragma unroll
      for (unsigned r = 0; r < rows_at_once; ++r) {
#pragma unroll
        for (unsigned q = 0; q < queries; ++q) {
          if (q >= tile.queries) break;
          const float sum = warp_sum(sums[r][q]);
          if (lane == 0 && row0 + r < tile.count)
            scores[q * recall_rows_per_tile + row0 + r] = fminf(fmaxf(sum, -1.0F), 1.0F);
        }
      }
    }
    const unsigned wanted = tile.count > s.keep ? tile.count : s.keep;
    const unsigned size = power_of_two(wanted);
    for (unsigned q = 0; q < tile.queries; ++q) {
      __syncthreads();
      for (unsigned i = threadIdx.x; i < size; i += threads) {
        const bool live = i < tile.count && tile.slots[i].live != 0;
        list[i] = live ? Candidate{scores[q * recall_rows_per_tile + i], tile.memory,
                                   tile.slots[i].document}
                       : nothing();
      }
      sort(list, size);
      Candidate* const into = s.lists + std::size_t(tile.list + q * tile.list_step) * s.keep;
      for (unsigned i = threadIdx.x; i < s.keep; i += threads) into[i] = list[i];
    }
  }
}

__global__ void __launch_bounds__(threads) merge(Merge m) {
  TROUPE_SHARED(Candidate, list, recall_merge_max);
  const Stage in_one_go;
  Tiles tiles(in_one_go, m.tiles_count);
  while (tiles.next()) {
    const MergeTile tile = m.tiles[tiles.tile()];
    const unsigned count = tile.count * m.keep;
    const unsigned size = power_of_two(count);
    const Candidate* const from = m.lists + std::size_t(tile.first) * m.keep;
    for (unsigned i = threadIdx.x; i < size; i += threads)
      list[i] = i < count ? from[i] : nothing();
    sort(list, size);
    Candidate* const into = m.lists + std::size_t(tile.into) * m.keep;
    for (unsigned i = threadIdx.x; i < m.keep; i += threads) into[i] = list[i];
  }
}

}  // namespace

int launch_score(const Score& arguments, Stream stream) {
  return launch(score<recall_queries_per_tile>,
                {blocks_for(Stage(), arguments.tiles_count), threads}, stream, arguments);
}

int launch_merge(const Merge& arguments, Stream stream) {
  return launch(merge, {blocks_for(Stage(), arguments.tiles_count), threads}, stream, arguments);
}

}  // namespace troupe::cuda
