// Keys that change while links are up: who is let in, who is not any more, and how a peer is found
// again that has another key than before.
#include <algorithm>

#include "tests/catch.hpp"
#include "tests/transport/link_fixture.hpp"
#include "tests/transport/raw_peer.hpp"

using namespace troupe;
using namespace troupe::transport;
using namespace troupe::transport::testing;

TEST_CASE("what somebody says who stays after losing the key is ignored") {
  Doorstep stage;
  REQUIRE(stage.server.link->allow(
      {entry(stage.client, Role::client), entry(stage.late, Role::client)}));
  RawPeer raw(stage.server, stage.late.keys);
  raw.enter("late", 7, 8);
  stage.server.up(2);
  REQUIRE(stage.server.link->allow({entry(stage.client, Role::client)}));
  REQUIRE(stage.server.recorder->wait([](const auto& seen) { return !seen.downs.empty(); }));
  const auto ignored = stage.server.link->counters().ignored;
  for (int i = 0; i < 3; ++i) {
    raw.send(Lane::urgent, message("I am still here"));
    raw.send(Lane::urgent, Hello{"late", 7, 9});
    raw.send(Lane::ordinary, Hello{"late", 7, 9});
  }
  REQUIRE(eventually([&] { return stage.server.link->counters().ignored >= ignored + 9; }));
  CHECK(stage.server.recorder->seen().ups.size() == 2);
  CHECK(stage.server.recorder->seen().topics().empty());
  stage.require_undisturbed();
}

TEST_CASE("the same list again, and one with a mistake, disturb nobody") {
  Doorstep stage;
  for (int i = 0; i < 3; ++i)
    REQUIRE(stage.server.link->allow({entry(stage.client, Role::client)}));
  const AllowedKey own = entry(stage.client, Role::client);
  const auto another = [&](const std::string& name, Role role) {
    return AllowedKey{new_keys().public_key, name, role};
  };
  for (const std::vector<AllowedKey>& wrong : std::vector<std::vector<AllowedKey>>{
           {{{"short"}, "x", Role::client}},
           {own, {own.key, "another", Role::client}},
           {own, another("client", Role::read_only)},
           {another("x", Role::client), another("x", Role::client), another("x", Role::client)}}) {
    const auto refused = stage.server.link->allow(wrong);
    REQUIRE(!refused);
    CHECK(refused.error().code == ErrorCode::config);
  }
  stage.require_undisturbed();
  CHECK(stage.server.recorder->seen().downs.empty());
}

TEST_CASE("a name with two keys is let in by either, as the same one") {
  Doorstep stage;
  Member next("client");
  REQUIRE(stage.server.link->allow({entry(stage.client, Role::client), entry(next, Role::client)}));
  next.start();
  const PeerId to_server = next.connect_to(stage.server);
  next.up();
  stage.server.up(2);
  CHECK(stage.server.recorder->seen().ups[1].second.name == "client");
  require_works(next, to_server, stage.server, "with the next key");
  stage.require_undisturbed();  // the first key is as good as before
  REQUIRE(stage.server.link->allow({entry(next, Role::client)}));
  REQUIRE(stage.client.recorder->wait([](const auto& seen) { return !seen.downs.empty(); }));
  require_works(next, to_server, stage.server, "with the only key");
  CHECK(next.recorder->seen().downs.empty());
}

TEST_CASE("a node with two keys replaces its earlier connection whichever key it comes with") {
  Member server("a");
  Member old("b");
  Member next("b");
  server.listens();
  server.options.allowed = {entry(old, Role::node), entry(next, Role::node)};
  server.start();
  old.start();
  old.connect_to(server);
  const PeerId first = server.up();
  old.link->stop(Duration::zero());
  next.start();
  next.connect_to(server);
  CHECK(server.up(2) != first);
  REQUIRE(server.recorder->wait([](const auto& seen) { return !seen.downs.empty(); }));
  CHECK(server.recorder->seen().downs[0].first == first);
}

