// The control verbs of processes that host agents. Bodies and answers are JSON:
//
//   host      {"type": T}                                    mail for T/* comes to who asked;
//   unhost    {"type": T}                                    no longer
//             -> {"type": T, "hosts": how many processes host it now}
//   remember  {"agent": A, "document": N, "vector": [...]}   as Context::remember(), by A's host,
//   forget    {"agent": A}, with "document": N or without    on the node where A lives
//             -> {"agent": A, "documents": how many all agents of the node remember now}
//
// Only who asks them on a connection means anything by them, so they are the bridge's and not the
// node's other verbs'. Bodies are from outside: anything may stand in them.
#pragma once

#include <string>
#include <string_view>

#include "actors/hosts.hpp"
#include "actors/world.hpp"
#include "base/result.hpp"
#include "transport/link.hpp"

namespace troupe::actors {

[[nodiscard]] bool is_host_verb(std::string_view verb) noexcept;
// Their names: "forget, host".
[[nodiscard]] std::string host_verbs();

// Of a verb that is one. Errors: malformed and invalid_argument for the body, unauthorized for
// somebody else's agent, not_found for an agent that lives elsewhere, those of Hosts and of
// kernels::MemoryStore.
Result<std::string> answer_host(std::string_view verb, const std::string& body,
                                transport::PeerId client, Hosts& hosts, World& world);

}  // namespace troupe::actors
