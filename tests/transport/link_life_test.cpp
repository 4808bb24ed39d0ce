// Peers that come, go, fall silent and come back, and links that stop.
#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <thread>

#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/transport/goldens.hpp"
#include "tests/transport/link_fixture.hpp"
#include "tests/transport/raw_peer.hpp"

using namespace troupe;
using namespace troupe::transport;
using namespace troupe::transport::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("a server that stops is noticed at once, after all that it said") {
  Member server("a");
  Member client("client");
  server.listens();
  server.allow(client, Role::client);
  client.options.heartbeat_interval = 10 * patience;  // so it is not the silence that tells
  server.start();
  client.start();
  const PeerId to_server = client.connect_to(server);
  client.up();
  const PeerId to_client = server.up();
  constexpr std::size_t letters = 3000;  // more than one turn takes
  for (std::size_t i = 0; i < letters; ++i)
    REQUIRE(server.link->send(to_client, Lane::ordinary, message(std::to_string(i))));
  server.link->stop(patience);
  REQUIRE(wait_for_downs(client, 1));
  const auto seen = client.recorder->seen();
  CHECK(seen.messages.size() == letters);
  CHECK(seen.downs[0].first == to_server);
  CHECK(seen.downs[0].second.what.find("stopped") != std::string::npos);
  require_in_order(seen);

  server.start();
  CHECK(client.up(2) == to_server);
  require_works(client, to_server, server, "again");
}

TEST_CASE("a connection that breaks is noticed at once") {
  Member server("a");
  Member client("client");
  server.listens();
  server.allow(client, Role::client);
  client.options.heartbeat_interval = 10 * patience;  // so it is not the silence that tells
  server.start();
  // So much is on its way that the server, as one that is killed, says no last word.
  std::promise<void> stopped;
  const LinkEvents recorded = client.recorder->events();
  client.start_with(
      {.on_up = recorded.on_up,
       .on_down = recorded.on_down,
       .on_message = [gate = stopped.get_future().share(), recorded](PeerId peer, Message&& one) {
         gate.wait();
         recorded.on_message(peer, std::move(one));
       }});
  const PeerId to_server = client.connect_to(server);
  client.up();
  const PeerId to_client = server.up();
  for (const Lane lane : {Lane::urgent, Lane::ordinary})
    while (server.link->send(to_client, lane, message("o", std::string(60 * 1024, 'x')))) {
    }
  server.link->stop(Duration::zero());
  stopped.set_value();
  REQUIRE(wait_for_downs(client, 1));
  const auto seen = client.recorder->seen();
  CHECK(seen.downs[0].first == to_server);
  CHECK(seen.downs[0].second.what.find("broke") != std::string::npos);
}

TEST_CASE("a server that restarts faster than heartbeats can tell is noticed all the same") {
  Member server("a");
  Member client("client");
  server.listens();
  server.allow(client, Role::client);
  client.options.heartbeats_missed_max = 1'000'000;  // silence alone would never do
  client.options.heartbeat_interval = milliseconds(20);
  server.start();
  client.start();
  const PeerId to_server = client.connect_to(server);
  for (std::size_t life = 1; life <= 5; ++life) {
    CHECK(client.up(life) == to_server);
    require_works(client, to_server, server, "life " + std::to_string(life));
    server.restart();
    REQUIRE(wait_for_downs(client, life));
    // The last word is heard, or the break, or the new life's first word; whichever comes first.
    const std::string why = client.recorder->seen().downs.back().second.what;
    INFO(why);
    CHECK((why.find("restarted") != std::string::npos || why.find("broke") != std::string::npos ||
           why.find("stopped") != std::string::npos ||
           why.find("lost the connection") != std::string::npos));
  }
  require_in_order(client.recorder->seen());
}

TEST_CASE("a node's new connection replaces the old one before it is up") {
  Member server("a");
  Member node("b");
  server.listens();
  server.allow(node, Role::node);
  server.options.heartbeat_interval = seconds(3600);
  server.start();
  RawPeer old_life(server, node.keys);
  old_life.enter("b", 1, 1);
  RawPeer new_life(server, node.keys);
  new_life.enter("b", 2, 2);
  server.up(2);
  const auto seen = server.recorder->seen();
  REQUIRE(seen.downs.size() == 1);
  CHECK(seen.downs[0].first == seen.ups[0].first);
  CHECK(seen.downs[0].second.what.find("restarted") != std::string::npos);
  CHECK(seen.order == std::vector<std::string>{"up " + std::to_string(seen.ups[0].first.value),
                                               "down " + std::to_string(seen.ups[0].first.value),
                                               "up " + std::to_string(seen.ups[1].first.value)});
  // The old life is a stranger now, and is told so.
  old_life.send(Lane::urgent, Heartbeat{1});
  auto asked = old_life.receive(Lane::urgent);
  REQUIRE(asked);
  CHECK(std::get<Hello>(*asked).connection == 0);
}

