// What whoever uses a link may rely on, of both kinds: the one over sockets, and the one in memory
// that tests use in its place (memory_link.hpp). Each case runs over both.
#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <memory>

#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/transport/link_fixture.hpp"
#include "tests/transport/memory_link.hpp"
#include "tests/transport/same.hpp"

using namespace troupe;
using namespace troupe::transport;
using namespace troupe::transport::testing;
using std::chrono::milliseconds;

namespace {

// None: sockets.
std::unique_ptr<MemoryNetwork> either_network() {
  const bool in_memory = GENERATE(false, true);
  UNSCOPED_INFO((in_memory ? "in memory" : "over sockets"));
  return in_memory ? std::make_unique<MemoryNetwork>() : nullptr;
}

std::vector<Message> one_of_each() {
  TaskRequest encode{{1, 2},       "minilm",
                     "default",    "news",
                     "reader/3",   Encode{"some text"},
                     Lane::urgent, std::chrono::milliseconds(50)};
  TaskRequest recall{{1, 3},       "",
                     "default",    "",
                     "",           Recall{"librarian/*", std::vector<float>(2000, 0.5F), 5},
                     std::nullopt, std::nullopt};
  TaskOutcome embedding{{1, 2}, Output{Embedding{std::vector<float>(384, 0.05F), 12, true}}, {}};
  TaskOutcome failure{{1, 4}, Error{ErrorCode::queue_full, "4096 tasks wait", "retry in 12ms"}, {}};
  return {message("one of each", "{}"),
          SubmitTask{encode},
          SubmitTask{recall},
          CancelTask{{1, 2}},
          TaskResult{embedding},
          TaskResult{failure},
          ControlRequest{9, "status", "{}"},
          ControlReply{9, true, "{\"up\":true}"}};
}

}  // namespace

TEST_CASE("two links exchange every kind of message, in order, both ways and on both lanes") {
  const auto network = either_network();
  Pair pair(network.get());
  const auto messages = one_of_each();
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
    for (const auto& one : messages) {
      REQUIRE(pair.client.link->send(pair.to_server, lane, one));
      REQUIRE(pair.server.link->send(pair.to_client, lane, one));
    }
    const std::size_t total = messages.size() * (lane == Lane::urgent ? 1 : 2);
    for (Member* member : {&pair.client, &pair.server})
      REQUIRE(member->recorder->wait(
          [&](const Recorder::Seen& seen) { return seen.messages.size() == total; }));
  }
  for (Member* member : {&pair.client, &pair.server}) {
    const auto seen = member->recorder->seen();
    for (std::size_t i = 0; i < seen.messages.size(); ++i)
      CHECK(same(seen.messages[i].second, messages[i % messages.size()]));
    CHECK(member->link->counters().messages_received == 2 * messages.size());
    CHECK(member->link->counters().malformed == 0);
    CHECK(member->link->counters().ignored == 0);
  }
}

TEST_CASE("each lane keeps its order over thousands of messages") {
  const auto network = either_network();
  Pair pair(network.get());
  constexpr int count = 3000;
  for (int i = 0; i < count; ++i) {
    REQUIRE(pair.client.link->send(pair.to_server, Lane::urgent, message("u", std::to_string(i))));
    REQUIRE(
        pair.client.link->send(pair.to_server, Lane::ordinary, message("o", std::to_string(i))));
  }
  REQUIRE(pair.server.recorder->wait(
      [](const Recorder::Seen& seen) { return seen.messages.size() == 2 * count; }));
  std::map<std::string, int> next;
  for (const auto& [peer, one] : pair.server.recorder->seen().messages) {
    const auto& agent = std::get<AgentMessage>(one);
    if (agent.body != std::to_string(next[agent.topic]++)) FAIL("out of order: " << agent.body);
  }
}

