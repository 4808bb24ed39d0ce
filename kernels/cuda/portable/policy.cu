#include "kernels/cuda/portable/policy.hpp"

#include "kernels/cuda/portable/number.cuh"
#include "kernels/cuda/portable/tiles.cuh"

namespace troupe::cuda {
namespace {

constexpr unsigned threads = 128;
constexpr unsigned agents_max = 8;  // of a tile
constexpr unsigned shared_bytes_max = 48 * 1024 - 64;

struct ScoresTile {
  PolicyScores policy;
  unsigned agents;  // of a tile
};

__global__ void __launch_bounds__(threads) policy_scores(ScoresTile t) {
  TROUPE_SHARED_BY_LAUNCH(float, activations);
  const PolicyScores& p = t.policy;
  const Stage in_one_go;
  Tiles tiles(in_one_go, (p.agents + t.agents - 1) / t.agents);
  while (tiles.next()) {
    const std::size_t agent0 = std::size_t(tiles.tile()) * t.agents;
    const unsigned agents = p.agents - agent0 < t.agents ? p.agents - agent0 : t.agents;
    float* x = activations;
    float* y = activations + std::size_t(t.agents) * p.width;
    const unsigned in0 = p.layers[0].in;
    for (unsigned i = threadIdx.x; i < t.agents * in0; i += threads)
      x[i / in0 * p.width + i % in0] =
          i / in0 < agents ? p.observations[(agent0 + i / in0) * in0 + i % in0] : 0.0F;
    for (unsigned number = 0; number < p.layers_count; ++number) {
      const PolicyLayer layer = p.layers[number];
      const bool last = number + 1 == p.layers_count;
      __syncthreads();
      for (unsigned o = threadIdx.x; o < layer.out; o += threads) {
        float sums[agents_max] = {};
        for (unsigned i = 0; i < layer.in; ++i) {
          const float weight = layer.weight[std::size_t(i) * layer.out + o];
#pragma unroll
          for (unsigned a = 0; a < agents_max; ++a) {
            if (a < t.agents) sums[a] = fmaf(x[a * p.width + i], weight, sums[a]);
          }
        }
#pragma unroll
        for (unsigned a = 0; a < agents_max; ++a) {
          const float sum = sums[a] + layer.bias[o];
          if (last && a < agents)
            p.scores[(agent0 + a) * layer.out + o] = sum;
          else if (!last && a < t.agents)
            y[a * p.width + o] = activate(p.activation, sum);
        }
      }
      float* const other = x;
      x = y;
      y = other;
    }
  }
}

// As kernels/philox.hpp.
struct Words {
  std::uint32_t x[4];
};
__device__ Words random_words(const Decision& d, std::uint32_t block) {
  std::uint32_t counter[4] = {
      static_cast<std::uint32_t>(d.agent), static_cast<std::uint32_t>(d.agent >> 32),
      static_cast<std::uint32_t>(d.step), static_cast<std::uint32_t>(d.step >> 32) << 16 | block};
  std::uint32_t key[2] = {static_cast<std::uint32_t>(d.seed),
                          static_cast<std::uint32_t>(d.seed >> 32)};
  for (int round = 0; round < 10; ++round) {
    const std::uint32_t high0 = __umulhi(0xd2511f53U, counter[0]);
    const std::uint32_t low0 = 0xd2511f53U * counter[0];
    const std::uint32_t high1 = __umulhi(0xcd9e8d57U, counter[2]);
    const std::uint32_t low1 = 0xcd9e8d57U * counter[2];
    counter[0] = high1 ^ counter[1] ^ key[0];
    counter[1] = low1;
    counter[2] = high0 ^ counter[3] ^ key[1];
    counter[3] = low0;
    key[0] += 0x9e3779b9U;
    key[1] += 0xbb67ae85U;
  }
  return {{counter[0], counter[1], counter[2], counter[3]}};
}

// The warp's best; of equals the first.
struct Best {
  double score;
  std::uint32_t action;
};
__device__ Best best_of_warp(Best mine) {
  for (int bits = 16; bits > 0; bits >>= 1) {
    const double score = __shfl_xor_sync(~0U, mine.score, bits);
    const std::uint32_t action = __shfl_xor_sync(~0U, mine.action, bits);
    if (score > mine.score || (score == mine.score && action < mine.action)) mine = {score, action};
  }
  return mine;
}

// By Gumbel's numbers, or without any: the largest score.
__device__ std::uint32_t choose_best(const float* scores, std::uint32_t count, const Decision& d,
                                     bool gumbel) {
  Best mine = {-1e300, ~0U};
  for (std::uint32_t action = threadIdx.x % lanes; action < count; action += lanes) {
    double score = static_cast<double>(scores[action]);
    if (gumbel) {
      const std::uint32_t word = random_words(d, action / 4).x[action % 4];
      const double uniform = (static_cast<double>(word) + 0.5) * 0x1p-32;
      score = score / d.temperature + -log(-log(uniform));
    }
    if (mine.action == ~0U || score > mine.score) mine = {score, action};
  }
  return best_of_warp(mine).action;
}

// Probabilities are summed one after the other, as on the CPU.
__device__ std::uint32_t choose_by_share(const float* scores, std::uint32_t count,
                                         const Decision& d) {
  const auto largest = static_cast<double>(scores[choose_best(scores, count, d, false)]);
  const unsigned lane = threadIdx.x % lanes;
  const auto weight_of = [&](std::uint32_t action) {
    return action < count ? exp((static_cast<double>(scores[action]) - largest) / d.temperature)
                          : 0.0;
  };
  double sum = 0;
  for (std::uint32_t first = 0; first < count; first += lanes) {
    const double mine = weight_of(first + lane);
    for (int i = 0; i < static_cast<int>(lanes); ++i) sum += __shfl_sync(~0U, mine, i);
  }
  const Words words = random_words(d, 0);
  const std::uint64_t bits = static_cast<std::uint64_t>(words.x[0]) << 32 | words.x[1];
  const double place = static_cast<double>(bits >> 11) * 0x1p-53 * sum;
  double below = 0;
  std::uint32_t last = 0;
  for (std::uint32_t first = 0; first < count; first += lanes) {
    const double mine = weight_of(first + lane);
    for (std::uint32_t i = 0; i < lanes; ++i) {
      const double here = __shfl_sync(~0U, mine, static_cast<int>(i));
      below += here;
      if (first + i < count && place < below) return first + i;  // all lanes alike
      if (here > 0) last = first + i;
    }
  }
  return last;
}

constexpr unsigned choice_warps = 4;

// A tile is four agents, each warp has one.
__global__ void __launch_bounds__(choice_warps* lanes) policy_choice(PolicyChoice p) {
  const unsigned lane = threadIdx.x % lanes;
  const Stage in_one_go;
  Tiles tiles(in_one_go, (p.agents + choice_warps - 1) / choice_warps);
  while (tiles.next()) {
    const std::size_t agent = std::size_t(tiles.tile()) * choice_warps + threadIdx.x / lanes;
    if (agent >= p.agents) continue;
    const float* const scores = p.scores + agent * p.actions_count;
    float finite = 1;
    for (std::uint32_t action = lane; action < p.actions_count; action += lanes) {
      if (!(fabsf(scores[action]) <= 3.402823466e38F)) finite = 0;
    }
    finite = -warp_max(-finite);
    std::int32_t choice = PolicyChoice::not_finite;
    if (finite != 0) {
      const Decision d = p.decisions[agent];
      constexpr std::uint32_t softmax = 1;  // SamplingRule's numbers
      constexpr std::uint32_t gumbel = 2;
      choice = static_cast<std::int32_t>(
          d.rule == softmax ? choose_by_share(scores, p.actions_count, d)
                            : choose_best(scores, p.actions_count, d, d.rule == gumbel));
    }
    if (lane == 0) p.actions[agent] = choice;
  }
}

}  // namespace

int launch_policy_scores(const PolicyScores& arguments, Stream stream) {
  const unsigned room = shared_bytes_max / (2 * sizeof(float) * arguments.width);
  const unsigned agents = room < agents_max ? room : agents_max;
  const Shape shape{blocks_for(Stage(), (arguments.agents + agents - 1) / agents), threads,
                    static_cast<unsigned>(agents * 2 * sizeof(float) * arguments.width)};
  return launch(policy_scores, shape, stream, ScoresTile{arguments, agents});
}

int launch_policy_choice(const PolicyChoice& arguments, Stream stream) {
  const Shape shape{blocks_for(Stage(), (arguments.agents + choice_warps - 1) / choice_warps),
                    choice_warps * lanes};
  return launch(policy_choice, shape, stream, arguments);
}

}  // namespace troupe::cuda
