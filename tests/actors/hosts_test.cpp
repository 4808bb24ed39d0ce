// Who hosts which agents, and what clients are called: the book alone, without a link.
#include "actors/hosts.hpp"

#include <set>

#include "tests/catch.hpp"

using namespace troupe;
using actors::Hosts;
using transport::PeerId;

namespace {

transport::PeerInfo process(std::uint64_t epoch, const std::string& name = "client") {
  return {name, transport::Role::client, epoch, true};
}

Hosts book() {
  return Hosts([drawn = std::uint64_t{0}]() mutable { return drawn += 0x0123456789abcdef; });
}

constexpr PeerId one{1};
constexpr PeerId two{2};
constexpr PeerId three{3};

AgentId agent(int key) {
  return {"librarian", std::to_string(key)};
}

}  // namespace

TEST_CASE("an agent has one host, and hosts share a type's agents among them") {
  Hosts hosts = book();
  hosts.up(one, process(11));
  hosts.up(two, process(22));
  CHECK_FALSE(hosts.host_of(agent(1)));
  REQUIRE(hosts.attach(one, "librarian"));
  REQUIRE(hosts.attach(two, "librarian"));
  REQUIRE(hosts.attach(two, "librarian"));  // said twice
  REQUIRE(hosts.attach(two, "reader"));
  CHECK(hosts.counts() == std::map<std::string, std::size_t>{{"librarian", 2}, {"reader", 1}});
  std::map<PeerId, int> share;
  for (int key = 0; key < 1000; ++key) {
    const auto host = hosts.host_of(agent(key));
    REQUIRE(host);
    CHECK(hosts.host_of(agent(key)) == host);
    ++share[*host];
  }
  CHECK(share[one] > 350);
  CHECK(share[two] > 350);
  CHECK(hosts.host_of({"reader", "x"}) == two);
}

TEST_CASE("when a host goes the others' agents stay where they are") {
  Hosts hosts = book();
  for (const auto& [peer, epoch] : {std::pair{one, 11}, std::pair{two, 22}, std::pair{three, 33}}) {
    hosts.up(peer, process(static_cast<std::uint64_t>(epoch)));
    REQUIRE(hosts.attach(peer, "librarian"));
  }
  std::map<int, PeerId> before;
  for (int key = 0; key < 300; ++key) before[key] = *hosts.host_of(agent(key));
  SECTION("its connection is down") {
    hosts.down(two);
    CHECK_FALSE(hosts.may_write_as(two, "librarian"));
  }
  SECTION("it says so") {
    REQUIRE(hosts.detach(two, "librarian"));
    CHECK_FALSE(hosts.detach(two, "librarian"));
    CHECK(hosts.may_write_as(two, "librarian"));  // what it is at it may finish
  }
  CHECK(hosts.counts().at("librarian") == 2);
  for (int key = 0; key < 300; ++key) {
    if (before[key] != two) CHECK(hosts.host_of(agent(key)) == before[key]);
    CHECK(hosts.host_of(agent(key)) != two);
  }
}

TEST_CASE("a process that comes back has the agents that it had, whichever end is noticed first") {
  Hosts hosts = book();
  hosts.up(one, process(11));
  hosts.up(two, process(22));
  REQUIRE(hosts.attach(one, "librarian"));
  REQUIRE(hosts.attach(two, "librarian"));
  std::map<int, PeerId> before;
  for (int key = 0; key < 200; ++key) before[key] = *hosts.host_of(agent(key));
  const bool down_first = GENERATE(true, false);
  if (down_first) hosts.down(one);
  hosts.up(three, process(11));
  REQUIRE(hosts.attach(three, "librarian"));
  if (!down_first) hosts.down(one);
  CHECK(hosts.counts().at("librarian") == 2);
  for (int key = 0; key < 200; ++key)
    CHECK(hosts.host_of(agent(key)) == (before[key] == one ? three : two));
  hosts.down(two);
  hosts.down(three);
  CHECK(hosts.counts().empty());
  CHECK_FALSE(hosts.host_of(agent(1)));
}

TEST_CASE("the later connection of a process may end before the earlier one") {
  Hosts hosts = book();
  hosts.up(one, process(11));
  REQUIRE(hosts.attach(one, "librarian"));
  hosts.up(two, process(11));
  REQUIRE(hosts.attach(two, "librarian"));
  hosts.down(two);
  CHECK_FALSE(hosts.host_of(agent(1)));
  hosts.down(one);
  CHECK(hosts.counts().empty());
}

TEST_CASE("a process under another key takes nobody's place, whatever epoch it claims") {
  Hosts hosts = book();
  hosts.up(one, process(11, "alice"));
  hosts.up(two, process(11, "bob"));
  REQUIRE(hosts.attach(one, "librarian"));
  REQUIRE(hosts.attach(two, "librarian"));
  CHECK(hosts.counts().at("librarian") == 2);
}

TEST_CASE("only clients that are up host, and not without end") {
  Hosts hosts = book();
  CHECK(hosts.attach(one, "librarian").error().code == ErrorCode::unreachable);
  hosts.up(one, {"b", transport::Role::node, 11, true});
  CHECK(hosts.attach(one, "librarian").error().code == ErrorCode::unreachable);
  hosts.up(two, process(22));
  for (std::size_t i = 0; i < Hosts::types_per_host_max; ++i)
    REQUIRE(hosts.attach(two, "type" + std::to_string(i)));
  CHECK(hosts.attach(two, "more").error().code == ErrorCode::too_large);
  CHECK(hosts.attach(two, "type0"));
  REQUIRE(hosts.detach(two, "type0"));
  CHECK_FALSE(hosts.attach(two, "more"));
  REQUIRE(hosts.attach(two, "type0"));
  CHECK(hosts.host_of({"type0", "x"}) == two);
}

TEST_CASE("a client's address leads to it alone, for as long as it is connected") {
  Hosts hosts = book();
  CHECK_FALSE(hosts.address_of(one));
  hosts.up(one, process(11));
  hosts.up(two, process(11));
  const auto address = hosts.address_of(one);
  REQUIRE(address);
  CHECK(parse_agent_id(to_string(*address)));
  CHECK(hosts.client_at(*address) == one);
  CHECK(hosts.client_at(*hosts.address_of(two)) == two);
  const std::string pass = address->key.substr(address->key.find('-'));
  for (const std::string& key : {std::string("1"), std::string("1-0000000000000000"), "2" + pass,
                                 "01" + pass, "1" + pass + "0", std::string("x"), std::string("")})
    CHECK_FALSE(hosts.client_at({"client", key}));
  CHECK_FALSE(hosts.client_at({"reader", address->key}));
  hosts.down(one);
  CHECK_FALSE(hosts.client_at(*address));
  hosts.up(one, process(11));  // a number that is given again, as after the node's restart
  CHECK_FALSE(hosts.client_at(*address));
}
