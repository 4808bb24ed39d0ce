// How messages travel to a peer that announced `framing`: small ones in company, large ones in
// parts, and no more of the ordinary lane than the peer has room for. And what a peer gains that
// abuses it: nothing.
#include <future>

#include "tests/catch.hpp"
#include "tests/transport/link_fixture.hpp"
#include "tests/transport/raw_peer.hpp"
#include "transport/framing.hpp"
#include "transport/guests.hpp"
#include "transport/window.hpp"
#include "transport/wire.hpp"

using namespace troupe;
using namespace troupe::transport;
using namespace troupe::transport::testing;

namespace {

constexpr std::uint64_t epoch = 7;

// A server whose thread stands still while it is told to, and a raw peer of it that is up.
struct Stage {
  Member server{"a"};
  Member mallory{"mallory"};
  std::promise<void> go_on;
  std::optional<RawPeer> raw;
  PeerId to_raw;

  explicit Stage(bool framing) {
    server.listens();
    server.allow(mallory, Role::node);
    LinkEvents recorded = server.recorder->events();
    server.start_with(
        {.on_up = recorded.on_up,
         .on_down = recorded.on_down,
         .on_message = [recorded, gate = go_on.get_future().share()](PeerId peer, Message&& one) {
           const bool halt = std::get<AgentMessage>(one).topic == "halt";
           recorded.on_message(peer, std::move(one));
           if (halt) gate.wait();
         }});
    raw.emplace(server, mallory.keys);
    raw->enter("mallory", epoch, 1, framing);
    to_raw = server.up();
  }

  // Sends all of them while the server's thread stands still, so that they wait together.
  void send_together(Lane lane, const std::vector<Message>& messages) {
    raw->send(Lane::urgent, message("halt"));
    REQUIRE(heard(1));
    for (const auto& one : messages) REQUIRE(server.link->send(to_raw, lane, one));
    go_on.set_value();
  }

  bool heard(std::size_t messages) {
    return server.recorder->wait(
        [&](const Recorder::Seen& seen) { return seen.messages.size() == messages; });
  }

  LinkCounters counters() { return server.link->counters(); }
};

std::vector<Message> numbered(std::size_t count) {
  std::vector<Message> messages;
  for (std::size_t i = 0; i < count; ++i) messages.push_back(message(std::to_string(i)));
  return messages;
}

std::string topic_of(std::string_view bytes) {
  const auto decoded = decode(std::span(&bytes, 1));
  REQUIRE(decoded);
  return std::get<AgentMessage>(*decoded).topic;
}

std::string bytes_of_message(const std::string& topic) {
  return encode(message(topic))->head;
}

std::string shared(const std::vector<std::string>& messages) {
  SharedFrame frame;
  for (const auto& one : messages) REQUIRE(frame.add(one));
  return std::move(frame).take();
}

}  // namespace

TEST_CASE("small messages that wait together share frames, in order, on either lane") {
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
    Stage stage(true);
    constexpr std::size_t count = 300;
    stage.send_together(lane, numbered(count));
    std::size_t next = 0;
    std::size_t frames = 0;
    for (; next < count; ++frames) {
      const auto frame = stage.raw->receive_frame(lane);
      REQUIRE(is_shared_frame(frame));
      REQUIRE(frame.size() <= shared_frame_bytes);
      auto reader = SharedFrameReader::open(frame);
      REQUIRE(reader);
      while (const auto one = reader->next()) REQUIRE(topic_of(*one) == std::to_string(next++));
    }
    CHECK(frames <= 4);
    CHECK(stage.counters().messages_sent == count);
  }
}

