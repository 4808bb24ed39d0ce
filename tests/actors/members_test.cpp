// Who is taken to live, and that nodes which do not agree on it still hand mail to one of them.
#include <set>

#include "actors/members.hpp"
#include "actors/waiting_mail.hpp"
#include "base/random.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::Members;

namespace {

constexpr Duration grace = 10s;
const std::vector<std::string> abc = {"a", "b", "c"};

std::string agent(int number) {
  return "librarian/" + std::to_string(number);
}

std::vector<std::size_t> homes(const Members& members, int agents) {
  std::vector<std::size_t> all;
  for (int i = 0; i < agents; ++i) all.push_back(members.home_of(agent(i)));
  return all;
}

}  // namespace

TEST_CASE(
    "a node that goes down keeps its agents for the grace, and gets them back when it is up") {
  const Instant start{1s};
  Members members(abc, "a", grace, start);
  CHECK_FALSE(members.up(1));  // it was taken to live all along
  CHECK_FALSE(members.up(2));
  CHECK_FALSE(members.next_change());
  const auto before = homes(members, 300);
  CHECK(std::set(before.begin(), before.end()) == std::set<std::size_t>{0, 1, 2});

  members.down(2, start + 5s);
  CHECK(members.next_change() == start + 15s);
  CHECK_FALSE(members.advance(start + 15s - 1ns));
  CHECK(homes(members, 300) == before);
  CHECK(members.advance(start + 15s));
  CHECK_FALSE(members.lives(2));
  CHECK(members.living() == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(members.next_change());

  // Those of others stay where they are.
  const auto without = homes(members, 300);
  for (std::size_t i = 0; i < before.size(); ++i) {
    CHECK(without[i] != 2);
    if (before[i] != 2) CHECK(without[i] == before[i]);
  }
  members.down(2, start + 20s);  // which is no news
  CHECK_FALSE(members.next_change());
  CHECK(members.up(2));
  CHECK(homes(members, 300) == before);
}

TEST_CASE("a break that ends within the grace changes nothing, and a second one counts anew") {
  const Instant start{1s};
  Members members(abc, "b", grace, start);
  members.up(0);
  members.up(2);
  members.down(0, start + 1s);
  members.down(0, start + 8s);  // told twice: since the first
  CHECK(members.next_change() == start + 11s);
  CHECK_FALSE(members.up(0));
  CHECK_FALSE(members.advance(start + 1000s));
  members.down(0, start + 1000s);
  CHECK(members.next_change() == start + 1010s);
}

TEST_CASE("a node that never came up is taken for dead after the grace, and we never are") {
  const Instant start{1s};
  Members members(abc, "c", grace, start);
  CHECK(members.next_change() == start + grace);
  CHECK(members.advance(start + grace));
  CHECK(members.living() == std::vector<std::string>{"c"});
  CHECK(members.is_home(agent(1)));
  CHECK_FALSE(members.advance(start + 100 * grace));
}

TEST_CASE("a node that joins lives once it is up, under a number that nobody had") {
  const Instant start{1s};
  Members members({"c", "a"}, "c", grace, start);
  CHECK(members.self() == 1);  // the first are numbered by name
  members.up(0);
  const auto before = homes(members, 300);

  const std::size_t b = members.join("b");
  CHECK(b == 2);
  CHECK(members.join("b") == 2);
  CHECK(members.names() == std::vector<std::string>{"a", "b", "c"});
  CHECK(members.number_of("b") == 2);
  CHECK(members.name(2) == "b");
  CHECK_FALSE(members.lives(b));
  CHECK_FALSE(members.next_change());  // nothing ends if it never comes
  CHECK(homes(members, 300) == before);

  CHECK(members.up(b));
  CHECK(members.living() == std::vector<std::string>{"a", "b", "c"});
  // Only agents that live there now have moved, the same that another order of joining gives.
  const auto after = homes(members, 300);
  std::size_t moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (after[i] == before[i]) continue;
    CHECK(after[i] == b);
    ++moved;
  }
  CHECK(moved > 50);
  Members at_once(abc, "a", grace, start);
  for (int i = 0; i < 300; ++i)
    CHECK(members.name(members.home_of(agent(i))) == at_once.name(at_once.home_of(agent(i))));
}

