#include "client/nearest.hpp"

#include <algorithm>

namespace troupe {

Nearest::Nearest(const std::optional<Location>& client,
                 std::span<const std::optional<Location>> nodes)
    : ways_(nodes.size()) {
  located_ = client && std::any_of(nodes.begin(), nodes.end(),
                                   [](const auto& node) { return node.has_value(); });
  if (!located_) return;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    ways_[i].least = nodes[i] ? least_round_trip(*client, *nodes[i]) : least_round_trip_max();
}

void Nearest::measured(Instant now, std::uint32_t node, Duration round_trip) {
  Way& way = ways_[node];
  const auto change = static_cast<double>((round_trip - way.average).count()) * newest_counts;
  way.average =
      now < way.until ? way.average + Duration{static_cast<Duration::rep>(change)} : round_trip;
  way.until = later(now, remembered_for);
}

void Nearest::forget(std::uint32_t node) {
  ways_[node].until = {};
}

Duration Nearest::way(Instant now, std::uint32_t node) const {
  if (!located_) return way_min;
  const Way& way = ways_[node];
  return std::max(way_min, now < way.until ? way.average : way.least);
}

std::uint32_t Nearest::choose(Instant now, std::span<const Candidate> candidates,
                              Random& random) const {
  std::vector<std::uint32_t> best;
  double least = 0;
  for (const Candidate& one : candidates) {
    const double cost =
        static_cast<double>(way(now, one.node).count()) * static_cast<double>(one.tasks + 1);
    if (!best.empty() && cost > least) continue;
    if (cost < least) best.clear();
    least = cost;
    best.push_back(one.node);
  }
  return best[random.below(best.size())];
}

}  // namespace troupe
