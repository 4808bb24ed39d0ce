// The doorkeeper's book (transport/guests.hpp) under arbitrary callers: hellos, messages and
// rubbish of several keys along routes that some of them share, while peers go, keys are taken off
// the allow-list and silent strangers are forgotten. fuzz_handshake_test.cpp drives this with
// seeded cases; to let a fuzzer loose on it:
//
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -DTROUPE_FUZZER -I.
//     -o fuzz_handshake tests/transport/fuzz_handshake.cpp transport/guests.cpp
//     base/{assert,error}.cpp
//
// What must hold, by notes taken from outside: who is let in has said hello with one key, under
// that key's name, on both lanes; what is delivered comes along the routes of a peer that is up,
// with its key; who was cut off is not heard until it is forgotten; nothing grows without bound.
#include "tests/transport/fuzz_handshake.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "transport/guests.hpp"

namespace troupe::transport::testing {
namespace {

using Verdict = Guests::Verdict;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "fuzz_handshake: %s\n", what);
  std::abort();
}

// Callers are few, so that they meet; three keys, of which the first two are one node's.
class Door {
 public:
  void act(std::uint8_t what, std::uint8_t who, std::uint8_t how) {
    now_ += std::chrono::milliseconds(who);
    const Guests::Caller caller{(how & 1U) != 0 ? Lane::urgent : Lane::ordinary,
                                std::to_string((how >> 1U) % 6), &keys_[who % keys_.size()]};
    switch (what % 24) {
      case 0:
        return forget(how);
      case 1:
        return evict(caller.who);
      case 2:
        return sweep(std::chrono::milliseconds(how % 8 == 0 ? 0 : how));
      case 3:
        return crowd(caller);
      case 4:
      case 5:
        return judge(caller, guests_.malformed(caller, now_), false);
      case 6:
      case 7:
      case 8:
        return judge(caller, guests_.message(caller, now_), false);
      case 9:
        return say_hello(caller, {"somebody else", 1, 1});
      default:
        return say_hello(caller, {caller.who->name, 1U + (what >> 7U), (who >> 2U) % 3U});
    }
  }

  [[nodiscard]] std::uint64_t let_in() const { return peers_ever_; }

 private:
  using Way = std::tuple<Lane, std::string, const AllowedKey*>;
  struct Guest {
    const AllowedKey* who = nullptr;
    std::array<std::string, lane_count> routes;
  };

  static Way way_of(const Guests::Caller& caller) {
    return {caller.lane, caller.route, caller.who};
  }

