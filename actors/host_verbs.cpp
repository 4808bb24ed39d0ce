#include "actors/host_verbs.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "actors/directory.hpp"
#include "actors/members.hpp"
#include "base/limits.hpp"
#include "models/json.hpp"

namespace troupe::actors {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 4> verbs = {"forget", "host", "remember", "unhost"};

Error bad(std::string what) {
  return {ErrorCode::invalid_argument, std::move(what),
          "docs/wire.md says what the body of this request looks like"};
}

Result<std::string> text_of(const json& body, const char* key) {
  const auto found = body.find(key);
  if (found == body.end() || !found->is_string())
    return bad("the request has no text '" + std::string(key) + "'");
  return found->get<std::string>();
}

Result<std::uint64_t> document_of(const json& body) {
  const auto found = body.find("document");
  if (found == body.end() || !found->is_number_unsigned())
    return bad("the request has no 'document', a whole number from 0");
  return found->get<std::uint64_t>();
}

Result<std::vector<float>> vector_of(const json& body) {
  const auto found = body.find("vector");
  if (found == body.end() || !found->is_array())
    return bad("the request has no 'vector', a list of numbers");
  if (found->size() > limits::embedding_width_max)
    return Error{ErrorCode::too_large,
                 "a vector of " + std::to_string(found->size()) + " numbers is over the limit of " +
                     std::to_string(limits::embedding_width_max),
                 "remember shorter ones"};
  std::vector<float> vector;
  vector.reserve(found->size());
  for (const auto& number : *found) {
    if (!number.is_number()) return bad("the request's 'vector' holds something else than numbers");
    const auto value = number.get<double>();
    if (std::abs(value) > std::numeric_limits<float>::max())
      return bad("the request's 'vector' holds a number that no float can hold");
    vector.push_back(static_cast<float>(value));
  }
  return vector;
}

// The agent that the request means: one that lives here and that who asks answers for.
Result<AgentId> own_agent(const json& body, transport::PeerId client, const Hosts& hosts,
                          const World& world) {
  const auto address = text_of(body, "agent");
  if (!address) return address.error();
  auto agent = parse_agent_id(*address);
  if (!agent) return agent.error();
  if (!hosts.may_write_as(client, agent->type))
    return Error{ErrorCode::unauthorized, "this process does not host agents of this type here",
                 "host the type first"};
  if (const auto home = world.members->home_of(*address); home != world.members->self())
    return Error{ErrorCode::not_found,
                 *address + " lives on node '" + world.members->name(home) + "'", "ask that node"};
  return agent;
}

Result<std::string> change_hosts(bool attach, const json& body, transport::PeerId client,
                                 Hosts& hosts, const World& world) {
  const auto type = text_of(body, "type");
  if (!type) return type.error();
  if (auto good = check_agent_type(*type); !good) return good.error();
  if (world.directory->makes(*type))
    return Error{ErrorCode::invalid_argument,
                 "a module of node '" + world.node + "' makes the agents of type '" + *type + "'",
                 "choose another type"};
  const Status done = attach ? hosts.attach(client, *type) : hosts.detach(client, *type);
  if (!done) return done.error();
  const auto counts = hosts.counts();
  const auto left = counts.find(*type);
  world.log->info(attach ? "a process hosts agents" : "a process no longer hosts agents",
                  {{"type", *type}});
  return json{{"type", *type}, {"hosts", left == counts.end() ? 0 : left->second}}.dump();
}

Result<std::string> change_memory(bool remember, const json& body, const AgentId& agent,
                                  World& world) {
  if (!remember && !body.contains("document")) {
    world.memory->forget(agent);
  } else {
    const auto document = document_of(body);
    if (!document) return document.error();
    if (remember) {
      const auto vector = vector_of(body);
      if (!vector) return vector.error();
      if (auto kept = world.memory->append(agent, *document, *vector); !kept) return kept.error();
    } else {
      world.memory->forget(agent, *document);
    }
  }
  return json{{"agent", to_string(agent)}, {"documents", world.memory->documents()}}.dump();
}

}  // namespace

bool is_host_verb(std::string_view verb) noexcept {
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

std::string host_verbs() {
  std::string all;
  for (const auto verb : verbs) all += (all.empty() ? "" : ", ") + std::string(verb);
  return all;
}

Result<std::string> answer_host(std::string_view verb, const std::string& body,
                                transport::PeerId client, Hosts& hosts, World& world) {
  const auto read = models::parse_json(body, "the request");
  if (!read) return Error{ErrorCode::malformed, read.error().what, "send a JSON object"};
  if (!read->is_object()) return bad("the request is not a JSON object");
  if (verb == "host" || verb == "unhost")
    return change_hosts(verb == "host", *read, client, hosts, world);
  const auto agent = own_agent(*read, client, hosts, world);
  if (!agent) return agent.error();
  return change_memory(verb == "remember", *read, *agent, world);
}

}  // namespace troupe::actors