TEST_CASE("a node that leaves lives no more, whatever is heard of it, until it joins again") {
  const Instant start{1s};
  Members members(abc, "a", grace, start);
  members.up(1);
  members.up(2);
  members.down(1, start + 1s);
  CHECK(members.leave(1));
  CHECK_FALSE(members.next_change());
  CHECK(members.names() == std::vector<std::string>{"a", "c"});
  CHECK(members.living() == std::vector<std::string>{"a", "c"});
  CHECK_FALSE(members.number_of("b"));
  CHECK(members.numbers() == 3);
  for (const auto home : homes(members, 300)) CHECK(home != 1);

  CHECK_FALSE(members.up(1));  // its last words
  members.down(1, start + 2s);
  CHECK_FALSE(members.advance(start + 1000s));
  CHECK_FALSE(members.lives(1));
  CHECK_FALSE(members.leave(1));

  CHECK(members.join("b") == 1);
  CHECK_FALSE(members.lives(1));
  CHECK(members.up(1));
  CHECK(members.names() == abc);
}

TEST_CASE(
    "however differently nodes see each other, mail ends with one that takes itself for home") {
  Random random(7);
  const std::vector<std::string> names = {"a", "b", "c", "d", "e", "f", "g"};
  for (int round = 0; round < 300; ++round) {
    // Each takes any of the others to live or not.
    std::vector<std::unique_ptr<Members>> all;
    for (std::size_t self = 0; self < names.size(); ++self) {
      auto& members =
          all.emplace_back(std::make_unique<Members>(names, names[self], grace, Instant{}));
      for (std::size_t other = 0; other < names.size(); ++other)
        if (other != self && random.below(2) == 0) members->up(other);
      members->advance(Instant{} + grace);
    }
    for (int i = 0; i < 20; ++i) {
      std::size_t at = random.below(names.size());
      std::size_t hops = 0;
      while (!all[at]->is_home(agent(i))) {
        at = all[at]->home_of(agent(i));
        REQUIRE(++hops < names.size());
      }
    }
  }
}

TEST_CASE("mail that waits is kept in order, within limits, and counts as in hand") {
  actors::InHand in_hand;
  {
    actors::WaitingMail waiting(in_hand);
    const auto letter = [](std::string topic, std::size_t bytes = 0) {
      return transport::AgentMessage{
          {"x", "y"}, {"v", "w"}, 0, std::move(topic), std::string(bytes, 'b')};
    };
    for (const std::string topic : {"first", "second", "third"}) {
      auto one = letter(topic);
      REQUIRE(waiting.keep(topic == "second" ? 1 : 2, one));
    }
    CHECK(in_hand.count() == 3);
    CHECK(waiting.any_for(2));
    CHECK_FALSE(waiting.any_for(0));
    const auto two = waiting.take(2);
    REQUIRE(two.size() == 2);
    CHECK(two[0].topic == "first");
    CHECK(two[1].topic == "third");
    CHECK(in_hand.count() == 1);
    CHECK(waiting.take(2).empty());

    // What is refused is not taken, and what was taken makes room.
    auto large = letter("large", actors::WaitingMail::bytes_max);
    CHECK(waiting.keep(0, large).error().code == ErrorCode::unreachable);
    CHECK(large.body.size() == actors::WaitingMail::bytes_max);
    auto half = letter("half", actors::WaitingMail::bytes_max / 2);
    auto other_half = half;
    REQUIRE(waiting.keep(0, half));
    CHECK_FALSE(waiting.keep(1, other_half));
    waiting.take(0);
    CHECK(waiting.keep(1, other_half));
    for (std::size_t i = waiting.letters(); i < actors::WaitingMail::letters_max; ++i) {
      auto small = letter("small");
      REQUIRE(waiting.keep(0, small));
    }
    auto one_more = letter("one more");
    CHECK_FALSE(waiting.keep(1, one_more));
    CHECK(in_hand.count() == actors::WaitingMail::letters_max);
  }
  CHECK(in_hand.count() == 0);
}
