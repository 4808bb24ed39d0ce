// Which of the cluster's nodes are taken to live, as this node sees it, and so where each agent
// does: on the one of them that scheduler/placement.hpp chooses.
//
// Nodes join and leave (`troupe reload`): one that joins lives from the moment it is up, one that
// leaves lives no more. Each has a number, by which this process knows it, for good: first those
// of the start by their names' order, then one after the other as they come.
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
  Members(std::vector<std::string> nodes, std::string_view self, Duration grace, Instant now);

  // Both return whether agents live elsewhere now.
  bool up(std::size_t node);
  bool advance(Instant now);

  void down(std::size_t node, Instant now);

  // A node more, or one that had left; its number. One that is here already stays as it is.
  std::size_t join(std::string name);
  // Not `self`. Whether agents live elsewhere now.
  bool leave(std::size_t node);

  // When the next grace ends.
  [[nodiscard]] std::optional<Instant> next_change() const;

  // The number of a node.
  [[nodiscard]] std::size_t home_of(std::string_view agent) const;
  [[nodiscard]] bool is_home(std::string_view agent) const { return home_of(agent) == self_; }
  [[nodiscard]] bool lives(std::size_t node) const;
  [[nodiscard]] std::vector<std::string> living() const;

  // Of the nodes that belong to the cluster, sorted.
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] std::optional<std::size_t> number_of(std::string_view name) const;
  // With those that have left: one more than the highest number.
  [[nodiscard]] std::size_t numbers() const;

  [[nodiscard]] std::string name(std::size_t node) const;
  [[nodiscard]] std::size_t self() const { return self_; }

 private:
  struct Node {
    std::string name;
    bool belongs = true;  // it has not left
    bool living = true;
    std::optional<Instant> until;  // of one that is down: the end of its grace
  };
  // Both under mutex_.
  void list_living();
  [[nodiscard]] std::size_t place_of(std::string_view name) const;  // one past the last: nowhere

  const Duration grace_;
  std::size_t self_ = 0;  // fixed

  mutable std::shared_mutex mutex_;  // guards the rest
  std::vector<Node> nodes_;
  std::vector<std::string> living_;
  std::vector<std::size_t> places_;  // of living_ in nodes_
};

}  // namespace troupe::actors