  void say_hello(const Guests::Caller& caller, const Hello& hello) {
    const auto answer = guests_.hello(caller, hello, now_);
    const bool good = hello.node == caller.who->name && hello.connection != 0;
    if (!good)
      require(answer.verdict == Verdict::ignore || answer.verdict == Verdict::refuse ||
                  answer.verdict == Verdict::cut,
              "a hello under another name, or of no connection, is let in nowhere");
    if (answer.verdict == Verdict::wait || answer.verdict == Verdict::pair)
      said_[way_of(caller)].insert({hello.epoch, hello.connection});
    judge(caller, answer, true);
    if (answer.verdict != Verdict::pair) return;
    for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
      const auto& route = answer.routes[static_cast<std::size_t>(lane)];
      require(said_[{lane, route, caller.who}].contains({hello.epoch, hello.connection}),
              "who is let in has said the same hello on both lanes");
      for (const auto& [peer, guest] : up_)
        require(guest.routes[static_cast<std::size_t>(lane)] != route, "a route leads to one peer");
    }
    const PeerId peer{++peers_ever_};
    guests_.bind(answer.routes, peer);
    up_[peer.value] = {caller.who, answer.routes};
  }

  void judge(const Guests::Caller& caller, const Guests::Answer& answer, bool is_hello) {
    const Way way = way_of(caller);
    const auto lane = static_cast<std::size_t>(caller.lane);
    heard_[way] = now_;
    if (cut_.contains(way))
      require(answer.verdict == Verdict::ignore, "who was cut off is ignored");
    if (answer.verdict == Verdict::deliver || answer.verdict == Verdict::repeat) {
      const auto peer = up_.find(answer.peer.value);
      require(peer != up_.end(), "what is delivered comes from a peer that is up");
      require(peer->second.who == caller.who, "and with its key");
      require(peer->second.routes[lane] == caller.route, "along its route");
      require(guests_.peer_of(caller) == answer.peer, "as whoever looks finds");
    }
    if (answer.verdict == Verdict::pair || answer.verdict == Verdict::wait ||
        answer.verdict == Verdict::repeat)
      require(is_hello, "only a hello is answered as one");
    if (answer.verdict == Verdict::refuse)
      require(++strikes_[way] < Guests::malformed_max, "nobody breaks the rules for ever");
    if (answer.verdict == Verdict::cut) {
      cut_.insert(way);
      if (const auto peer = up_.find(answer.peer.value); peer != up_.end()) {
        for (const Lane each : {Lane::urgent, Lane::ordinary})
          cut_.insert({each, peer->second.routes[static_cast<std::size_t>(each)], caller.who});
        up_.erase(peer);
        guests_.forget(answer.peer);
      }
    }
    require(guests_.routes() <= Guests::routes_max, "the book has a last page");
  }

  void forget(std::uint8_t which) {
    if (up_.empty()) return;
    const auto peer = std::next(up_.begin(), which % static_cast<std::ptrdiff_t>(up_.size()));
    guests_.forget({peer->first});
    for (const Lane lane : {Lane::urgent, Lane::ordinary})
      start_anew({lane, peer->second.routes[static_cast<std::size_t>(lane)], peer->second.who});
    up_.erase(peer);
  }

  void evict(const AllowedKey* who) {
    const auto evicted = guests_.evict(who);
    for (const PeerId peer : evicted.peers) {
      require(up_.contains(peer.value) && up_[peer.value].who == who, "only its own peers go");
      up_.erase(peer.value);
    }
    for (const auto& [peer, guest] : up_) require(guest.who != who, "and all of them");
    for (const auto& [lane, route] : evicted.routes) start_anew({lane, route, who});
    require(guests_.evict(who).routes.empty(), "nothing is left of it");
  }

  // Whoever was silent may be forgotten; those that were not are as before.
  void sweep(Duration silent) {
    const auto before = guests_.routes();
    guests_.sweep(now_ - silent);
    require(guests_.routes() <= before, "to forget makes room");
    require(guests_.routes() >= 2 * up_.size(), "peers are not forgotten");
    for (const auto& [way, heard] : heard_)
      if (heard < now_ - silent && !is_up(way)) start_anew(way);
    if (silent != Duration::zero()) return;
    now_ += std::chrono::nanoseconds(1);
    guests_.sweep(now_);
    require(guests_.routes() == 2 * up_.size(), "of the others nobody is left");
    for (const auto& [way, heard] : heard_)
      if (!is_up(way)) start_anew(way);
    for (const auto& key : keys_)
      require(guests_.message({Lane::urgent, "later", &key}, now_).verdict ==
                  (&key == &keys_.front() ? Verdict::ask : Verdict::ignore),
              "who comes later finds room, on a route of its own");
  }

  [[nodiscard]] bool is_up(const Way& way) const {
    const auto& [lane, route, who] = way;
    for (const auto& [peer, guest] : up_)
      if (guest.who == who && guest.routes[static_cast<std::size_t>(lane)] == route) return true;
    return false;
  }

  // One key, many routes.
  void crowd(const Guests::Caller& caller) {
    for (int i = 0; i < 500; ++i) {
      Guests::Caller one = caller;
      one.route = "crowd " + std::to_string(++strangers_);
      judge(one, guests_.message(one, now_), false);
    }
  }

  void start_anew(const Way& way) {
    cut_.erase(way);
    strikes_.erase(way);
  }

  const std::array<AllowedKey, 3> keys_ = {AllowedKey{{"a"}, "a", Role::node},
                                           AllowedKey{{"next a"}, "a", Role::node},
                                           AllowedKey{{"b"}, "b", Role::client}};
  Guests guests_;
  Instant now_{std::chrono::hours(1)};
  std::uint64_t peers_ever_ = 0;
  std::uint64_t strangers_ = 0;
  std::map<std::uint64_t, Guest> up_;
  std::map<Way, std::set<std::pair<std::uint64_t, std::uint64_t>>> said_;
  std::map<Way, std::uint32_t> strikes_;
  std::map<Way, Instant> heard_;
  std::set<Way> cut_;
};

}  // namespace

std::uint64_t try_handshakes(const std::uint8_t* data, std::size_t size) {
  Door door;
  for (std::size_t i = 0; i + 2 < size; i += 3) door.act(data[i], data[i + 1], data[i + 2]);
  return door.let_in();
}

}  // namespace troupe::transport::testing

#ifdef TROUPE_FUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  troupe::transport::testing::try_handshakes(data, size);
  return 0;
}
#endif
