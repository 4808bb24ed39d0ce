// What our actors say to each other. One struct per message; none leaves the process.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "actors/agent.hpp"
#include "actors/caf.hpp"
#include "base/task.hpp"
#include "kernels/device.hpp"
#include "scheduler/task.hpp"
#include "transport/link.hpp"

namespace troupe::actors {

// Where a task's one outcome goes. Called once, on an actor's thread; must only post.
using Reply = std::function<void(TaskOutcome&&)>;

// --- lanes and workers --------------------------------------------------------------------------

// Door -> lane: a task that has been admitted.
struct EnterLane {
  scheduler::TaskRecord record;
  kernels::DeviceWork work;
  Reply reply;
};

// Door -> both lanes: whoever has it drops it.
struct CancelInLane {
  TaskId task;
};

// Node -> lane: a device that takes batches from it.
struct AddWorker {
  WorkerId worker;
  std::uint32_t slots = 1;
  kernels::Cost cost;
};

// Batcher -> worker.
struct RunBatch {
  kernels::Batch batch;
};

// Device's thread -> lane.
struct BatchDone {
  WorkerId worker;
  kernels::BatchReport report;
};

// Lane -> itself: a moment that it asked for.
struct Wake {
  Instant at;
};

// --- agents -------------------------------------------------------------------------------------

struct Deliver {
  AgentMail mail;
};

struct OutcomeForAgent {
  std::uint64_t incarnation = 0;  // which of the agent's lives asked
  TaskOutcome outcome;
};

struct TimerFired {
  std::uint64_t incarnation = 0;
  TimerId timer = 0;
};

// Shell -> itself, through the timers: the back-off is over.
struct Restart {
  std::uint64_t incarnation = 0;
};

// Shell -> timers.
struct ArmTimer {
  Instant at;
  caf::actor shell;
  std::uint64_t incarnation = 0;
  TimerId timer = 0;
  bool restart = false;  // send Restart instead of TimerFired
};

// --- other nodes --------------------------------------------------------------------------------

// Link's thread -> bridge.
struct FromPeer {
  transport::PeerId peer;
  std::shared_ptr<transport::Message> message;  // shared: CAF copies what it cannot move
};

// Bridge -> itself: look for tasks whose answer is overdue.
struct Sweep {
  std::uint8_t unused = 0;
};

}  // namespace troupe::actors

TROUPE_MESSAGE(troupe::actors::EnterLane)
TROUPE_MESSAGE(troupe::actors::CancelInLane)
TROUPE_MESSAGE(troupe::actors::AddWorker)
TROUPE_MESSAGE(troupe::actors::RunBatch)
TROUPE_MESSAGE(troupe::actors::BatchDone)
TROUPE_MESSAGE(troupe::actors::Wake)
TROUPE_MESSAGE(troupe::actors::Deliver)
TROUPE_MESSAGE(troupe::actors::OutcomeForAgent)
TROUPE_MESSAGE(troupe::actors::TimerFired)
TROUPE_MESSAGE(troupe::actors::Restart)
TROUPE_MESSAGE(troupe::actors::ArmTimer)
TROUPE_MESSAGE(troupe::actors::FromPeer)
TROUPE_MESSAGE(troupe::actors::Sweep)
