#include "bench/link/link_pair.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>

#include "bench/scenarios/ports.hpp"

namespace troupe::bench::link {
namespace {

constexpr Duration connect_limit = std::chrono::seconds(10);
constexpr std::uint64_t outbox_bytes = std::uint64_t{8} << 20;

Result<std::unique_ptr<transport::Link>> open_at(const Wire* wire, Wire::End end,
                                                 transport::LinkOptions options,
                                                 transport::LinkEvents events) {
  if (wire == nullptr) return transport::Link::open(std::move(options), std::move(events));
  std::optional<Result<std::unique_ptr<transport::Link>>> opened;
  // Its threads live where it was opened.
  wire->at(end, [&] { opened = transport::Link::open(std::move(options), std::move(events)); });
  return std::move(*opened);
}

}  // namespace

Result<std::unique_ptr<LinkPair>> LinkPair::open(OnMessage arrived, const Wire* wire) {
  const auto far_keys = transport::generate_keys();
  const auto near_keys = transport::generate_keys();
  if (!far_keys) return far_keys.error();
  if (!near_keys) return near_keys.error();
  std::unique_ptr<LinkPair> pair(new LinkPair);
  transport::Endpoint endpoint;
  for (int attempt = 1; pair->far_ == nullptr; ++attempt) {
    endpoint = {wire == nullptr ? "127.0.0.1" : Wire::far_address, scenarios::next_port(),
                scenarios::next_port()};
    transport::LinkOptions options;
    options.name = "far";
    options.keys = *far_keys;
    options.allowed = {{near_keys->public_key, "near", transport::Role::node}};
    options.listen = endpoint;
    transport::LinkEvents events;
    events.on_up = [](transport::PeerId, const transport::PeerInfo&) {};
    events.on_down = [](transport::PeerId, const Error&) {};
    events.on_message = [arrived](transport::PeerId, transport::Message&& message) {
      if (const auto* mail = std::get_if<transport::AgentMessage>(&message)) arrived(*mail);
    };
    auto opened = open_at(wire, Wire::End::far, std::move(options), std::move(events));
    if (opened)
      pair->far_ = std::move(*opened);
    else if (opened.error().code != ErrorCode::io || attempt == scenarios::port_attempts)
      return opened.error();
  }

  struct Up {
    std::mutex mutex;
    std::condition_variable changed;
    bool up = false;
  };
  const auto up = std::make_shared<Up>();
  transport::LinkOptions options;
  options.name = "near";
  options.keys = *near_keys;
  options.outbox_bytes_max = outbox_bytes;
  transport::LinkEvents events;
  events.on_up = [up](transport::PeerId, const transport::PeerInfo&) {
    const std::lock_guard lock(up->mutex);
    up->up = true;
    up->changed.notify_all();
  };
  events.on_down = [](transport::PeerId, const Error&) {};
  events.on_message = [](transport::PeerId, transport::Message&&) {};
  auto opened = open_at(wire, Wire::End::near, std::move(options), std::move(events));
  if (!opened) return opened.error();
  pair->near_ = std::move(*opened);
  pair->peer_ = pair->near_->connect(endpoint, {far_keys->public_key});
  std::unique_lock lock(up->mutex);
  if (!up->changed.wait_for(lock, connect_limit, [&] { return up->up; }))
    return Error{ErrorCode::unreachable, "the two ends of the link do not find each other", ""};
  return pair;
}

LinkPair::~LinkPair() {
  if (near_) near_->stop({});
  if (far_) far_->stop({});
}

transport::AgentMessage letter(std::size_t bytes) {
  transport::AgentMessage message;
  message.to = {"bench", "far"};
  message.from = {"bench", "near"};
  message.body.assign(bytes, 'x');
  return message;
}

}  // namespace troupe::bench::link
