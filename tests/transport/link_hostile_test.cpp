// What the link does about peers that have no business here, and about those that have but do not
// behave. In each case somebody who does behave is connected, and must not notice.
#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/transport/link_fixture.hpp"
#include "tests/transport/raw_peer.hpp"
#include "transport/guests.hpp"

using namespace troupe;
using namespace troupe::transport;
using namespace troupe::transport::testing;

namespace {

// A server "a", a client that behaves, and the key of "mallory", who has one too.
struct Stage {
  Member server{"a"};
  Member good{"client"};
  Member mallory{"mallory"};
  PeerId to_server;
  int rounds = 0;

  Stage() {
    server.listens();
    server.allow(good, Role::client);
    server.allow(mallory, Role::node);
    server.start();
    good.start();
    to_server = good.connect_to(server);
    server.up();
    good.up();
  }

  LinkCounters counters() { return server.link->counters(); }

  // Also gives what was sent before time to arrive, but nothing relies on that.
  void require_undisturbed() {
    require_works(good, to_server, server, "round " + std::to_string(++rounds));
    CHECK(good.recorder->seen().downs.empty());
    CHECK(good.link->counters().malformed == 0);
  }

  // Nobody but the good client has ever come up.
  void require_nobody_else() {
    CHECK(server.recorder->seen().ups.size() == 1);
    for (const auto& [peer, message] : server.recorder->seen().messages)
      CHECK(peer == server.recorder->seen().ups[0].first);
  }
};

}  // namespace

TEST_CASE("a key that is not on the allow-list never gets in, and is counted") {
  Stage stage;
  Member stranger("client");  // the right name does not help
  stranger.start();
  const PeerId peer = stranger.connect_to(stage.server);
  REQUIRE(stranger.link->send(peer, Lane::urgent, message("let me in")));
  REQUIRE(eventually([&] { return stage.counters().unauthorized >= 2; }));
  CHECK(stranger.recorder->seen().order.empty());
  stage.require_undisturbed();
  stage.require_nobody_else();
}

TEST_CASE("an empty allow-list admits nobody") {
  Member server("a");
  Member client("client");
  server.listens();
  server.start();
  client.start();
  client.connect_to(server);
  REQUIRE(eventually([&] { return server.link->counters().unauthorized >= 2; }));
  CHECK(client.recorder->seen().order.empty());
  CHECK(server.recorder->seen().order.empty());
}

TEST_CASE("a server with another key than expected is never spoken to") {
  Stage stage;
  Member client("mallory");
  client.keys = stage.mallory.keys;
  client.start();
  const PeerId peer = client.link->connect(*stage.server.endpoint, {new_keys().public_key});
  REQUIRE(client.link->send(peer, Lane::urgent, message("secret")));
  // The same client does get through to where the key is right, so it had its chance.
  client.connect_to(stage.server);
  client.up();
  CHECK(client.recorder->seen().ups[0].first != peer);
  CHECK(client.link->counters().messages_sent == 0);
  stage.require_undisturbed();
  CHECK(stage.server.recorder->seen().ups.size() == 2);
}

TEST_CASE("a peer without encryption gets nothing and says nothing") {
  Stage stage;
  RawPeer plain(stage.server);
  for (int i = 0; i < 50; ++i) plain.send(Lane::urgent, Hello{"client", 1, 1});
  stage.require_undisturbed();
  stage.require_undisturbed();
  CHECK(!plain.has_heard(Lane::urgent));
  CHECK(stage.counters().malformed == 0);
  CHECK(stage.counters().ignored == 0);
  stage.require_nobody_else();
}

TEST_CASE("garbage from a valid key is counted, then its sender is cut off") {
  Stage stage;
  RawPeer mallory(stage.server, stage.mallory.keys);
  mallory.enter("mallory", 7, 1);
  REQUIRE(stage.server.up(2).value != 0);
  for (int i = 0; i < 100; ++i) mallory.send(Lane::ordinary, {"garbage"});
  REQUIRE(eventually([&] { return stage.counters().ignored == 100 - Guests::malformed_max; }));
  CHECK(stage.counters().malformed == Guests::malformed_max);
  REQUIRE(stage.server.recorder->wait(
      [](const Recorder::Seen& seen) { return seen.downs.size() == 1; }));
  CHECK(stage.server.recorder->seen().downs[0].second.code == ErrorCode::malformed);
  CHECK(stage.server.recorder->seen().downs[0].second.what.find("mallory") != std::string::npos);

  // Valid words come too late now, on either lane.
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) mallory.send(lane, message("I am sorry"));
  REQUIRE(eventually([&] { return stage.counters().ignored == 100 - Guests::malformed_max + 2; }));
  stage.require_undisturbed();
  for (const auto& topic : stage.server.recorder->seen().topics()) CHECK(topic != "I am sorry");
}

TEST_CASE("a message with too many frames is malformed, one with a few thousand too") {
  Stage stage;
  RawPeer mallory(stage.server, stage.mallory.keys);
  mallory.enter("mallory", 7, 1);
  for (const std::size_t frames : {3U, 8U, 9U, 3000U})
    mallory.send(Lane::ordinary, std::vector<std::string>(frames, "frame"));
  REQUIRE(eventually([&] { return stage.counters().malformed == 4; }));
  // It has not lost its place by that.
  mallory.send(Lane::urgent, message("still here"));
  REQUIRE(stage.server.recorder->wait(
      [](const Recorder::Seen& seen) { return seen.messages.size() == 1; }));
  stage.require_undisturbed();
}

