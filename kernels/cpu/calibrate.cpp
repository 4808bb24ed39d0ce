#include "kernels/cpu/calibrate.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <vector>

#include "base/tensor.hpp"

namespace troupe::kernels::cpu {
namespace {

Duration thread_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// The least of a few runs; only one more where a run is long.
template <class Run>
Duration time_of(const Run& run) {
  constexpr Duration long_run = std::chrono::milliseconds(20);
  Duration least = Duration::max();
  for (int repeat = 0; repeat < 3; ++repeat) {
    const Duration from = thread_time();
    run();
    least = std::min(least, thread_time() - from);
    if (least > long_run) break;
  }
  return least;
}

}  // namespace

Cost encode_cost(const Encoder& encoder) {
  constexpr std::size_t few = 4;
  constexpr std::size_t many = 36;
  auto workspace = encoder.make_workspace();
  const std::size_t width = encoder.config().width;
  const std::vector<std::int32_t> ids(many, 0);
  std::vector<float> vectors(many * width);
  const auto encode = [&](std::size_t tokens) {
    const std::size_t length_max = encoder.config().tokens_max;
    std::vector<Sequence> sequences;
    for (std::size_t first = 0; first < tokens; first += length_max)
      sequences.push_back({std::span(ids).first(std::min(length_max, tokens - first)),
                           vectors.data() + sequences.size() * width});
    encoder.encode(sequences, workspace, [] {});
  };
  encode(few);  // brings the weights into the caches and the workspace into memory
  const Duration short_batch = time_of([&] { encode(few); });
  const Duration long_batch = time_of([&] { encode(many); });
  const auto tokens_between = static_cast<Duration::rep>(many - few);
  Cost cost;
  cost.per_unit = std::max((long_batch - short_batch) / tokens_between, Duration(1));
  cost.fixed = std::max(short_batch - cost.of(few), Duration(1));
  return cost;
}

Cost act_cost(const std::shared_ptr<const Policy>& policy) {
  constexpr std::size_t few = 1;
  constexpr std::size_t many = 33;
  PolicyRunner runner(policy);
  const std::vector<float> values(policy->model().observation_width());
  const std::vector<Observation> observations(many, Observation{values, {}});
  const auto act = [&](std::size_t count) {
    const auto some = std::span(observations).first(count);
    return time_of([&] { runner.act(some, Sampling{}, [] {}); });
  };
  act(many);  // brings the weights into the caches and the workspace into memory
  const Duration alone = act(few);
  Cost cost;
  cost.per_unit =
      std::max((act(many) - alone) / static_cast<Duration::rep>(many - few), Duration(1));
  cost.fixed = std::max(alone - cost.of(few), Duration(1));
  return cost;
}

Cost recall_cost(const Tiles& tiles) {
  constexpr std::size_t rows = 1000;
  constexpr std::size_t width = 384;
  const FloatBuffer memory(rows * width);
  const FloatBuffer query(width);
  FloatBuffer scores(rows);
  Cost cost;
  cost.fixed = std::chrono::microseconds(5);  // the query, the locks, the answer
  DotTile tile;
  tile.rows = rows;
  tile.width = width;
  tile.queries = query.data();
  tile.query_count = 1;
  tile.scores = scores.data();
  cost.per_unit = time_of([&] { tiles.dot(tile, memory.data()); });
  return cost;
}

}  // namespace troupe::kernels::cpu
