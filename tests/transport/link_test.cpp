#include "transport/link.hpp"

#include <algorithm>
#include <future>

#include "base/limits.hpp"

#include "tests/catch.hpp"
#include "tests/transport/link_fixture.hpp"
#include "tests/transport/same.hpp"

using namespace troupe;
using namespace troupe::transport;
using namespace troupe::transport::testing;

TEST_CASE("an urgent message overtakes megabytes of ordinary ones that were sent before it") {
  Member server("a");
  Member client("client");
  server.listens();
  server.allow(client, Role::client);
  // The server's owner stops at the first ordinary message until the urgent one has left the
  // client.
  std::promise<void> urgent_sent;
  auto gate = urgent_sent.get_future().share();
  LinkEvents recorded = server.recorder->events();
  server.start_with({.on_up = recorded.on_up,
                     .on_down = recorded.on_down,
                     .on_message = [gate, recorded](PeerId peer, Message&& one) {
                       if (std::get<AgentMessage>(one).topic == "ordinary") gate.wait();
                       recorded.on_message(peer, std::move(one));
                     }});
  client.options.heartbeats_missed_max = 10'000;  // a silent server is not a dead one
  client.start();
  const PeerId to_server = client.connect_to(server);
  client.up();

  constexpr std::size_t count = 150;
  const std::string body(limits::message_bytes_max, 'x');
  for (std::size_t i = 0; i < count; ++i)
    REQUIRE(client.link->send(to_server, Lane::ordinary, message("ordinary", body)));
  REQUIRE(client.link->send(to_server, Lane::urgent, message("urgent")));
  // Of the ordinary ones the first alone: a second does not fit into what may be on its way.
  const bool left = eventually([&] { return client.link->counters().messages_sent >= 2; });
  urgent_sent.set_value();
  REQUIRE(left);
  REQUIRE(server.recorder->wait(
      [](const Recorder::Seen& seen) { return seen.messages.size() == count + 1; }));
  const auto topics = server.recorder->seen().topics();
  const auto place = std::find(topics.begin(), topics.end(), "urgent") - topics.begin();
  CHECK(place < 50);
}

TEST_CASE("a peer that does not take its messages holds up nobody else") {
  Member slow("a");
  Member quick("b");
  Member client("client");
  for (Member* server : {&slow, &quick}) {
    server->listens();
    server->allow(client, Role::client);
  }
  std::promise<void> done;
  auto gate = done.get_future().share();
  LinkEvents recorded = slow.recorder->events();
  slow.start_with({.on_up = recorded.on_up,
                   .on_down = recorded.on_down,
                   .on_message = [gate](PeerId, Message&&) { gate.wait(); }});
  quick.start();
  client.options.outbox_bytes_max = 300 * 1024 * 1024;
  client.options.heartbeats_missed_max = 10'000;  // slow is silent, not dead
  client.start();
  const PeerId to_slow = client.connect_to(slow);
  const PeerId to_quick = client.connect_to(quick);
  client.up(2);

  // More than sockets and pipes in between can hold.
  const std::string body(limits::message_bytes_max, 'x');
  for (int i = 0; i < 800; ++i)
    REQUIRE(client.link->send(to_slow, Lane::ordinary, message("stuck", body)));
  for (int i = 0; i < 20; ++i) require_works(client, to_quick, quick, "round " + std::to_string(i));
  CHECK(client.link->counters().messages_sent < 800);
  done.set_value();
}

TEST_CASE("an address that cannot be listened on is refused, with its name and a way out") {
  const auto refusal = [](const std::string& host, std::uint16_t urgent, std::uint16_t ordinary) {
    LinkOptions options;
    options.name = "a";
    options.keys = new_keys();
    options.listen = Endpoint{host, urgent, ordinary};
    auto opened = Link::open(options, {});
    REQUIRE(!opened);
    CHECK(!opened.error().next_step.empty());
    return opened.error();
  };
  const Endpoint free = free_endpoint();
  for (const char* wildcard : {"0.0.0.0", "*", "::", "0", "0.0", "::ffff:0.0.0.0", "", "lo;eth0"}) {
    INFO(wildcard);
    CHECK(refusal(wildcard, free.urgent_port, free.ordinary_port).code == ErrorCode::config);
  }
  CHECK(refusal("127.0.0.1", 0, free.ordinary_port).code == ErrorCode::config);
  CHECK(refusal("127.0.0.1", free.urgent_port, free.urgent_port).code == ErrorCode::config);
  const Error foreign = refusal("192.0.2.1", free.urgent_port, free.ordinary_port);
  CHECK(foreign.code == ErrorCode::io);
  CHECK(foreign.what.find("192.0.2.1") != std::string::npos);

  Member holder("b");
  holder.listens();
  holder.start();
  const std::uint16_t taken = holder.endpoint->ordinary_port;
  const Error in_use = refusal("127.0.0.1", free.urgent_port, taken);
  CHECK(in_use.code == ErrorCode::io);
  CHECK(in_use.what.find("127.0.0.1:" + std::to_string(taken)) != std::string::npos);
  // The refused attempt let go of the port that it did get.
  Member next("c");
  next.endpoint = free;
  next.start();
}

TEST_CASE("options that make no sense are refused") {
  LinkOptions good;
  good.name = "a";
  good.keys = new_keys();
  CHECK(Link::open(good, {}));
  const auto refused = [&](auto change) {
    LinkOptions options = good;
    change(options);
    return !Link::open(options, {});
  };
  const AllowedKey b{new_keys().public_key, "b", Role::node};
  CHECK(refused([](LinkOptions& o) { o.name = ""; }));
  CHECK(refused([](LinkOptions& o) { o.keys = {}; }));
  CHECK(refused([](LinkOptions& o) { o.keys.public_key = new_keys().public_key; }));
  CHECK(refused([](LinkOptions& o) { o.heartbeat_interval = Duration::zero(); }));
  CHECK(refused([](LinkOptions& o) { o.heartbeats_missed_max = 0; }));
  CHECK(refused([](LinkOptions& o) { o.allowed = {{{"short"}, "b", Role::node}}; }));
  CHECK(refused([&](LinkOptions& o) { o.allowed = {b, {b.key, "c", Role::node}}; }));
  CHECK(refused([&](LinkOptions& o) {
    o.allowed = {b, {new_keys().public_key, "b", Role::client}};
  }));
}

TEST_CASE("a peer that cannot even be tried is down at once") {
  Member client("client");
  client.start();
  const PublicKey key = new_keys().public_key;
  const std::vector<PeerId> peers = {
      client.link->connect({"no such host!", 1, 2}, {key}),
      client.link->connect({"127.0.0.1", 0, 2}, {key}),
      client.link->connect({"127.0.0.1", 1, 2}, {PublicKey{"not a key"}}),
  };
  REQUIRE(client.recorder->wait([](const Recorder::Seen& seen) { return seen.downs.size() == 3; }));
  for (const PeerId peer : peers)
    CHECK(client.link->send(peer, Lane::urgent, message("x")).error().code ==
          ErrorCode::unreachable);
  CHECK(client.recorder->seen().ups.empty());
}
