// What our actors say to each other. One struct per message; none leaves the process.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "actors/agent.hpp"
#include "actors/caf.hpp"
#include "actors/cluster_node.hpp"
#include "actors/in_hand.hpp"
#include "actors/reply.hpp"
#include "base/task.hpp"
#include "transport/link.hpp"

namespace troupe::actors {

// Timers -> itself: a moment that it asked for.
struct Wake {
  Instant at;
};

// --- agents -------------------------------------------------------------------------------------

struct Deliver {
  AgentMail mail;
  Held held;
};

// Directory -> shell: its agent lives on another node now. Nothing is delivered behind this.
struct MoveAway {
  std::uint8_t unused = 0;
};

// Dispatcher or bridge -> shell. The tag says which of the agent's lives asked.
struct OutcomesForAgent {
  std::vector<Answer> answers;
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
  caf::actor shell;  // or the bridge's, whose timers need no more than to fire
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

// Link's thread -> bridge, in order with FromPeer of anything but mail.
struct PeerUp {
  transport::PeerId peer;
  transport::PeerInfo info;
};
struct PeerDown {
  transport::PeerId peer;
};

// Bridge -> its actor: the cluster's nodes from now on.
struct NodesWanted {
  std::vector<ClusterNode> nodes;
};

// Exchange -> bridge's actor: something is to be done, now.
struct ExchangeWork {
  std::uint8_t unused = 0;
};

}  // namespace troupe::actors

TROUPE_MESSAGE(troupe::actors::Wake)
TROUPE_MESSAGE(troupe::actors::Deliver)
TROUPE_MESSAGE(troupe::actors::MoveAway)
TROUPE_MESSAGE(troupe::actors::OutcomesForAgent)
TROUPE_MESSAGE(troupe::actors::TimerFired)
TROUPE_MESSAGE(troupe::actors::Restart)
TROUPE_MESSAGE(troupe::actors::ArmTimer)
TROUPE_MESSAGE(troupe::actors::FromPeer)
TROUPE_MESSAGE(troupe::actors::PeerUp)
TROUPE_MESSAGE(troupe::actors::PeerDown)
TROUPE_MESSAGE(troupe::actors::NodesWanted)
TROUPE_MESSAGE(troupe::actors::ExchangeWork)
