// The link: this process's connections to other nodes, over ZeroMQ, encrypted and authenticated by
// CURVE, never otherwise.
//
// A process that serves binds two ROUTER sockets, one per lane; whoever opens a connection uses two
// DEALER sockets. A connection carries messages both ways: the opener's requests, and the answers.
// Two nodes that both want to speak first each open one. Urgent messages never queue behind
// ordinary ones, at either end; heartbeats, cancels and control ride in the urgent lane.
//
// One thread owns every socket. send() may be called from any thread: it puts the message on a
// lock-free queue and wakes the owner. The callbacks run on the owner thread and must only post
// messages. What the callbacks report about a peer is in order: up, messages, down.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/lane.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "transport/keys.hpp"
#include "transport/message.hpp"

namespace troupe::transport {

// One live conversation. For a connection that we opened it stays the same across reconnects; for
// one that a peer opened it is new for each of the peer's sockets' lives.
struct PeerId {
  std::uint64_t value = 0;
  auto operator<=>(const PeerId&) const = default;
};

// Who is at the other end, as its authenticated key says (the allow-list names the keys).
struct PeerInfo {
  std::string name;
  Role role = Role::client;
  std::uint64_t epoch = 0;
  bool delivery = false;  // announced (message.hpp)
};

struct Endpoint {
  std::string host;  // an address of a named interface; never a wildcard
  std::uint16_t urgent_port = 0;
  std::uint16_t ordinary_port = 0;
  bool operator==(const Endpoint&) const = default;
};

// Of one name there may be two while its key is rotated.
struct AllowedKey {
  PublicKey key;
  std::string name;
  Role role = Role::client;
  bool operator==(const AllowedKey&) const = default;
};

struct LinkOptions {
  std::string name;  // of this node, or "client"
  KeyPair keys;
  std::vector<AllowedKey> allowed;  // who may connect; empty for a process that serves nobody
  std::optional<Endpoint> listen;   // unset: connects only
  Duration heartbeat_interval = std::chrono::seconds(1);
  std::uint32_t heartbeats_missed_max = 3;
  std::uint64_t outbox_bytes_max = std::uint64_t{64} << 20;  // waiting to be sent, per peer
  bool delivery = false;                                     // announce it (message.hpp)
};

struct LinkEvents {
  std::function<void(PeerId, const PeerInfo&)> on_up;     // HELLO exchanged
  std::function<void(PeerId, const Error& why)> on_down;  // silent too long, restarted, or gone
  std::function<void(PeerId, Message&&)> on_message;      // valid, from a peer that is up
  // A connection that we opened broke or did not come about, and is opened again: the moment to
  // rekey() it. May be empty.
  std::function<void(PeerId)> on_retry{};
};

struct LinkCounters {
  std::uint64_t messages_sent = 0;
  std::uint64_t messages_received = 0;
  std::uint64_t malformed = 0;      // dropped, each with a log line's worth in on_down or nothing
  std::uint64_t ignored = 0;        // before a hello, or from a peer that was cut off
  std::uint64_t unauthorized = 0;   // handshakes that the allow-list refused
  std::uint64_t undeliverable = 0;  // to a peer that had gone
};

// What stands between us and a peer, in bytes.
struct LinkBacklog {
  std::array<std::uint64_t, lane_count> waiting{};  // to be sent, by lane
  std::uint64_t on_its_way = 0;                     // sent on the ordinary lane, not yet received
  std::uint64_t window = 0;                         // how much that may be now
};

class Link;
// As Link::open(): who takes one lets tests put a link of another kind in its place.
using OpenLink = std::function<Result<std::unique_ptr<Link>>(LinkOptions, LinkEvents)>;

class Link {
 public:
  // Errors: io when a port is in use or an address is not ours (says which), config for a wildcard.
  static Result<std::unique_ptr<Link>> open(LinkOptions options, LinkEvents events);

  virtual ~Link() = default;  // stops

  // Starts to connect and keeps trying; on_up says when it worked. Messages sent before that wait.
  // The server proves to have any one of the keys; they are tried in turn.
  virtual PeerId connect(const Endpoint& endpoint, std::vector<PublicKey> server_keys) = 0;

  // Ends a connection that we opened, for good, and says so to the peer. What waits to be sent is
  // not. on_down follows if it was up. Any other peer is left alone.
  virtual void disconnect(PeerId peer) = 0;

  // Of a connection that we opened: what it is opened with from the next time on. Errors:
  // invalid_argument for keys that are none.
  virtual Status rekey(PeerId peer, std::vector<PublicKey> server_keys) = 0;
  // As whom all of them are.
  virtual Status rekey(KeyPair own) = 0;

  // Replaces the allow-list. Who is not on it any more, or not as before, is down from then on, and
  // what comes along its connections is ignored until it has said hello with a key that is. A
  // connection of ours to a node whose key has gone is opened again with those of its name. Errors:
  // those of open().
  virtual Status allow(const std::vector<AllowedKey>& allowed) = 0;

  // Errors: queue_full over outbox_bytes_max, unreachable for a peer that is down or unknown,
  // too_large over a frame's limit. Success means queued, not delivered.
  virtual Status send(PeerId peer, Lane lane, const Message& message) = 0;

  [[nodiscard]] virtual LinkCounters counters() const = 0;
  // Zeros for a peer that is unknown.
  [[nodiscard]] virtual LinkBacklog backlog(PeerId peer) const = 0;

  // Sends what is queued for at most `linger`, then closes everything and joins the owner thread.
  // Idempotent. No callback runs after it returned.
  virtual void stop(Duration linger) = 0;
};

}  // namespace troupe::transport
