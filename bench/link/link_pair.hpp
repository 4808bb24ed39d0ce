// Both ends of one production link, in this process: over the loopback interface, or over a wire.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "base/lane.hpp"
#include "bench/link/wire.hpp"
#include "transport/link.hpp"

namespace troupe::bench::link {

class LinkPair {
 public:
  using OnMessage = std::function<void(const transport::AgentMessage&)>;

  // Up. What arrives at the far end goes to `arrived`, on that end's thread. `wire`, if given,
  // outlives the pair. Errors: io, unreachable.
  static Result<std::unique_ptr<LinkPair>> open(OnMessage arrived, const Wire* wire = nullptr);
  ~LinkPair();

  // From the near end to the far one. Errors: those of transport::Link.
  Status send(Lane lane, const transport::AgentMessage& message) {
    return near_->send(peer_, lane, message);
  }

 private:
  LinkPair() = default;

  std::unique_ptr<transport::Link> far_;
  std::unique_ptr<transport::Link> near_;
  transport::PeerId peer_;
};

// A letter whose topic is empty and whose body has that many bytes.
transport::AgentMessage letter(std::size_t bytes);

}  // namespace troupe::bench::link