TEST_CASE("a peer that falls silent without closing anything is down after its heartbeats") {
  Member server("a");
  Member client("client");
  server.listens();
  server.allow(client, Role::client);
  server.options.heartbeat_interval = milliseconds(50);
  server.start();
  RawPeer silent(server, client.keys);
  silent.enter("client", 1, 1);
  REQUIRE(wait_for_downs(server, 1));
  const auto seen = server.recorder->seen();
  CHECK(seen.downs[0].second.code == ErrorCode::unreachable);
  CHECK(seen.downs[0].second.what.find("3 heartbeats") != std::string::npos);
}

TEST_CASE(
    "a client that stops says so, and one that just closes is noticed at the next heartbeat") {
  Pair pair;
  pair.client.link.reset();
  REQUIRE(wait_for_downs(pair.server, 1));
  CHECK(pair.server.recorder->seen().downs[0].second.what.find("stopped") != std::string::npos);
  {
    RawPeer silent(pair.server, pair.client.keys);
    silent.enter("client", 1, 1);
    REQUIRE(pair.server.up(2).value != 0);
  }
  REQUIRE(wait_for_downs(pair.server, 2));
  CHECK(pair.server.recorder->seen().downs[1].second.what.find("closed") != std::string::npos);
}

TEST_CASE("idle peers stay up on heartbeats alone") {
  Member server("a");
  Member client("client");
  server.listens();
  server.allow(client, Role::client);
  for (Member* member : {&server, &client}) member->options.heartbeat_interval = milliseconds(100);
  server.options.heartbeats_missed_max = client.options.heartbeats_missed_max = 10;
  server.start();
  client.start();
  const PeerId to_server = client.connect_to(server);
  client.up();
  // A raw peer that never beats dies meanwhile: time enough has passed for the others to die too.
  RawPeer silent(server, client.keys);
  silent.enter("client", 1, 1);
  REQUIRE(wait_for_downs(server, 1));
  CHECK(server.recorder->seen().downs.size() == 1);
  CHECK(server.recorder->seen().downs[0].first == server.recorder->seen().ups[1].first);
  CHECK(client.recorder->seen().downs.empty());
  require_works(client, to_server, server, "still");
}

TEST_CASE("a server of another protocol version is told apart from one that is down") {
  Member server("a");
  Member client("client");
  server.listens();
  client.start();

  // A server by hand: encrypted, without an allow-list, and from the future.
  Context context;
  std::array<Socket, lane_count> doors;
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
    auto socket = Socket::make(context, ZMQ_ROUTER);
    REQUIRE(socket);
    socket->set(ZMQ_LINGER, 0);
    socket->set(ZMQ_CURVE_SERVER, 1);
    socket->set(ZMQ_CURVE_SECRETKEY, server.keys.secret_z85);
    const auto port =
        lane == Lane::urgent ? server.endpoint->urgent_port : server.endpoint->ordinary_port;
    REQUIRE(socket->bind("tcp://127.0.0.1:" + std::to_string(port)) == 0);
    doors[static_cast<std::size_t>(lane)] = std::move(*socket);
  }
  client.connect_to(server);
  std::vector<Frame> frames;
  REQUIRE(eventually([&] { return doors[0].receive(frames, 8) == Socket::Received::message; }));
  REQUIRE(doors[0].send(frames[0], true) == Socket::Sent::yes);
  Frame answer = Frame::copy(read_goldens().at("~other_version")[0]);
  REQUIRE(doors[0].send(answer, false) == Socket::Sent::yes);

  REQUIRE(wait_for_downs(client, 1));
  const Error why = client.recorder->seen().downs[0].second;
  CHECK(why.code == ErrorCode::unsupported);
  CHECK(why.what.find("version 2") != std::string::npos);
  CHECK(client.recorder->seen().ups.empty());
}

