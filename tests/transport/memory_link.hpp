// Links without sockets: a network in this process's memory, for tests of what is built on a link.
// The same interface and the same promises as the real one (tests/transport/link_contract_test.cpp
// holds both to them), messages encoded and decoded as on the wire, keys compared, and a test may
// cut the network between two names and heal it.
//
// What it leaves out: windows, frames and parts; heartbeats (a cut is noticed at once); lingering
// (what was sent before stop() arrives).
#pragma once

#include <memory>
#include <string>

#include "transport/link.hpp"

namespace troupe::transport::testing {

// Thread-safe. One thread carries everything, urgent messages first, and is the one on which all
// links' callbacks run. Its links are stopped before it goes.
class MemoryNetwork {
 public:
  MemoryNetwork();
  ~MemoryNetwork();

  // As Link::open(). The endpoint is a name like any other here. Errors: io where somebody listens
  // there already; config for an allow-list that is none.
  Result<std::unique_ptr<Link>> open(LinkOptions options, LinkEvents events);

  // Nothing passes between links of these names any more: their connections break, and no other
  // comes about, until it is healed.
  void cut(const std::string& one, const std::string& other);
  void heal(const std::string& one, const std::string& other);

  // Until nothing is on its way any more and every callback has returned.
  void settle();

 private:
  class Carrier;
  class MemoryLink;
  std::shared_ptr<Carrier> carrier_;
};

}  // namespace troupe::transport::testing
