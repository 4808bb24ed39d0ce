#include "tests/transport/link_fixture.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

namespace troupe::transport::testing {

Endpoint free_endpoint() {
  // Both are held while they are chosen, so that they differ.
  std::array<int, 2> sockets{};
  std::array<std::uint16_t, 2> ports{};
  for (std::size_t i = 0; i < 2; ++i) {
    sockets[i] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(sockets[i], reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::getsockname(sockets[i], reinterpret_cast<sockaddr*>(&address), &size) == 0);
    ports[i] = ntohs(address.sin_port);
  }
  for (const int socket : sockets) ::close(socket);
  return {"127.0.0.1", ports[0], ports[1]};
}

KeyPair new_keys() {
  auto keys = generate_keys();
  REQUIRE(keys);
  return *keys;
}

std::vector<std::string> Recorder::Seen::topics() const {
  std::vector<std::string> topics;
  for (const auto& [peer, one] : messages)
    if (const auto* agent = std::get_if<AgentMessage>(&one)) topics.push_back(agent->topic);
  return topics;
}

LinkEvents Recorder::events() {
  const auto note = [this](const std::string& what, PeerId peer, auto change) {
    const std::lock_guard lock(mutex_);
    change(seen_);
    seen_.order.push_back(what + " " + std::to_string(peer.value));
    changed_.notify_all();
  };
  return {.on_up =
              [note](PeerId peer, const PeerInfo& info) {
                note("up", peer, [&](Seen& seen) { seen.ups.emplace_back(peer, info); });
              },
          .on_down =
              [note](PeerId peer, const Error& why) {
                note("down", peer, [&](Seen& seen) { seen.downs.emplace_back(peer, why); });
              },
          .on_message =
              [note](PeerId peer, Message&& one) {
                note("message", peer,
                     [&](Seen& seen) { seen.messages.emplace_back(peer, std::move(one)); });
              }};
}

Member::Member(std::string member_name, MemoryNetwork* network)
    : name(std::move(member_name)), memory(network) {
  options.heartbeat_interval = std::chrono::milliseconds(500);
}

void Member::allow(const Member& other, Role role) {
  options.allowed.push_back({other.keys.public_key, other.name, role});
}

void Member::start() {
  start_with(recorder->events());
}

void Member::start_with(LinkEvents events) {
  LinkOptions copy = options;
  copy.name = name;
  copy.keys = keys;
  copy.listen = endpoint;
  auto opened = memory != nullptr ? memory->open(std::move(copy), std::move(events))
                                  : Link::open(std::move(copy), std::move(events));
  INFO((opened ? std::string("opened") : opened.error().to_string()));
  REQUIRE(opened);
  link = std::move(*opened);
}

void Member::restart() {
  if (link) link->stop(Duration::zero());
  link.reset();
  start();
}

PeerId Member::connect_to(const Member& server) {
  return link->connect(*server.endpoint, {server.keys.public_key});
}

PeerId Member::up(std::size_t nth) {
  REQUIRE(recorder->wait([&](const Recorder::Seen& seen) { return seen.ups.size() >= nth; }));
  return recorder->seen().ups[nth - 1].first;
}

Pair::Pair(MemoryNetwork* network) : server("a", network), client("client", network) {
  server.listens();
  server.allow(client, Role::client);
  server.start();
  client.start();
  to_server = client.connect_to(server);
  to_client = server.up();
  REQUIRE(client.up() == to_server);
}

bool wait_for_downs(Member& member, std::size_t count) {
  return member.recorder->wait(
      [&](const Recorder::Seen& seen) { return seen.downs.size() >= count; });
}

void require_in_order(const Recorder::Seen& seen) {
  std::map<std::string, bool> up;
  for (const std::string& step : seen.order) {
    const auto space = step.find(' ');
    const std::string what = step.substr(0, space);
    bool& is_up = up[step.substr(space + 1)];
    INFO(step);
    CHECK(is_up == (what != "up"));
    if (what != "message") is_up = what == "up";
  }
}

Doorstep::Doorstep(MemoryNetwork* network)
    : server("a", network), client("client", network), late("late", network) {
  server.listens();
  server.allow(client, Role::client);
  server.start();
  client.start();
  to_server = client.connect_to(server);
  server.up();
  client.up();
  late.start();
}

void Doorstep::require_undisturbed() {
  require_works(client, to_server, server, "round " + std::to_string(++rounds));
  CHECK(client.recorder->seen().downs.empty());
}

AllowedKey entry(const Member& member, Role role) {
  return {member.keys.public_key, member.name, role};
}

bool eventually(const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

void require_works(Member& client, PeerId to_server, Member& server, const std::string& topic) {
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
    const std::string said = topic + " " + std::string(name(lane));
    REQUIRE(client.link->send(to_server, lane, message(said)));
    REQUIRE(server.recorder->wait([&](const Recorder::Seen& seen) {
      const auto topics = seen.topics();
      return std::find(topics.begin(), topics.end(), said) != topics.end();
    }));
  }
}

AgentMessage message(const std::string& topic, std::string body) {
  return {{"librarian", "017"}, {"reader", "3"}, 7, topic, std::move(body)};
}

}  // namespace troupe::transport::testing
