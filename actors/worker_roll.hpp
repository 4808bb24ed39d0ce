// Which of the node's workers still work. One that was given up may come back: it has to report all
// the batches that it held when it was lost, as somebody who was away brings back the keys first.
//
// Pure and not thread-safe; the dispatcher owns it.
#pragma once

#include <cstddef>
#include <vector>

#include "base/id.hpp"

namespace troupe::actors {

class WorkerRoll {
 public:
  // All of them work.
  explicit WorkerRoll(std::size_t workers) : workers_(workers) {}

  [[nodiscard]] bool works(WorkerId worker) const { return !workers_[worker.value].lost; }
  [[nodiscard]] bool any_works() const noexcept;

  // It was given up, and batches that it held then are still out.
  [[nodiscard]] bool owes(WorkerId worker) const { return !workers_[worker.value].owed.empty(); }

  // It was slow beyond all patience, and held these batches: at least one.
  void lose(WorkerId worker, std::vector<BatchId> held);
  // It said itself that it is gone.
  void lose_for_good(WorkerId worker);

  // A report of a batch that nobody waits for. True if it was the last one that a lost worker owed:
  // from now on it works again.
  bool settled(WorkerId worker, BatchId batch);

 private:
  struct Entry {
    bool lost = false;
    std::vector<BatchId> owed;
  };
  std::vector<Entry> workers_;
};

}  // namespace troupe::actors