TEST_CASE("a peer that has not announced framing gets each message in a frame of its own, whole") {
  Stage stage(false);
  auto messages = numbered(100);
  messages.push_back(message("large", std::string(200'000, 'x')));
  stage.send_together(Lane::ordinary, messages);
  for (std::size_t i = 0; i < 100; ++i)
    REQUIRE(topic_of(stage.raw->receive_frame(Lane::ordinary)) == std::to_string(i));
  CHECK(topic_of(stage.raw->receive_frame(Lane::ordinary)) == "large");
}

TEST_CASE("a large message comes in parts, as fast as its receiver says that they have come") {
  Stage stage(true);
  stage.go_on.set_value();
  const std::string body(250'000, 'x');
  constexpr int count = 4;
  for (int i = 0; i < count; ++i)
    REQUIRE(stage.server.link->send(stage.to_raw, Lane::ordinary, message("large", body)));
  // The server has been through its queues once it has heard the second of these.
  for (std::size_t i = 1; i <= 2; ++i) {
    stage.raw->send(Lane::urgent, message("ping"));
    REQUIRE(stage.heard(i));
  }

  Reassembly parts;
  std::uint64_t received = 0;
  int whole = 0;
  const auto take = [&] {
    const auto frame = stage.raw->receive_frame(Lane::ordinary);
    REQUIRE(frame.size() <= Window::part_bytes_max + 12);
    received += frame.size();
    auto added = parts.add(frame);
    REQUIRE(added);
    if (added->has_value() && topic_of(**added) == "large") ++whole;
  };
  const Window fresh;
  while (received + fresh.part_bytes() < fresh.bytes()) take();
  // Nothing more without a word of ours; and what is urgent is not concerned.
  REQUIRE(stage.server.link->send(stage.to_raw, Lane::urgent, message("urgent")));
  auto urgent = stage.raw->receive(Lane::urgent);
  REQUIRE(urgent);
  CHECK(std::get<AgentMessage>(*urgent).topic == "urgent");
  CHECK_FALSE(stage.raw->has_heard(Lane::ordinary));
  CHECK(stage.counters().messages_sent == 1);
  const LinkBacklog backlog = stage.server.link->backlog(stage.to_raw);
  CHECK(backlog.on_its_way == received);
  CHECK(backlog.window == fresh.bytes());
  CHECK(backlog.waiting[static_cast<std::size_t>(Lane::ordinary)] > 3 * body.size());

  stage.raw->send(Lane::urgent, Heartbeat{epoch, false, received});
  while (whole < count) {
    take();
    stage.raw->send(Lane::urgent, Heartbeat{epoch, false, received});
  }
  CHECK(eventually([&] { return stage.counters().messages_sent == count + 1; }));
  CHECK(stage.counters().malformed == 0);
}

TEST_CASE("a link says how much has come, also of what was malformed") {
  Stage stage(true);
  stage.go_on.set_value();
  std::uint64_t sent = 0;
  const auto send = [&](const std::string& frame) {
    stage.raw->send(Lane::ordinary, {frame});
    sent += frame.size();
  };
  send("garbage");
  for (int i = 0; i < 40; ++i) send(bytes_of_message("some"));
  send(encode(message("large", std::string(20'000, 'x')))->head);
  std::optional<std::uint64_t> told;
  while (told != sent) {
    auto word = stage.raw->receive(Lane::urgent);
    REQUIRE(word);
    const auto& heartbeat = std::get<Heartbeat>(*word);
    if (heartbeat.received) told = heartbeat.received;
    REQUIRE(told.value_or(0) <= sent);
  }
  CHECK(stage.counters().malformed == 1);
}

TEST_CASE("in a shared frame each message stands for itself") {
  Stage stage(true);
  stage.go_on.set_value();
  stage.raw->send(Lane::ordinary,
                  {shared({bytes_of_message("one"), "garbage", "",
                           shared({bytes_of_message("within")}), bytes_of_message("two")})});
  REQUIRE(stage.heard(2));
  CHECK(stage.server.recorder->seen().topics() == std::vector<std::string>{"one", "two"});
  CHECK(eventually([&] { return stage.counters().malformed == 3; }));
}

TEST_CASE("framing that is malformed is counted, then its sender is cut off") {
  Stage stage(true);
  stage.go_on.set_value();
  const std::string large(100'000, 'x');
  const std::vector<std::pair<Lane, std::string>> wrong = {
      {Lane::ordinary, "TRPS"},
      {Lane::ordinary, std::string("TRPS\xff\xff\xff\xff", 8)},
      {Lane::ordinary, "TRPP"},
      {Lane::ordinary, write_part(large, 50'000, 100)},
      {Lane::urgent, encode(Heartbeat{epoch, false, 1})->head},
      {Lane::urgent, encode(Heartbeat{epoch, false, ~std::uint64_t{0}})->head},
  };
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    stage.raw->send(wrong[i].first, {wrong[i].second});
    REQUIRE(eventually([&] { return stage.counters().malformed == i + 1; }));
  }
  // It is still heard; and a message that was begun and never ended is in nobody's way.
  stage.raw->send(Lane::ordinary, {write_part(large, 0, 1000)});
  stage.raw->send(Lane::ordinary, message("still here"));
  REQUIRE(stage.heard(1));
  for (std::size_t i = wrong.size(); i < Guests::malformed_max; ++i)
    stage.raw->send(Lane::ordinary, {"TRPS"});
  CHECK(stage.server.recorder->wait(
      [](const Recorder::Seen& seen) { return seen.downs.size() == 1; }));
}

TEST_CASE("a stranger's shared frames and parts are answered like any of its messages") {
  Stage stage(true);
  stage.go_on.set_value();
  RawPeer stranger(stage.server, stage.mallory.keys);
  for (int i = 0; i < 20; ++i) {
    stranger.send(Lane::urgent, {shared({bytes_of_message("no hello")})});
    stranger.send(Lane::urgent, {write_part(bytes_of_message("no hello"), 5, 100)});
  }
  auto asked = stranger.receive(Lane::urgent);
  REQUIRE(asked);
  CHECK(std::get<Hello>(*asked).connection == 0);
  REQUIRE(eventually([&] { return stage.counters().ignored == 40; }));
  CHECK(stage.counters().malformed == 0);
  stranger.enter("mallory", epoch, 2);  // it has not lost its place
}