TEST_CASE("a server that was started anew with its other key is found with that") {
  Doorstep stage;
  const KeyPair next = new_keys();
  Member client("client");
  client.keys = stage.client.keys;
  client.start();
  const PeerId to_server =
      client.link->connect(*stage.server.endpoint, {stage.server.keys.public_key, next.public_key});
  client.up();
  const KeyPair old = stage.server.keys;
  std::size_t ups = 1;
  for (const KeyPair& keys : {next, old, next}) {
    stage.server.keys = keys;
    stage.server.restart();
    CHECK(client.up(++ups) == to_server);
    require_works(client, to_server, stage.server, "life " + std::to_string(ups));
  }
}

TEST_CASE(
    "a server is found whose first key is not the one that it has, and one with neither is not") {
  Doorstep stage;
  Member client("client");
  client.keys = stage.client.keys;
  client.start();
  const PeerId lost =
      client.link->connect(*stage.server.endpoint, {new_keys().public_key, new_keys().public_key});
  const PeerId found = client.link->connect(*stage.server.endpoint,
                                            {new_keys().public_key, stage.server.keys.public_key});
  CHECK(client.up() == found);
  require_works(client, found, stage.server, "found");
  REQUIRE(client.link->rekey(lost, {new_keys().public_key, stage.server.keys.public_key}));
  CHECK(client.up(2) == lost);
}

TEST_CASE("keys that somebody learns when a connection breaks are the next one's") {
  Doorstep stage;
  Member client("client");
  client.keys = stage.client.keys;
  const KeyPair next_server = new_keys();
  const KeyPair next_client = new_keys();
  auto events = client.recorder->events();
  // The link is there before the first connection is.
  events.on_retry = [&](PeerId peer) {
    REQUIRE(client.link->rekey(next_client));
    REQUIRE(client.link->rekey(peer, {next_server.public_key}));
  };
  client.start_with(std::move(events));
  const PeerId to_server = client.connect_to(stage.server);
  client.up();
  stage.server.keys = next_server;
  stage.server.options.allowed = {{next_client.public_key, "client", Role::client}};
  stage.server.restart();
  CHECK(client.up(2) == to_server);
  require_works(client, to_server, stage.server, "both are new");
  CHECK(!client.link->rekey(to_server, {}));
  CHECK(!client.link->rekey(to_server, {PublicKey{"none"}}));
  CHECK(!client.link->rekey(KeyPair{next_client.public_key, next_server.secret_z85}));
}

TEST_CASE("who is refused comes in with another key of its own") {
  Doorstep stage;
  const PeerId to_server = stage.late.connect_to(stage.server);
  REQUIRE(eventually([&] { return stage.server.link->counters().unauthorized >= 2; }));
  const KeyPair next = new_keys();
  REQUIRE(stage.server.link->allow(
      {entry(stage.client, Role::client), {next.public_key, "late", Role::client}}));
  REQUIRE(stage.late.link->rekey(next));
  CHECK(stage.late.up() == to_server);
  require_works(stage.late, to_server, stage.server, "with another key");
  stage.require_undisturbed();
}

TEST_CASE("a node leaves a node whose key was taken off the list, and finds it with the new one") {
  Member a("a");
  Member b("b");
  a.listens();
  b.listens();
  const KeyPair next = new_keys();
  const AllowedKey old_key = entry(a, Role::node);
  const AllowedKey next_key{next.public_key, "a", Role::node};
  a.allow(b, Role::node);
  b.options.allowed = {old_key};
  a.start();
  b.start();
  const PeerId to_a = b.connect_to(a);
  b.up();
  REQUIRE(b.link->allow({old_key, next_key}));
  require_works(b, to_a, a, "two keys");
  CHECK(b.recorder->seen().downs.empty());
  REQUIRE(b.link->allow({next_key}));  // while a still has the old one
  REQUIRE(b.recorder->wait([](const auto& seen) { return !seen.downs.empty(); }));
  a.keys = next;
  a.restart();
  CHECK(b.up(2) == to_a);
  require_works(b, to_a, a, "the next key");
}
