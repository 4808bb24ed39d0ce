// One simulated node: tasks arrive, choose_lane() sends each to the fast lane or the batcher, their
// launches go to devices on a virtual clock, completions come back late, twice, or not at all. The
// lanes are wired the way the actors wire them; a Checker reads every step.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/random.hpp"
#include "scheduler/batcher.hpp"
#include "scheduler/fast_lane.hpp"
#include "tests/sim/checker.hpp"
#include "tests/sim/device.hpp"
#include "tests/sim/options.hpp"
#include "tests/sim/trace.hpp"

namespace troupe::sim {

struct RunReport {
  std::optional<Violation> violation;
  std::uint64_t hash = 0;
  std::uint64_t steps = 0;
  Coverage coverage;
  // From the arrival to the report, of tasks that ran: those that had asked for the urgent lane,
  // and the others.
  std::vector<Duration> asked_urgent;
  std::vector<Duration> others;
  Instant ended;
};

// Runs one world to its end or its first violation.
RunReport run(const SimOptions& options);

// The same, and once more to see that the trace is the same: the whole judgement over a seed.
RunReport run_seed(std::uint64_t seed);

class World {
 public:
  explicit World(const SimOptions& options);
  RunReport run();

 private:
  struct Node {  // a worker, as the world knows it
    explicit Node(Duration tile) : device(tile) {}
    SimDevice device;
    bool here = false;
    scheduler::WorkerJoined joined[lane_count];  // what each lane is told
  };
  struct Happening {
    Instant at;
    std::uint64_t order = 0;
    std::function<void()> act;
    bool operator>(const Happening& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };
  struct Sent {  // a task the world waits for
    Lane lane = Lane::ordinary;
    Instant at;
    bool asked_urgent = false;
    scheduler::TaskRecord task;
  };

  void plan();
  Instant plan_arrivals();  // returns the last one
  void plan_faults(Instant last);
  void at(Instant when, std::function<void()> act);
  [[nodiscard]] Instant on_grid(Instant when) const;
  [[nodiscard]] Duration on_grid(Duration duration) const;
  Duration draw_up_to(Duration limit);

  bool step();  // one thing happens; false at the end
  void call(Lane lane, const scheduler::Event* event);
  template <class Scheduler>
  void call_on(Scheduler& scheduler, Lane lane, const scheduler::Event* event);
  void carry_out(Lane lane, const scheduler::Launch& launch);

  void arrive();
  void join(std::size_t node);
  void lose(std::size_t node);
  void update(std::size_t node);
  void strange();
  void completed(std::size_t node, const SimDevice::Done& done);
  void report(std::size_t node, const SimDevice::Done& done);
  [[nodiscard]] scheduler::WorkerJoined draw_worker(std::size_t node, std::uint32_t slots_max);

  SimOptions options_;
  Random random_;
  Instant now_{};
  scheduler::FastLane fast_lane_;
  scheduler::Batcher batcher_;
  Checker checker_;
  TraceHash hash_;
  TaskIdSource ids_{7};
  std::vector<Node> nodes_;
  std::priority_queue<Happening, std::vector<Happening>, std::greater<>> happenings_;
  std::uint64_t planned_ = 0;
  std::unordered_map<TaskId, Sent> sent_;  // without outcome
  std::unordered_map<BatchId, std::vector<TaskId>> batches_;
  std::vector<scheduler::Action> actions_;
  RunReport report_;
};

}  // namespace troupe::sim
