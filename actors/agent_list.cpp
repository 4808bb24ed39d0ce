#include "actors/agent_list.hpp"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <shared_mutex>

#include "actors/bridge.hpp"
#include "actors/directory.hpp"
#include "actors/members.hpp"
#include "base/clock.hpp"
#include "models/json.hpp"

namespace troupe::actors {
namespace {

using nlohmann::json;

Error bad(std::string what) {
  return {ErrorCode::invalid_argument, std::move(what),
          "send {\"type\": T, \"limit\": N}, either or none, or {\"agent\": \"TYPE/KEY\"}"};
}

// How many documents it remembers here, whether it is active or not.
std::size_t documents_of(const World& world, const AgentId& agent) {
  const auto memories = world.memory->find(to_string(agent));
  std::size_t documents = 0;
  if (!memories) return documents;
  for (const auto& memory : *memories) {
    const std::shared_lock lock(memory->mutex);
    documents += memory->size();
  }
  return documents;
}

json seen(const World& world, const Directory::Seen& agent, Instant at) {
  const Duration idle = std::max(Duration::zero(), at - agent.last_active);
  return {{"agent", to_string(agent.id)},
          {"state", name(agent.state)},
          {"mail", agent.mail},
          {"tasks", agent.tasks},
          {"restarts", agent.restarts},
          {"idle_ms", static_cast<double>(idle.count()) / 1e6},
          {"documents", documents_of(world, agent.id)}};
}

Result<std::string> list(const json& body, const World& world) {
  std::string type;
  if (const auto given = body.find("type"); given != body.end()) {
    if (!given->is_string()) return bad("the request's 'type' is no text");
    type = given->get<std::string>();
  }
  std::size_t limit = agents_listed;
  if (const auto given = body.find("limit"); given != body.end()) {
    if (!given->is_number_unsigned() || given->get<std::uint64_t>() > agents_listed_max)
      return bad(std::string("the request's 'limit' is no whole number from 0 to ")
                     .append(std::to_string(agents_listed_max)));
    limit = given->get<std::size_t>();
  }
  const auto listed = world.directory->list(type, limit);
  const Instant at = now();
  json agents = json::array();
  for (const auto& agent : listed.agents) agents.push_back(seen(world, agent, at));
  return json{{"node", world.node}, {"agents", std::move(agents)}, {"all", listed.all}}.dump();
}

Result<std::string> show(const json& address, const World& world) {
  if (!address.is_string()) return bad("the request's 'agent' is no text");
  const auto id = parse_agent_id(address.get<std::string>());
  if (!id) return id.error();
  const auto hosts = world.bridge->hosts();
  const auto agent = world.directory->see(*id);
  json answer;
  if (agent) answer = seen(world, *agent, now());
  answer["agent"] = to_string(*id);
  answer["documents"] = documents_of(world, *id);
  answer["node"] = world.node;
  answer["home"] = world.members->name(world.members->home_of(to_string(*id)));
  answer["here"] = world.directory->makes(id->type) || hosts.contains(id->type);
  answer["active"] = agent.has_value();
  return answer.dump();
}

}  // namespace

Result<std::string> answer_agents(const std::string& body, const World& world) {
  if (body.empty()) return list(json::object(), world);
  const auto read = models::parse_json(body, "the request");
  if (!read) return Error{ErrorCode::malformed, read.error().what, "send a JSON object"};
  if (!read->is_object()) return bad("the request is not a JSON object");
  const auto agent = read->find("agent");
  return agent == read->end() ? list(*read, world) : show(*agent, world);
}

}  // namespace troupe::actors
