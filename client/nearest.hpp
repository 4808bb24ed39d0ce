// Which of some nodes a client's task goes to, where it is known where on Earth both are: the
// nearest one, until it has so many of this client's tasks that one farther away is worth the trip.
//
// The way to a node is at first what light takes along the great circle. From an offer to the word
// that the node took it is measured, unless the offer was repeated (Karn and Partridge, 1987, as in
// actors/placing.hpp); then the exponential average of what was measured counts. It is forgotten
// after ten seconds without a measurement, so that one bad moment does not keep a node out for
// good. A node costs its way times the tasks that it would have, the new one included ("Peak EWMA"
// of Finagle, Twitter 2016); ways below `way_min` count as that, so nodes of one site share evenly.
//
// A node without a location is taken to be on the other side of the Earth until it is measured.
//
// Pure but for the books; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/id.hpp"
#include "base/location.hpp"
#include "base/random.hpp"
#include "base/time.hpp"

namespace troupe {

class Nearest {
 public:
  static constexpr Duration way_min = std::chrono::milliseconds(1);
  static constexpr Duration remembered_for = std::chrono::seconds(10);
  static constexpr double newest_counts = 0.125;  // of the average, as in TCP (RFC 6298)

  struct Candidate {
    std::uint32_t node = 0;
    std::size_t tasks = 0;  // of this client's that it has
  };

  // By node. Without the client's location, or where no node has one, all ways are as long.
  Nearest(const std::optional<Location>& client, std::span<const std::optional<Location>> nodes);

  void measured(Instant now, std::uint32_t node, Duration round_trip);
  void forget(std::uint32_t node);  // it went down
  [[nodiscard]] Duration way(Instant now, std::uint32_t node) const;

  // One of `candidates`, which is not empty; of equal ones any.
  [[nodiscard]] std::uint32_t choose(Instant now, std::span<const Candidate> candidates,
                                     Random& random) const;

 private:
  struct Way {
    Duration least{};
    Duration average{};
    Instant until{};  // the average is forgotten
  };
  bool located_ = false;
  std::vector<Way> ways_;
};

}  // namespace troupe
