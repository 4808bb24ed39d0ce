// Which of the cluster's nodes are taken to live, as this node sees it, and so where each agent
// does: on the one of them that scheduler/placement.hpp chooses.
//
// A node that goes down is taken to live for `grace` more: one that restarts, or whose link broke
// for a moment, keeps its agents, whose mail waits meanwhile (waiting_mail.hpp). After that its
// agents live elsewhere, until it is up again. Nobody agrees on who lives: two nodes that see
// different ones send mail on to the better home of the two, and never back, because each hop
// raises the hash.
//
// A function of what it is told and when. Thread-safe: agents look up homes on their own threads.
#pragma once

#include <cstdint>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace troupe::actors {

class Members {
 public:
  // `nodes`: of the cluster, no name twice, `self` among them. The others have the grace too, to
  // come up after `now`.
  Members(std::vector<std::string> nodes, std::size_t self, Duration grace, Instant now);

  // Both return whether agents live elsewhere now.
  bool up(std::size_t node);
  bool advance(Instant now);

  void down(std::size_t node, Instant now);

  // When the next grace ends.
  [[nodiscard]] std::optional<Instant> next_change() const;

  // A place in the list of nodes.
  [[nodiscard]] std::size_t home_of(std::string_view agent) const;
  [[nodiscard]] bool is_home(std::string_view agent) const { return home_of(agent) == self_; }
  [[nodiscard]] bool lives(std::size_t node) const;
  [[nodiscard]] std::vector<std::string> living() const;

  [[nodiscard]] const std::string& name(std::size_t node) const { return nodes_[node].name; }
  [[nodiscard]] std::size_t self() const { return self_; }

 private:
  struct Node {
    std::string name;
    bool living = true;
    std::optional<Instant> until;  // of one that is down: the end of its grace
  };
  void list_living();  // under mutex_

  const std::size_t self_;
  const Duration grace_;

  mutable std::shared_mutex mutex_;  // guards the rest, but for the names
  std::vector<Node> nodes_;
  std::vector<std::string> living_;
  std::vector<std::size_t> places_;  // of living_ in nodes_
};

}  // namespace troupe::actors
