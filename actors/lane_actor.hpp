// One actor per lane: it stamps the time, hands events to the lane's decisions (scheduler/), and
// carries out what they say. The task's work and the way back to whoever asked wait here.
//
// The batcher is pooled; the fast lane has a thread of its own, because behind a thousand agents
// even a high-priority message waits too long. Each task that enters leaves with exactly one
// outcome.
#pragma once

#include <atomic>
#include <functional>
#include <unordered_map>

#include "actors/caf.hpp"
#include "actors/messages.hpp"
#include "actors/stats.hpp"
#include "base/clock.hpp"
#include "scheduler/batcher.hpp"
#include "scheduler/fast_lane.hpp"

namespace troupe::actors {

// How a lane hands a batch to a worker; the report comes back as BatchDone.
using LaunchBatch = std::function<void(WorkerId, kernels::Batch&&)>;

struct LaneWiring {
  Lane lane = Lane::ordinary;
  LaunchBatch launch;
  Stats* stats = nullptr;                     // outlives the actor
  std::atomic<std::int64_t>* held = nullptr;  // the door's count of tasks in this lane
  Log* log = nullptr;
};

template <class Decisions>  // scheduler::Batcher or scheduler::FastLane
class LaneActor final : public Actor {
 public:
  LaneActor(caf::actor_config& config, const LaneWiring& wiring, Decisions decisions)
      : Actor(config, *wiring.log), wiring_(wiring), decisions_(std::move(decisions)) {}

  [[nodiscard]] const char* name() const override {
    return wiring_.lane == Lane::urgent ? "fast-lane" : "batcher";
  }
  caf::behavior make_behavior() override;
  void on_exit() override;

 private:
  struct Carried {
    kernels::DeviceWork work;
    Reply reply;
    Instant submitted;
    Instant launched;
    std::uint32_t batch_tasks = 0;
    bool canceled = false;
  };

  void enter(EnterLane& task);
  void cancel(TaskId task);
  void finish(BatchDone& completed);
  void decide(Instant at, const scheduler::Event& event);
  void advance(Instant at);
  void carry_out(Instant at);
  void send_batch(Instant at, const scheduler::Launch& launch);
  void refuse(const scheduler::Refuse& refusal);
  void answer(TaskId task, Result<Output> result, Instant finished);
  void arm(Instant at);

  LaneWiring wiring_;
  Decisions decisions_;
  scheduler::Actions actions_;
  std::unordered_map<TaskId, Carried> carried_;
  Instant armed_ = never;
};

extern template class LaneActor<scheduler::Batcher>;
extern template class LaneActor<scheduler::FastLane>;

}  // namespace troupe::actors
