// The simulated world: streams of tasks, devices and faults around one policy, on a virtual clock.
// The production scheduler runs in it as it runs in a node; rivals and broken ones do, too.
//
//   scheduler::Scheduler policy({});
//   RunReport report = sim::run(options, policy);
//
// A run takes no real time but for the computing, reads no clock and no randomness but the seed's,
// and is the same on every machine. Not thread-safe; worlds share nothing. Memory: a copy of the
// options, the tasks that wait, and eight bytes for the latency of each that was completed, twice.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "scheduler/policy.hpp"
#include "sim/device.hpp"
#include "sim/hash.hpp"
#include "sim/observer.hpp"
#include "sim/options.hpp"
#include "sim/report.hpp"
#include "sim/tasks.hpp"

namespace troupe::sim {

// The policy is new and is told of every device first. `observer`, if there is one, sees each call.
RunReport run(const WorldOptions& options, scheduler::Policy& policy, Observer* observer = nullptr);

class World {
 public:
  World(const WorldOptions& options, scheduler::Policy& policy, Observer* observer);
  RunReport run();

 private:
  enum class What : std::uint8_t {
    arrive,       // a: stream
    device,       // a: device, b: its turn
    report,       // a: batch
    join,         // a: device
    fall_silent,  // a: outage
    lose,         // a: device, b: epoch; c: how long it stays away
    update,       // a: update
    cancel,       // b: task
    raise,        // b: task
    resubmit,     // b: task
    strange,
    measure_begin,
    measure_end,
    clock,  // a step of the clock is over: look again when to wake the policy
  };
  struct Happening {
    Instant at;
    std::uint64_t order = 0;  // of equals, the first planned goes first
    What what = What::clock;
    std::uint32_t a = 0;
    std::uint64_t b = 0;
    std::int64_t c = 0;
    bool operator>(const Happening& other) const noexcept {
      return at != other.at ? at > other.at : order > other.order;
    }
  };
  struct Node {  // a device, as the world knows it
    explicit Node(const DeviceOptions& given) : options(given), device(given.tile) {}
    DeviceOptions options;
    Device device;
    bool here = false;
    bool takes_work = false;
    std::uint64_t epoch = 0;  // how often it was lost
    std::uint64_t turn = 0;   // of device.next(): older ones are stale
    Instant idle_since;
    Duration busy_before{};           // the warm-up's end
    std::vector<std::uint32_t> held;  // batches
  };
  struct Batch {
    BatchId id;
    std::uint32_t device = 0;
    std::vector<TaskId> tasks;
    std::uint64_t units = 0;
    Duration work{};
    Lane lane = Lane::ordinary;
    bool held = false;          // by a device that is here, as far as the policy can know
    std::uint32_t reports = 0;  // under way
  };

  void plan();
  void plan_stream(std::uint32_t stream);
  void plan_faults();
  void at(Instant when, What what, std::uint32_t a = 0, std::uint64_t b = 0, std::int64_t c = 0);
  [[nodiscard]] Instant on_grid(Instant when) const noexcept;
  [[nodiscard]] Duration on_grid(Duration duration) const noexcept;
  Duration draw_up_to(Duration limit);

  bool step();
  void happen(const Happening& happening);
  [[nodiscard]] Duration clock_behind() const noexcept;
  [[nodiscard]] Instant wakes_at() const noexcept;
  void call(const scheduler::Event* event);
  void call(const scheduler::Event& event) { call(&event); }
  void carry_out(scheduler::Launch& launch);
  [[nodiscard]] Duration cost_of(const DeviceOptions& device, const scheduler::Kind& kind,
                                 std::uint64_t units);
  void note_idleness(std::size_t queued_before);
  void replan(std::uint32_t device);

  void arrive(std::uint32_t stream);
  void submit(std::uint32_t stream, std::uint32_t units);
  void plan_trouble_for(TaskId task);
  void next_of_agent(std::uint32_t stream, Duration wait_min);
  void refused(const scheduler::Refuse& refuse);
  void completed(TaskId id, Lane lane);
  void device_turns(std::uint32_t device, std::uint64_t turn);
  void report(std::uint32_t batch);
  void release(std::uint32_t batch);
  void join(std::uint32_t device);
  void lose(std::uint32_t device, std::uint64_t epoch, Duration away);
  void update(const DeviceUpdate& update);
  void strange();
  RunReport finish();

  WorldOptions options_;
  scheduler::Policy& policy_;
  Observer* observer_;
  Random random_;
  Instant now_{};
  Instant measure_from_;
  Instant end_;
  std::vector<Happening> happenings_;  // a heap, the earliest on top
  std::uint64_t planned_ = 0;
  std::vector<std::size_t> traced_;     // by stream: how much of its trace has come
  std::vector<std::size_t> tenant_of_;  // by stream: its place in the report
  std::vector<Node> nodes_;
  std::vector<Batch> batches_;
  std::vector<std::uint32_t> free_batches_;
  LiveTasks tasks_;
  scheduler::Actions actions_;
  DecisionHash hash_;
  Instant queued_since_;          // without a break
  std::uint32_t idle_calls_ = 0;  // of advance() at one instant, without effect
  RunReport report_;
};

}  // namespace troupe::sim