TEST_CASE("stop sends what is queued, whichever side opened the connection") {
  for (const bool client_stops : {true, false}) {
    Member server("a");
    Member client("client");
    server.listens();
    server.allow(client, Role::client);
    // The receiver takes nothing until the sender is about to stop, so that more is queued than
    // ZeroMQ and the kernel hold between them.
    std::promise<void> stopping;
    const auto gate = stopping.get_future().share();
    for (Member* member : {&server, &client}) {
      // So often that one falls between the ends of the sender's two lanes.
      member->options.heartbeat_interval = milliseconds(1);
      member->options.heartbeats_missed_max = 100'000;
      const LinkEvents recorded = member->recorder->events();
      member->start_with({.on_up = recorded.on_up,
                          .on_down = recorded.on_down,
                          .on_message = [gate, recorded](PeerId peer, Message&& one) {
                            gate.wait();
                            recorded.on_message(peer, std::move(one));
                          }});
    }
    const PeerId to_server = client.connect_to(server);
    const PeerId to_client = server.up();
    client.up();
    Member& sender = client_stops ? client : server;
    Member& receiver = client_stops ? server : client;
    constexpr std::size_t count = 900;
    const std::string body(60 * 1024, 'x');
    for (std::size_t i = 0; i < count; ++i)
      REQUIRE(sender.link->send(client_stops ? to_server : to_client, Lane::ordinary,
                                message("o", body)));
    std::thread stopper([&] { sender.link->stop(patience); });
    REQUIRE(eventually([&] {
      return !sender.link->send(client_stops ? to_server : to_client, Lane::urgent, message("x"));
    }));
    stopping.set_value();
    stopper.join();
    CAPTURE(client_stops);
    CHECK(receiver.recorder->wait([](const Recorder::Seen& seen) {
      const auto topics = seen.topics();
      return std::count(topics.begin(), topics.end(), "o") == count;
    }));
  }
}

TEST_CASE("stop gives up on a peer that never was there when its time is over") {
  Member client("client");
  client.start();
  const PeerId peer = client.link->connect(free_endpoint(), {new_keys().public_key});
  REQUIRE(client.link->send(peer, Lane::urgent, message("anybody?")));
  const auto begin = std::chrono::steady_clock::now();
  client.link->stop(milliseconds(100));
  CHECK(std::chrono::steady_clock::now() - begin < seconds(20));
  CHECK(client.link->counters().undeliverable == 1);
}

TEST_CASE("stop may be called again, from anywhere, and nothing works after it") {
  Pair pair;
  std::thread other([&] { pair.client.link->stop(Duration::zero()); });
  pair.client.link->stop(Duration::zero());
  other.join();
  pair.client.link->stop(seconds(1));
  CHECK(pair.client.link->send(pair.to_server, Lane::urgent, message("x")).error().code ==
        ErrorCode::unreachable);
  CHECK(pair.client.connect_to(pair.server).value == 0);
  const auto seen = pair.client.recorder->seen().order.size();
  CHECK(wait_for_downs(pair.server, 1));
  CHECK(pair.client.recorder->seen().order.size() == seen);
}

TEST_CASE("a hundred links start and stop under traffic from several threads and never hang") {
  Member server("a");
  Member client("client");
  server.listens();
  server.allow(client, Role::client);
  server.start();
  for (std::size_t round = 1; round <= 100; ++round) {
    client.recorder = std::make_unique<Recorder>();
    client.start();
    const PeerId to_server = client.connect_to(server);
    // Stopped at every stage: before the handshake, during it, and in full flow.
    if (round % 3 != 0) client.up();
    std::atomic<bool> done{false};
    std::vector<std::thread> senders;
    for (const Lane lane : {Lane::urgent, Lane::ordinary})
      senders.emplace_back([&, lane] {
        const Message one =
            message("traffic", std::string(lane == Lane::urgent ? 100 : 20'000, 'x'));
        while (!done.load()) {
          if (!client.link->send(to_server, lane, one)) std::this_thread::yield();
        }
      });
    if (round % 3 == 1)
      REQUIRE(eventually([&] { return client.link->counters().messages_sent > 100; }));
    client.link->stop(round % 2 == 0 ? Duration::zero() : Duration(milliseconds(5)));
    done = true;
    for (auto& sender : senders) sender.join();
    client.link.reset();
  }
  // The server has survived them all.
  client.recorder = std::make_unique<Recorder>();
  client.start();
  const PeerId to_server = client.connect_to(server);
  client.up();
  require_works(client, to_server, server, "after all");
  CHECK(server.link->counters().malformed == 0);
  require_in_order(server.recorder->seen());
}

TEST_CASE("a server under traffic stops and never hangs either") {
  Member client("client");
  Member server("a");
  server.listens();
  server.allow(client, Role::client);
  client.options.heartbeat_interval = milliseconds(20);
  client.options.heartbeats_missed_max = 50;
  server.start();
  client.start();
  const PeerId to_server = client.connect_to(server);
  std::atomic<bool> done{false};
  std::thread sender([&] {
    const Message one = message("traffic", std::string(5'000, 'x'));
    while (!done.load())
      if (!client.link->send(to_server, Lane::ordinary, one)) std::this_thread::yield();
  });
  for (std::size_t round = 1; round <= 10; ++round) {
    client.up(round);
    server.recorder->wait(
        [&](const Recorder::Seen& seen) { return seen.messages.size() >= 100 * round; });
    server.restart();
  }
  done = true;
  sender.join();
  require_in_order(client.recorder->seen());
}
