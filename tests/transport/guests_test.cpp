#include "transport/guests.hpp"

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::transport;
using Verdict = Guests::Verdict;
using std::chrono::seconds;

namespace {

constexpr Instant start{seconds(1000)};
constexpr std::uint64_t epoch = 11;

struct Door {
  AllowedKey a{{"key of a"}, "a", Role::node};
  AllowedKey b{{"key of b"}, "b", Role::node};
  Guests guests;

  static Guests::Caller caller(const AllowedKey& who, Lane lane, const std::string& route) {
    return {lane, route, &who};
  }

  // Says hello on both lanes along `route`; answers what the second one was answered.
  Guests::Answer enter(const AllowedKey& who, const std::string& route, std::uint64_t connection) {
    const Hello hello{who.name, epoch, connection};
    CHECK(guests.hello(caller(who, Lane::urgent, "u" + route), hello, start).verdict ==
          Verdict::wait);
    return guests.hello(caller(who, Lane::ordinary, "o" + route), hello, start);
  }

  void enter_as(PeerId peer, const AllowedKey& who, const std::string& route) {
    const auto answer = enter(who, route, peer.value + 100);
    REQUIRE(answer.verdict == Verdict::pair);
    guests.bind(answer.routes, peer);
  }

  Guests::Answer say(const AllowedKey& who, const std::string& route) {
    return guests.message(caller(who, Lane::urgent, "u" + route), start);
  }
  Verdict babble(const AllowedKey& who, const std::string& route) {
    return guests.malformed(caller(who, Lane::urgent, "u" + route), start).verdict;
  }
};

}  // namespace

TEST_CASE("hellos on both lanes make one conversation, and say the way back for each lane") {
  Door door;
  const auto answer = door.enter(door.a, "1", 5);
  REQUIRE(answer.verdict == Verdict::pair);
  CHECK(answer.routes[static_cast<std::size_t>(Lane::urgent)] == "u1");
  CHECK(answer.routes[static_cast<std::size_t>(Lane::ordinary)] == "o1");
  door.guests.bind(answer.routes, {42});
  const auto message = door.say(door.a, "1");
  CHECK(message.verdict == Verdict::deliver);
  CHECK(message.peer == PeerId{42});
}

TEST_CASE("hellos of different connections, epochs or keys are never tied together") {
  Door door;
  const auto hello = [&](const AllowedKey& who, Lane lane, const std::string& route, Hello said) {
    return door.guests.hello(Door::caller(who, lane, route), said, start).verdict;
  };
  CHECK(hello(door.a, Lane::urgent, "1", {"a", epoch, 5}) == Verdict::wait);
  CHECK(hello(door.a, Lane::ordinary, "2", {"a", epoch, 6}) == Verdict::wait);
  CHECK(hello(door.a, Lane::ordinary, "3", {"a", epoch + 1, 5}) == Verdict::wait);
  CHECK(hello(door.b, Lane::ordinary, "4", {"b", epoch, 5}) == Verdict::wait);
  CHECK(hello(door.a, Lane::urgent, "5", {"a", epoch, 7}) == Verdict::wait);
  CHECK(hello(door.a, Lane::ordinary, "6", {"a", epoch, 5}) == Verdict::pair);
}

TEST_CASE("a hello under another name than the key's is refused") {
  Door door;
  const auto answer =
      door.guests.hello(Door::caller(door.b, Lane::urgent, "u1"), {"a", epoch, 5}, start);
  CHECK(answer.verdict == Verdict::refuse);
  CHECK(door.say(door.b, "1").verdict == Verdict::ask);
}

TEST_CASE("a repeated hello is answered again, a different one on the same route is refused") {
  Door door;
  door.enter_as({42}, door.a, "1");
  const auto caller = Door::caller(door.a, Lane::urgent, "u1");
  const auto repeat = door.guests.hello(caller, {"a", epoch, 142}, start);
  CHECK(repeat.verdict == Verdict::repeat);
  CHECK(repeat.peer == PeerId{42});
  CHECK(door.guests.hello(caller, {"a", epoch + 1, 142}, start).verdict == Verdict::refuse);
  CHECK(door.guests.hello(caller, {"a", epoch, 143}, start).verdict == Verdict::refuse);
  CHECK(door.guests.hello(caller, {"a", epoch, 0}, start).verdict == Verdict::refuse);
  CHECK(door.say(door.a, "1").verdict == Verdict::deliver);
}

