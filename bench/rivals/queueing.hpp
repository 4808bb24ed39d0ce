// What all rivals do alike: queues, workers, expiry, cancellation, lost workers. A rival adds when
// a queue may be launched, and how many tasks go.
//
// Kept in ordered maps, for the clearness of it: a rival's own cost is never measured.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "bench/rivals/rivals.hpp"

namespace troupe::bench::rivals {

struct Known {
  scheduler::TaskRecord task;
  Instant arrived;
  std::uint64_t order = 0;  // of coming
  std::uint32_t launches = 0;
  bool queued = false;  // else on a worker
  bool canceled = false;
};

// By what goes first.
using Order = std::tuple<std::int64_t, std::uint64_t>;

struct Queue {
  std::map<Order, TaskId> tasks;
  std::map<std::pair<Instant, std::uint64_t>, TaskId> deadlines;
  std::map<std::uint64_t, Instant> arrivals;  // by order of coming
  std::size_t units = 0;
};

struct Machine {
  scheduler::WorkerJoined joined;
  std::map<scheduler::Kind, std::pair<Duration, Duration>> costs;  // fixed, per unit
  std::map<BatchId, std::vector<TaskId>> held;
  Instant free;  // since when it has held nothing

  [[nodiscard]] bool idle() const { return held.empty() && joined.slots > 0; }
  [[nodiscard]] Duration cost(const scheduler::Kind& kind, std::size_t units) const;
};

class Queueing : public scheduler::Policy {
 public:
  explicit Queueing(const RivalOptions& options) : options_(options) {}

  void handle(Instant now, const scheduler::Event& event, scheduler::Actions& out) override;
  void advance(Instant now, scheduler::Actions& out) override;
  [[nodiscard]] std::optional<Instant> next_wakeup() const override;
  [[nodiscard]] std::size_t queued() const noexcept override { return queued_; }
  [[nodiscard]] std::size_t launched() const noexcept override { return tasks_.size() - queued_; }

 protected:
  // Where a task stands in its queue: the least goes first, of equals the one that came first.
  [[nodiscard]] virtual std::int64_t rank(const scheduler::TaskRecord& task) const = 0;
  // From when on the queue, which is not empty, may go to that idle worker.
  [[nodiscard]] virtual Instant due(Instant now, const scheduler::Kind& kind, const Queue& queue,
                                    const Machine& machine) const = 0;
  // How many tasks go, at least one.
  [[nodiscard]] virtual std::size_t size(Instant, const scheduler::Kind&, const Queue& queue,
                                         const Machine&) const {
    return std::min<std::size_t>(queue.tasks.size(), options_.tasks_max);
  }
  // Whether what cannot be in time any more, even alone, is refused instead of launched.
  [[nodiscard]] virtual bool drops_hopeless() const { return false; }
  // Whether the queue's first task is shed, although its deadline has not come.
  [[nodiscard]] virtual bool sheds(Instant, const Queue&, Duration /*cost of all*/) const {
    return false;
  }
  // When sheds() turns true by itself, with nothing else happening.
  [[nodiscard]] virtual Instant sheds_at(const Queue&, Duration /*cost of all*/) const {
    return never;
  }
  // The queue's oldest task has waited so long and is launched now.
  virtual void launched_after(const scheduler::Kind&, Duration /*waited*/) {}

  [[nodiscard]] const RivalOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::uint32_t units_of(TaskId id) const { return tasks_.at(id).task.units; }

 private:
  void on(Instant now, const scheduler::TaskSubmitted& event, scheduler::Actions& out);
  void on(Instant now, const scheduler::TaskCanceled& event, scheduler::Actions& out);
  void on(Instant now, const scheduler::TaskRaised& event, scheduler::Actions& out);
  void on(Instant now, const scheduler::WorkerJoined& event, scheduler::Actions& out);
  void on(Instant now, const scheduler::CostGuessed& event, scheduler::Actions& out);
  void on(Instant now, const scheduler::WorkerLeft& event, scheduler::Actions& out);
  void on(Instant now, const scheduler::BatchFinished& event, scheduler::Actions& out);
  void on(Instant, const scheduler::OptionsChanged&, scheduler::Actions&) {}  // ours alone
  void expire(Instant now, scheduler::Actions& out);
  void drop_hopeless(Instant now, scheduler::Actions& out);
  void settle(Instant now, scheduler::Actions& out);
  void launch(Instant now, WorkerId id, Machine& machine, const scheduler::Kind& kind,
              scheduler::Actions& out);
  // On the fastest worker for it; none if there is no worker.
  [[nodiscard]] std::optional<Duration> least_cost(const scheduler::Kind& kind,
                                                   std::size_t units) const;
  void enqueue(TaskId id);
  void dequeue(TaskId id);
  void refuse(TaskId id, ErrorCode reason, scheduler::Actions& out, Duration needs = {});

  RivalOptions options_;
  Instant latest_;
  std::unordered_map<TaskId, Known> tasks_;
  std::map<scheduler::Kind, Queue> queues_;
  std::map<WorkerId, Machine> machines_;
  std::size_t queued_ = 0;
  std::uint64_t orders_ = 0;
  std::uint64_t batches_ = 0;
};

}  // namespace troupe::bench::rivals
