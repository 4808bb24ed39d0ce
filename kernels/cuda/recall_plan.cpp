#include "kernels/cuda/recall_plan.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace troupe::cuda {
namespace {

class Planner {
 public:
  Planner(std::span<const ResidentMemories::Piece> pieces, std::uint32_t queries,
          std::uint32_t keep, std::uint32_t lists_max)
      : pieces_(pieces), queries_(queries), fan_in_(recall_merge_max / keep) {
    // In front of each query's lists a pair: a round's best, and those of the rounds before. Then
    // room for the lists of a round, and for those they are merged into.
    const std::uint32_t most = lists_max / queries - 2;
    each_ = std::max(1U, most * fan_in_ / (fan_in_ + 1));
    while (each_ > 1 && each_ + groups_of(each_) > most) --each_;
    const auto count = static_cast<std::uint32_t>(pieces.size());
    each_ = std::min(each_, count);
    TROUPE_ASSERT(each_ + groups_of(each_) <= most, "a recall without room for its lists");
  }

  RecallPlan plan() {
    const auto count = static_cast<std::uint32_t>(pieces_.size());
    const std::uint32_t pairs = 0;
    for (std::uint32_t first = 0; first < count; first += each_) {
      const std::uint32_t best = round(first, std::min(each_, count - first));
      if (each_ == count) {
        plan_.result = best;
        return std::move(plan_);
      }
      if (first == 0) {
        move_to(best, pairs + 1);
      } else {
        move_to(best, pairs);
        merge([&](std::uint32_t q) { return MergeTile{pairs + 2 * q, 2, pairs + 2 * q + 1, 0}; });
      }
    }
    plan_.result = pairs + 1;
    plan_.result_step = 2;
    return std::move(plan_);
  }

 private:
  [[nodiscard]] std::uint32_t groups_of(std::uint32_t lists) const {
    return (lists + fan_in_ - 1) / fan_in_;
  }

  // Returns where the queries' lists are, one beside the other.
  std::uint32_t round(std::uint32_t first, std::uint32_t count) {
    std::uint32_t from = 2 * queries_;
    std::uint32_t to = from + queries_ * each_;
    const auto tiles = static_cast<std::uint32_t>(plan_.scores.size());
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto& piece = pieces_[first + i];
      for (std::uint32_t q = 0; q < queries_; q += recall_queries_per_tile)
        plan_.scores.push_back({piece.rows, piece.slots, piece.count, piece.memory, q,
                                std::min(queries_ - q, recall_queries_per_tile),
                                from + q * count + i, count});
    }
    plan_.steps.push_back({false, tiles, static_cast<std::uint32_t>(plan_.scores.size()) - tiles});
    while (count > 1) {
      const std::uint32_t groups = groups_of(count);
      const auto merged = static_cast<std::uint32_t>(plan_.merges.size());
      for (std::uint32_t q = 0; q < queries_; ++q) {
        for (std::uint32_t g = 0; g < groups; ++g)
          plan_.merges.push_back({from + q * count + g * fan_in_,
                                  std::min(fan_in_, count - g * fan_in_), to + q * groups + g, 0});
      }
      plan_.steps.push_back({true, merged, queries_ * groups});
      std::swap(from, to);
      count = groups;
    }
    return from;
  }

  // One tile for each query.
  template <class Tile>
  void merge(const Tile& tile) {
    plan_.steps.push_back({true, static_cast<std::uint32_t>(plan_.merges.size()), queries_});
    for (std::uint32_t q = 0; q < queries_; ++q) plan_.merges.push_back(tile(q));
  }
  void move_to(std::uint32_t from, std::uint32_t to) {
    merge([&](std::uint32_t q) { return MergeTile{from + q, 1, to + 2 * q, 0}; });
  }

  std::span<const ResidentMemories::Piece> pieces_;
  std::uint32_t queries_;
  std::uint32_t fan_in_;    // lists that one tile merges; at least two
  std::uint32_t each_ = 1;  // pieces of a round
  RecallPlan plan_;
};

}  // namespace

RecallPlan plan_recall(std::span<const ResidentMemories::Piece> pieces, std::uint32_t queries,
                       std::uint32_t keep, std::uint32_t lists_max) {
  TROUPE_ASSERT(!pieces.empty() && queries > 0 && lists_max >= recall_lists_min(queries),
                "a recall of nothing");
  return Planner(pieces, queries, keep, lists_max).plan();
}

}  // namespace troupe::cuda