TEST_CASE("an oversized frame costs its sender the connection, and only its sender") {
  Stage stage;
  RawPeer mallory(stage.server, stage.mallory.keys);
  mallory.enter("mallory", 7, 1);
  mallory.send(Lane::ordinary, {std::string(limits::frame_bytes_max + 1, 'x')});
  // ZeroMQ connects again by itself, but without a hello that is a stranger's connection.
  REQUIRE(eventually([&] {
    mallory.send(Lane::ordinary, message("still me?"));
    return stage.counters().ignored > 0;
  }));
  CHECK(stage.counters().malformed == 0);
  stage.require_undisturbed();
  for (const auto& topic : stage.server.recorder->seen().topics()) CHECK(topic != "still me?");
}

TEST_CASE("messages before the hello are dropped and counted, and their sender asked for one") {
  Stage stage;
  RawPeer mallory(stage.server, stage.mallory.keys);
  for (int i = 0; i < 5; ++i) mallory.send(Lane::urgent, message("no hello"));
  auto asked = mallory.receive(Lane::urgent);
  REQUIRE(asked);
  REQUIRE(std::holds_alternative<Hello>(*asked));
  CHECK(std::get<Hello>(*asked).connection == 0);
  CHECK(std::get<Hello>(*asked).node == "a");
  REQUIRE(eventually([&] { return stage.counters().ignored == 5; }));
  CHECK(!mallory.has_heard(Lane::urgent));  // once is enough
  stage.require_undisturbed();
  stage.require_nobody_else();
}

TEST_CASE("a hello on one lane only, or in another's name, or to tie lanes badly, is no entry") {
  Stage stage;
  RawPeer one_lane(stage.server, stage.mallory.keys);
  one_lane.send(Lane::urgent, Hello{"mallory", 7, 1});
  RawPeer impostor(stage.server, stage.mallory.keys);
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) impostor.send(lane, Hello{"client", 7, 2});
  REQUIRE(eventually([&] { return stage.counters().malformed == 2; }));
  RawPeer crossed(stage.server, stage.mallory.keys);
  crossed.send(Lane::urgent, Hello{"mallory", 7, 3});
  crossed.send(Lane::ordinary, Hello{"mallory", 7, 4});
  RawPeer unnumbered(stage.server, stage.mallory.keys);
  unnumbered.send(Lane::urgent, Hello{"mallory", 7, 0});
  REQUIRE(eventually([&] { return stage.counters().malformed == 3; }));
  stage.require_undisturbed();
  stage.require_nobody_else();
}

TEST_CASE("a heartbeat of another epoch is malformed and no sign of life") {
  Stage stage;
  RawPeer mallory(stage.server, stage.mallory.keys);
  mallory.enter("mallory", 7, 1);
  mallory.send(Lane::urgent, Heartbeat{8});
  REQUIRE(eventually([&] { return stage.counters().malformed == 1; }));
  mallory.send(Lane::urgent, Heartbeat{7});
  mallory.send(Lane::urgent, message("after"));
  REQUIRE(stage.server.recorder->wait(
      [](const Recorder::Seen& seen) { return seen.messages.size() == 1; }));
  CHECK(stage.counters().malformed == 1);
  stage.require_undisturbed();
}

TEST_CASE("a chosen routing id is no identity") {
  Stage stage;
  // Mallory squats on a routing id; the other key that asks for the same id gets no conversation
  // through it, and nothing meant for mallory.
  RawPeer mallory(stage.server, stage.mallory.keys, "chosen");
  mallory.enter("mallory", 7, 1);
  RawPeer second(stage.server, stage.good.keys, "chosen");
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) second.send(lane, Hello{"client", 9, 1});
  const PeerId to_mallory = stage.server.up(2);
  CHECK(stage.server.recorder->seen().ups[1].second.name == "mallory");
  REQUIRE(stage.server.link->send(to_mallory, Lane::urgent, message("for mallory")));
  auto got = mallory.receive(Lane::urgent);
  REQUIRE(got);
  CHECK(!second.has_heard(Lane::urgent));
  stage.require_undisturbed();
  CHECK(stage.server.recorder->seen().ups.size() == 2);
}

TEST_CASE("a server that answers under another name than its key's is refused") {
  Member server("a");
  Member client("b");
  server.listens();
  server.allow(client, Role::node);
  server.start();
  client.options.allowed.push_back({server.keys.public_key, "not-a", Role::node});
  client.start();
  const PeerId peer = client.connect_to(server);
  REQUIRE(client.recorder->wait([](const Recorder::Seen& seen) { return seen.downs.size() == 1; }));
  const Error why = client.recorder->seen().downs[0].second;
  CHECK(why.code == ErrorCode::unauthorized);
  CHECK(why.what.find("not-a") != std::string::npos);
  CHECK(client.recorder->seen().ups.empty());
  CHECK(client.link->send(peer, Lane::urgent, message("x")).error().code == ErrorCode::unreachable);
}
