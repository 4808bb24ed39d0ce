// Links on this machine's loopback, for tests: a recorder of everything that a link reports, free
// ports, and members with keys. Tests wait for what the recorder has seen, never for time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tests/catch.hpp"
#include "tests/transport/memory_link.hpp"
#include "transport/link.hpp"

namespace troupe::transport::testing {

// Far longer than anything takes, for slow machines under sanitizers.
inline constexpr auto patience = std::chrono::seconds(30);

Endpoint free_endpoint();

KeyPair new_keys();

// Everything that the callbacks said, in order. Thread-safe.
class Recorder {
 public:
  struct Seen {
    std::vector<std::pair<PeerId, PeerInfo>> ups;
    std::vector<std::pair<PeerId, Error>> downs;
    std::vector<std::pair<PeerId, Message>> messages;
    std::vector<std::string> order;  // "up 1", "message 1", "down 1"

    [[nodiscard]] std::vector<std::string> topics() const;  // of the agent messages
  };

  LinkEvents events();

  // Waits until `condition(seen)` holds and says whether it did within the patience.
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return condition(seen_); });
  }

  Seen seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Seen seen_;
};

// A process's end of the link. The recorder outlives the link.
struct Member {
  std::string name;
  KeyPair keys = new_keys();
  std::optional<Endpoint> endpoint;
  LinkOptions options;
  std::unique_ptr<Recorder> recorder = std::make_unique<Recorder>();
  std::unique_ptr<Link> link;
  MemoryNetwork* memory = nullptr;

  // `options` may be changed before start(). On sockets where there is no network, which otherwise
  // outlives it.
  explicit Member(std::string member_name, MemoryNetwork* network = nullptr);
  void listens() { endpoint = free_endpoint(); }
  void allow(const Member& other, Role role);
  void start();
  void start_with(LinkEvents events);
  void restart();  // a new process with the same name, keys and ports
  PeerId connect_to(const Member& server);

  // The peer that came up as number `nth`, counted from 1.
  PeerId up(std::size_t nth = 1);
};

// A node that serves and a client that it knows, connected and up.
struct Pair {
  Member server;
  Member client;
  PeerId to_server;
  PeerId to_client;
  explicit Pair(MemoryNetwork* network = nullptr);
};

bool wait_for_downs(Member& member, std::size_t count);

// Up, messages, down, and again, for each peer.
void require_in_order(const Recorder::Seen& seen);

// As the allow-list names it.
AllowedKey entry(const Member& member, Role role);

// A server "a" that knows "client" and not "late".
struct Doorstep {
  Member server, client, late;
  PeerId to_server;
  int rounds = 0;

  explicit Doorstep(MemoryNetwork* network = nullptr);

  void require_undisturbed();
};

AgentMessage message(const std::string& topic, std::string body = "");

// Asks again and again, for what no callback reports. False when the patience ended first.
bool eventually(const std::function<bool()>& condition);

// A client sends along its connection and the server hears it: the two are undisturbed.
void require_works(Member& client, PeerId to_server, Member& server, const std::string& topic);

}  // namespace troupe::transport::testing