TEST_CASE("who is up, under which name and role, says the key") {
  const auto network = either_network();
  Member server("a", network.get());
  Member node("b", network.get());
  Member client("client", network.get());
  server.listens();
  server.allow(node, Role::node);
  server.allow(client, Role::client);
  server.start();
  for (Member* member : {&node, &client}) {
    member->start();
    member->connect_to(server);
    member->up();
    CHECK(member->recorder->seen().ups[0].second.name == "a");
    CHECK(member->recorder->seen().ups[0].second.role == Role::node);
  }
  server.up(2);
  const auto ups = server.recorder->seen().ups;
  CHECK(ups[0].second.name == "b");
  CHECK(ups[0].second.role == Role::node);
  CHECK(ups[1].second.name == "client");
  CHECK(ups[1].second.role == Role::client);
  CHECK(ups[0].second.epoch != ups[1].second.epoch);
}

TEST_CASE("several clients may share one key and are told apart") {
  const auto network = either_network();
  Member server("a", network.get());
  Member first("client", network.get());
  Member second("client", network.get());
  second.keys = first.keys;
  server.listens();
  server.allow(first, Role::client);
  server.start();
  for (Member* member : {&first, &second}) {
    member->start();
    member->connect_to(server);
    member->up();
  }
  const PeerId to_first = server.up(1);
  const PeerId to_second = server.up(2);
  CHECK(to_first != to_second);
  REQUIRE(server.link->send(to_second, Lane::urgent, message("for the second")));
  REQUIRE(server.link->send(to_first, Lane::urgent, message("for the first")));
  for (Member* member : {&first, &second})
    REQUIRE(member->recorder->wait(
        [](const Recorder::Seen& seen) { return seen.messages.size() == 1; }));
  CHECK(first.recorder->seen().topics()[0] == "for the first");
  CHECK(second.recorder->seen().topics()[0] == "for the second");
  CHECK(server.recorder->seen().downs.empty());
}