TEST_CASE("a message before the hello is dropped and its sender asked once") {
  Door door;
  CHECK(door.say(door.a, "1").verdict == Verdict::ask);
  CHECK(door.say(door.a, "1").verdict == Verdict::stranger);
  CHECK(door.enter(door.a, "1", 5).verdict == Verdict::pair);
}

TEST_CASE("a routing id is no identity: another key on it gets nothing") {
  Door door;
  door.enter_as({42}, door.a, "1");
  CHECK(door.say(door.b, "1").verdict == Verdict::ignore);
  CHECK(
      door.guests.hello(Door::caller(door.b, Lane::urgent, "u1"), {"b", epoch, 9}, start).verdict ==
      Verdict::ignore);
  for (int i = 0; i < 100; ++i) CHECK(door.babble(door.b, "1") == Verdict::ignore);
  CHECK(door.say(door.a, "1").verdict == Verdict::deliver);
}

TEST_CASE("who breaks the rules too often is cut off, and nobody else is disturbed") {
  Door door;
  door.enter_as({1}, door.a, "1");
  door.enter_as({2}, door.b, "2");
  for (std::uint32_t i = 1; i < Guests::malformed_max; ++i)
    CHECK(door.babble(door.b, "2") == Verdict::refuse);
  CHECK(door.say(door.b, "2").verdict == Verdict::deliver);
  const auto last = door.guests.malformed(Door::caller(door.b, Lane::urgent, "u2"), start);
  CHECK(last.verdict == Verdict::cut);
  CHECK(last.peer == PeerId{2});
  // On both lanes, whatever it says.
  CHECK(door.say(door.b, "2").verdict == Verdict::ignore);
  CHECK(door.babble(door.b, "2") == Verdict::ignore);
  CHECK(door.guests.message(Door::caller(door.b, Lane::ordinary, "o2"), start).verdict ==
        Verdict::ignore);
  CHECK(door.guests.hello(Door::caller(door.b, Lane::ordinary, "o2"), {"b", epoch, 102}, start)
            .verdict == Verdict::ignore);
  CHECK(door.say(door.a, "1").verdict == Verdict::deliver);
}

TEST_CASE("a peer that is down is a stranger again") {
  Door door;
  door.enter_as({42}, door.a, "1");
  door.guests.forget({42});
  CHECK(door.guests.routes() == 0);
  CHECK(door.say(door.a, "1").verdict == Verdict::ask);
}

TEST_CASE("strangers are forgotten after a while, peers are not") {
  Door door;
  door.enter_as({42}, door.a, "1");
  door.say(door.b, "2");
  CHECK(door.guests.routes() == 3);
  door.guests.sweep(start);
  CHECK(door.guests.routes() == 3);
  door.guests.sweep(start + seconds(1));
  CHECK(door.guests.routes() == 2);
  CHECK(door.say(door.a, "1").verdict == Verdict::deliver);
}

TEST_CASE("one key cannot take all the room for strangers") {
  Door door;
  for (std::size_t i = 0; i < Guests::routes_per_key_max; ++i)
    CHECK(door.say(door.b, std::to_string(i)).verdict == Verdict::ask);
  CHECK(door.say(door.b, "one more").verdict == Verdict::ignore);
  CHECK(door.enter(door.a, "of a", 5).verdict == Verdict::pair);
  door.guests.sweep(start + seconds(1));
  CHECK(door.say(door.b, "one more").verdict == Verdict::ask);
}

TEST_CASE("a key that is evicted has no routes, no peers and no past") {
  Door door;
  door.enter_as({1}, door.a, "1");
  door.enter_as({2}, door.b, "2");
  for (std::uint32_t i = 0; i < Guests::malformed_max; ++i) door.babble(door.a, "3");
  auto evicted = door.guests.evict(&door.a);
  CHECK(evicted.peers == std::vector<PeerId>{{1}});
  CHECK(evicted.routes.size() == 3);  // those of its peer, and the one that was cut off
  CHECK(door.guests.routes() == 2);
  CHECK(door.say(door.b, "2").peer == PeerId{2});
  CHECK(door.say(door.a, "1").verdict == Verdict::ask);
  evicted = door.guests.evict(&door.a);
  CHECK(evicted.peers.empty());
  door.enter_as({3}, door.a, "1");
  CHECK(door.say(door.a, "1").peer == PeerId{3});
}
