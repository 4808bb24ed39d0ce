// A collector of spans, somewhere behind HTTP: one POST after the other, each on a connection of
// its own and within a limit. On the thread that calls; not thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.hpp"
#include "tracing/shipment.hpp"

namespace troupe::tracing {

class Collector {
 public:
  // A host is an address or a name, which is looked up each time: it may move. That may take the
  // system longer than `limit`.
  Collector(std::string host, std::uint16_t port, Duration limit);

  // What came of it, status 0 for all that is no answer.
  Answer post(const std::string& target, std::string body) const;

 private:
  const std::string host_;
  const std::string port_;
  const Duration limit_;  // from the connection's beginning to the answer's end
};

}  // namespace troupe::tracing