TEST_CASE("messages sent before the peer is up wait for it, within the outbox's bound") {
  const auto network = either_network();
  Member server("a", network.get());
  Member client("client", network.get());
  server.listens();
  server.allow(client, Role::client);
  client.options.outbox_bytes_max = 1024 * 1024;
  client.start();
  const PeerId to_server = client.connect_to(server);

  const std::string body(100 * 1024, 'x');
  std::size_t queued = 0;
  Status status;
  while ((status = client.link->send(to_server, Lane::ordinary,
                                     message("o" + std::to_string(queued), body))))
    REQUIRE(++queued < 100);
  CHECK(status.error().code == ErrorCode::queue_full);
  CHECK(!status.error().next_step.empty());
  CHECK(queued == 10);
  // A full ordinary lane does not refuse the urgent one.
  CHECK(client.link->send(to_server, Lane::urgent, message("urgent")));

  server.start();
  REQUIRE(server.recorder->wait(
      [&](const Recorder::Seen& seen) { return seen.messages.size() == queued + 1; }));
  std::vector<std::string> ordinary;
  for (const auto& topic : server.recorder->seen().topics())
    if (topic != "urgent") ordinary.push_back(topic);
  for (std::size_t i = 0; i < queued; ++i) CHECK(ordinary[i] == "o" + std::to_string(i));
  // The room is free again once the bytes have left, however many come after.
  for (int i = 0; i < 20'000; ++i)
    REQUIRE(eventually([&] {
      return client.link->send(to_server, Lane::ordinary, message("small")).has_value();
    }));
  REQUIRE(eventually([&] {
    return client.link->send(to_server, Lane::ordinary, message("large", body)).has_value();
  }));
}

TEST_CASE("what cannot be sent is refused at once, with a reason") {
  const auto network = either_network();
  Pair pair(network.get());
  Link& link = *pair.client.link;
  const auto code = [&](PeerId peer, const Message& one) {
    const auto status = link.send(peer, Lane::urgent, one);
    REQUIRE(!status);
    return status.error().code;
  };
  CHECK(code({}, message("to nobody")) == ErrorCode::unreachable);
  CHECK(code({987654321}, message("to a stranger")) == ErrorCode::unreachable);
  CHECK(code(pair.to_server, Hello{"a", 1, 1}) == ErrorCode::invalid_argument);
  CHECK(code(pair.to_server, Heartbeat{1}) == ErrorCode::invalid_argument);
  CHECK(code(pair.to_server, CancelTask{}) == ErrorCode::invalid_argument);
  CHECK(code(pair.to_server, message("x", std::string(limits::message_bytes_max + 1, 'x'))) ==
        ErrorCode::too_large);
  require_works(pair.client, pair.to_server, pair.server, "still");
}

TEST_CASE("a server that stops is down for its client, and up again when it is back") {
  const auto network = either_network();
  Member server("a", network.get());
  Member client("client", network.get());
  server.listens();
  server.allow(client, Role::client);
  client.options.heartbeat_interval = milliseconds(100);
  server.start();
  client.start();
  const PeerId to_server = client.connect_to(server);
  client.up();

  server.link.reset();
  REQUIRE(wait_for_downs(client, 1));
  CHECK(client.recorder->seen().downs[0].first == to_server);
  CHECK(client.recorder->seen().downs[0].second.code == ErrorCode::unreachable);
  CHECK(client.link->send(to_server, Lane::urgent, message("x")).error().code ==
        ErrorCode::unreachable);

  server.start();
  CHECK(client.up(2) == to_server);
  const auto ups = client.recorder->seen().ups;
  CHECK(ups[0].second.epoch != ups[1].second.epoch);
  require_works(client, to_server, server, "again");
  require_in_order(client.recorder->seen());
}

TEST_CASE("a connection that its opener ends is down for both at once, and stays so") {
  const auto network = either_network();
  Member server("a", network.get());
  Member client("client", network.get());
  server.listens();
  server.allow(client, Role::client);
  server.options.heartbeat_interval = client.options.heartbeat_interval =
      10 * patience;  // so it is not the silence that tells
  server.start();
  client.start();
  const PeerId to_server = client.connect_to(server);
  client.up();
  const PeerId to_client = server.up();

  client.link->disconnect(to_server);
  REQUIRE(wait_for_downs(client, 1));
  REQUIRE(wait_for_downs(server, 1));
  CHECK(server.recorder->seen().downs[0].first == to_client);
  CHECK(server.recorder->seen().downs[0].second.what.find("stopped") != std::string::npos);
  CHECK(client.link->send(to_server, Lane::urgent, message("x")).error().code ==
        ErrorCode::unreachable);
  client.link->disconnect(to_server);   // which is no news
  server.link->disconnect(to_client);   // nor is it the server's to end
  server.link->disconnect(PeerId{77});  // nor anybody's

  // The next one is another peer.
  const PeerId again = client.connect_to(server);
  CHECK(again != to_server);
  CHECK(client.up(2) == again);
  require_works(client, again, server, "again");
  CHECK(client.link->backlog(to_server).waiting == std::array<std::uint64_t, lane_count>{});
  require_in_order(client.recorder->seen());
}

TEST_CASE("a connection may be ended before it came about, and while much waits") {
  const auto network = either_network();
  Member server("a", network.get());
  Member client("client", network.get());
  server.listens();
  server.allow(client, Role::client);
  client.start();
  const PeerId nowhere = client.connect_to(server);  // which does not listen yet
  for (int i = 0; i < 100; ++i)
    REQUIRE(client.link->send(nowhere, Lane::ordinary, message("m", std::string(10'000, 'm'))));
  client.link->disconnect(nowhere);
  server.start();
  const PeerId to_server = client.connect_to(server);
  CHECK(client.up() == to_server);
  CHECK(client.recorder->seen().downs.empty());  // it was never up
  CHECK(client.link->counters().undeliverable == 100);

  for (int i = 0; i < 1000; ++i)
    REQUIRE(client.link->send(to_server, Lane::ordinary, message("m", std::string(10'000, 'm'))));
  client.link->disconnect(to_server);
  REQUIRE(wait_for_downs(client, 1));
  REQUIRE(wait_for_downs(server, 1));
  client.link->stop(Duration::zero());
  require_in_order(server.recorder->seen());
}

TEST_CASE("a node that restarts is first down, then up anew, with another epoch") {
  const auto network = either_network();
  Member server("a", network.get());
  Member node("b", network.get());
  server.listens();
  server.allow(node, Role::node);
  server.start();
  node.start();
  node.connect_to(server);
  const PeerId first = server.up(1);
  node.restart();
  const PeerId to_server = node.connect_to(server);
  const PeerId second = server.up(2);
  REQUIRE(wait_for_downs(server, 1));
  CHECK(first != second);
  const auto seen = server.recorder->seen();
  CHECK(seen.downs[0].first == first);
  CHECK(seen.ups[0].second.epoch != seen.ups[1].second.epoch);
  require_works(node, to_server, server, "second life");
  CHECK(server.link->send(first, Lane::urgent, message("x")).error().code ==
        ErrorCode::unreachable);
  require_in_order(server.recorder->seen());
}

TEST_CASE("a key that is added to the allow-list is let in, and nobody else notices") {
  const auto network = either_network();
  Doorstep stage(network.get());
  const PeerId to_server = stage.late.connect_to(stage.server);
  REQUIRE(eventually([&] { return stage.server.link->counters().unauthorized >= 1; }));
  CHECK(stage.late.recorder->seen().order.empty());
  REQUIRE(stage.server.link->allow(
      {entry(stage.client, Role::client), entry(stage.late, Role::client)}));
  CHECK(stage.late.up() == to_server);
  require_works(stage.late, to_server, stage.server, "hello");
  CHECK(stage.server.recorder->seen().ups[1].second.name == "late");
  stage.require_undisturbed();
}

TEST_CASE("a key that is taken off the allow-list is cut off at once and not let in again") {
  const auto network = either_network();
  Doorstep stage(network.get());
  REQUIRE(stage.server.link->allow(
      {entry(stage.client, Role::client), entry(stage.late, Role::client)}));
  const PeerId to_server = stage.late.connect_to(stage.server);
  stage.late.up();
  const PeerId late = stage.server.up(2);
  const auto before = stage.server.link->counters().unauthorized;
  REQUIRE(stage.server.link->allow({entry(stage.client, Role::client)}));
  REQUIRE(stage.server.recorder->wait([](const auto& seen) { return !seen.downs.empty(); }));
  const auto down = stage.server.recorder->seen().downs[0];
  CHECK(down.first == late);
  CHECK(down.second.code == ErrorCode::unauthorized);
  CHECK(stage.server.link->send(late, Lane::urgent, message("still there?")).error().code ==
        ErrorCode::unreachable);
  // It is told to knock again, and is turned away.
  REQUIRE(stage.late.recorder->wait([](const auto& seen) { return !seen.downs.empty(); }));
  REQUIRE(eventually([&] { return stage.server.link->counters().unauthorized > before; }));
  CHECK(stage.late.recorder->seen().ups.size() == 1);
  CHECK(!stage.late.link->send(to_server, Lane::urgent, message("let me in")));
  stage.require_undisturbed();
}

TEST_CASE("another role is a new conversation, in which it counts") {
  const auto network = either_network();
  Doorstep stage(network.get());
  REQUIRE(stage.server.link->allow({entry(stage.client, Role::read_only)}));
  CHECK(stage.client.up(2) == stage.to_server);
  const PeerId again = stage.server.up(2);
  CHECK(stage.server.recorder->seen().ups[0].second.role == Role::client);
  CHECK(stage.server.recorder->seen().ups[1].second.role == Role::read_only);
  CHECK(stage.server.recorder->seen().downs[0].first != again);
  require_works(stage.client, stage.to_server, stage.server, "as before");
}
