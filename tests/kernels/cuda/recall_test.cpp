// Scoring and merging against the reference, over memories of different sizes.
#include "kernels/cuda/portable/recall.hpp"

#include <cmath>
#include <numeric>

#include "kernels/cuda/recall_plan.hpp"
#include "kernels/ref/recall.hpp"
#include "tests/catch.hpp"
#include "tests/kernels/cuda/arrays.hpp"
#include "tests/kernels/tiny_bert.hpp"

using namespace troupe;
using namespace troupe::cuda;
using namespace troupe::cuda::test;

namespace {

std::vector<float> unit(std::vector<float> vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * static_cast<double>(x);
  for (float& x : vector) x = static_cast<float>(static_cast<double>(x) / std::sqrt(squares));
  return vector;
}

struct Memory {
  std::vector<float> rows;
  std::vector<RecallSlot> slots;
};

// Some memories, each with its documents, and queries over all of them.
struct Shelves {
  std::uint32_t width, stride;
  std::vector<Memory> memories;
  std::vector<kernels::ref::Document> documents;
  std::vector<std::vector<float>> queries;

  Shelves(std::uint32_t width_, const std::vector<std::uint32_t>& sizes, std::size_t queries_count,
          std::uint64_t seed)
      : width(width_), stride((width + 3) / 4 * 4) {
    Random random(seed);
    for (const auto size : sizes) {
      Memory& memory = memories.emplace_back();
      for (std::uint32_t i = 0; i < size; ++i) {
        const auto vector = kernels::test::random_vector(width, random);
        const auto row = unit(vector);
        memory.rows.insert(memory.rows.end(), row.begin(), row.end());
        memory.rows.resize(memory.rows.size() + stride - width);
        const bool live = i % 5 != 3;
        const std::uint64_t number = random.below(1000000);
        memory.slots.push_back({number, live ? 1U : 0U});
        if (live) documents.push_back({std::to_string(memories.size() - 1), number, vector});
      }
    }
    for (std::size_t q = 0; q < queries_count; ++q)
      queries.push_back(kernels::test::random_vector(width, random));
  }

  // Each query's best, by both kernels.
  std::vector<std::vector<Candidate>> recall(std::uint32_t keep, std::size_t first,
                                             std::size_t count,
                                             std::uint32_t lists_max = 128) const {
    std::vector<float> packed;
    for (std::size_t q = first; q < first + count; ++q) {
      const auto query = unit(queries[q]);
      packed.insert(packed.end(), query.begin(), query.end());
      packed.resize(packed.size() + stride - width);
    }
    std::vector<ResidentMemories::Piece> pieces;
    for (std::size_t m = 0; m < memories.size(); ++m) {
      const auto size = static_cast<std::uint32_t>(memories[m].slots.size());
      for (std::uint32_t row = 0; row < size; row += recall_rows_per_tile)
        pieces.push_back(
            {memories[m].rows.data() + std::size_t{row} * stride, memories[m].slots.data() + row,
             std::min(size - row, recall_rows_per_tile), static_cast<std::uint32_t>(m)});
    }
    const RecallPlan plan = plan_recall(pieces, static_cast<std::uint32_t>(count), keep, lists_max);
    // Of exactly the size that the plan may use.
    std::vector<Candidate> lists(std::size_t{lists_max} * keep);
    for (const auto& step : plan.steps) {
      const Score s{stride,        keep,        step.count, plan.scores.data() + step.first,
                    packed.data(), lists.data()};
      const Merge m{keep, step.count, plan.merges.data() + step.first, lists.data()};
      launched(
          [&](Stream stream) {
            return step.merges ? launch_merge(m, stream) : launch_score(s, stream);
          },
          keep);
    }
    std::vector<std::vector<Candidate>> best;
    for (std::size_t q = 0; q < count; ++q) {
      const auto from =
          lists.begin() + static_cast<std::ptrdiff_t>((plan.result + q * plan.result_step) * keep);
      best.emplace_back(from, from + keep);
    }
    return best;
  }
};

}  // namespace

TEST_CASE("the best of all memories are found, in order") {
  struct Size {
    std::uint32_t width;
    std::vector<std::uint32_t> memories;
    std::uint32_t keep;
  };
  for (const auto& size : {Size{3, {7, 1, 40}, 16}, Size{61, {1030, 5}, 64}, Size{384, {33}, 8},
                           Size{1, {300, 20}, 1024}, Size{16, {1024}, 2}}) {
    const Shelves shelves(size.width, size.memories, 6, size.width);
    const auto found = shelves.recall(size.keep, 0, 6);
    for (std::size_t q = 0; q < 6; ++q) {
      const auto expected = kernels::ref::recall(shelves.documents, shelves.queries[q], size.keep);
      INFO("width " << size.width << ", query " << q);
      for (std::size_t i = 0; i < size.keep; ++i) {
        if (i >= expected.size()) {
          CHECK(found[q][i].score == recall_nothing);
          continue;
        }
        CHECK(std::abs(static_cast<double>(found[q][i].score) - expected[i].cosine) < 1e-6);
        // In one dimension all cosines are 1 or -1: ties all the way.
        CHECK(found[q][i].document == expected[i].document);
        CHECK(std::to_string(found[q][i].memory) == expected[i].memory);
      }
    }
  }
}

TEST_CASE("however little room there is for lists, the answer is the same") {
  const Shelves shelves(5, {7, 1, 1025, 40, 9, 3, 30, 11, 2, 64, 5, 8}, 5, 3);
  for (const std::uint32_t keep : {1U, 8U, 1024U}) {
    const auto expected = shelves.recall(keep, 0, 5, 1000);
    for (const std::uint32_t lists_max : {20U, 24U, 31U, 60U, 90U}) {
      INFO("keep " << keep << ", " << lists_max << " lists");
      const auto found = shelves.recall(keep, 0, 5, lists_max);
      for (std::size_t q = 0; q < 5; ++q) {
        for (std::size_t i = 0; i < keep; ++i) {
          CHECK(found[q][i].score == expected[q][i].score);
          CHECK(found[q][i].document == expected[q][i].document);
          CHECK(found[q][i].memory == expected[q][i].memory);
        }
      }
    }
  }
}

TEST_CASE("a query's answer is bitwise the same whoever asks beside it") {
  const Shelves shelves(48, {100, 60}, 7, 9);
  const auto together = shelves.recall(16, 0, 7);
  for (const std::size_t q : {0U, 3U, 6U}) {
    const auto alone = shelves.recall(16, q, 1).front();
    for (std::size_t i = 0; i < alone.size(); ++i) {
      CHECK(alone[i].score == together[q][i].score);
      CHECK(alone[i].document == together[q][i].document);
    }
  }
}
