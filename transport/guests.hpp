// Who is behind each socket that connected to us: the doorkeeper's book.
//
// A peer that opens a connection arrives on two sockets, one per lane, each under a routing id that
// ZeroMQ made up or the peer chose. The routing id is only the way back; who somebody is says the
// CURVE key of each message. A conversation begins when hellos with the same key, epoch and
// connection number have arrived on both lanes, under the name that the allow-list gives the key.
// Whoever sends `malformed_max` things that break the rules is cut off: ignored from then on.
//
// Sans-io: the owner of the sockets asks about everything that arrives and does what the answer
// says. Bounded: so many routes are remembered, in all and per key; sweep() forgets silent
// strangers.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "transport/link.hpp"
#include "transport/message.hpp"

namespace troupe::transport {

class Guests {
 public:
  static constexpr std::uint32_t malformed_max = 8;
  static constexpr std::size_t routes_max = 8192;
  static constexpr std::size_t routes_per_key_max = 1024;  // no key can take all the room

  struct Caller {
    Lane lane = Lane::ordinary;
    std::string route;                // the routing id
    const AllowedKey* who = nullptr;  // from the allow-list, by the message's key; until evict()
  };

  enum class Verdict {
    ignore,    // drop it: from somebody who was cut off, or there is no room for strangers
    refuse,    // drop it and count it: against the rules
    cut,       // as refuse, once too often: `peer`, if any, is gone from now on
    ask,       // drop it: no hello has come along this route; ask for one
    stranger,  // drop it: as ask, but it was asked already
    wait,      // a hello; the one on the other lane is still to come
    pair,      // both hellos have come: bind() `routes` to a new peer
    repeat,    // a hello that was heard before: answer it again
    deliver,   // from `peer`, which is up
  };
  struct Answer {
    Verdict verdict = Verdict::ignore;
    PeerId peer{};
    std::array<std::string, lane_count> routes{};
  };

  Answer hello(const Caller& caller, const Hello& hello, Instant now);
  Answer message(const Caller& caller, Instant now);
  Answer malformed(const Caller& caller, Instant now);

  // None if it is not bound.
  [[nodiscard]] PeerId peer_of(const Caller& caller) const;

  void bind(const std::array<std::string, lane_count>& routes, PeerId peer);

  // The peer is down: its routes lead nowhere until a new hello comes along them.
  void forget(PeerId peer);

  // The key is not on the allow-list any more, or not as it was: forgets all of its routes.
  struct Evicted {
    std::vector<PeerId> peers;                           // that were up
    std::vector<std::pair<Lane, std::string>> routes{};  // ways back to whoever has the key
  };
  Evicted evict(const AllowedKey* who);

  // Forgets routes without a peer of which nothing was heard since `before`.
  void sweep(Instant before);

  [[nodiscard]] std::size_t routes() const noexcept { return routes_.size(); }

 private:
  using Key = std::pair<Lane, std::string>;
  struct Route {
    const AllowedKey* who = nullptr;
    std::uint64_t epoch = 0;
    std::uint64_t connection = 0;  // 0: no hello has come
    PeerId peer;                   // 0: not bound
    std::uint32_t malformed = 0;
    bool asked = false;
    bool cut = false;
    Instant heard;
  };

  // The caller's entry, made if there is room; null if not, or if another key holds the route.
  Route* find(const Caller& caller, Instant now);
  Answer strike(Route& route);
  template <class Condition>
  void erase_if(Condition condition);

  std::map<Key, Route> routes_;
  std::map<const AllowedKey*, std::size_t> routes_of_;
};

}  // namespace troupe::transport
