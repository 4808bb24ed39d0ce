// troupe agents ls and troupe agents show TYPE/KEY: which agents live where, and what they do.
#include <algorithm>

#include "apps/asking.hpp"
#include "apps/verbs.hpp"
#include "base/agent_id.hpp"
#include "base/units.hpp"

namespace troupe::apps {
namespace {

using nlohmann::json;

// What it does, in words; what is zero goes unsaid.
std::string doing(const json& agent) {
  std::string text = text_of(agent, "state");
  const auto add = [&](std::uint64_t count, const std::string& what) {
    if (count != 0) text += ", " + std::to_string(count) + " " + what;
  };
  add(count_of(agent, "mail"), "letters waiting");
  add(count_of(agent, "tasks"), "tasks");
  add(count_of(agent, "restarts"), "restarts");
  add(count_of(agent, "documents"), "documents");
  if (const auto idle = duration_of(agent, "idle_ms"))
    text += ", last active " + human_duration(*idle) + " ago";
  return text;
}

// The first of all nodes' lists, each of which is sorted already.
json first_of(const std::vector<json>& answers, std::size_t limit) {
  std::vector<json> agents;
  for (const auto& answer : answers) {
    const json listed = answer.value("agents", json::array());
    for (const auto& one : listed) {
      json agent = one.is_object() ? one : json::object();
      agent["node"] = text_of(answer, "node");
      agents.push_back(std::move(agent));
    }
  }
  std::sort(agents.begin(), agents.end(), [](const json& a, const json& b) {
    return std::pair(text_of(a, "agent"), text_of(a, "node")) <
           std::pair(text_of(b, "agent"), text_of(b, "node"));
  });
  if (agents.size() > limit) agents.resize(limit);
  return agents;
}

std::string lines_of(const json& agents, std::uint64_t all, const std::string& note,
                     const Output& output) {
  std::string text;
  const auto add = [&](const std::string& line) { text += (text.empty() ? "" : "\n") + line; };
  for (const auto& agent : agents)
    add(text_of(agent, "agent") + "  on " + output.bold(text_of(agent, "node")) + "  " +
        doing(agent));
  if (all == 0) add("no agents");
  if (all > agents.size())
    add("and " + std::to_string(all - agents.size()) + " more; --limit shows more of them");
  if (!note.empty()) add(note);
  return text;
}

std::string whereabouts(const json& answers, const std::string& agent, const Output& output) {
  std::string text;
  for (const auto& answer : answers)
    if (flag_of(answer, "active"))
      text += (text.empty() ? "" : "\n") + agent + "  on " + output.bold(text_of(answer, "node")) +
              "  " + doing(answer);
  if (!text.empty()) return text;
  const json& first = answers.front();
  const auto home = text_of(first, "home");
  text = agent + " is not active; the next message makes it on node '" + home + "'";
  std::uint64_t documents = 0;
  bool somewhere = false;
  for (const auto& answer : answers) {
    documents += count_of(answer, "documents");
    somewhere = somewhere || flag_of(answer, "here");
  }
  if (documents != 0) text += ", where " + std::to_string(documents) + " documents are remembered";
  if (!somewhere)
    text += "\nno node that answers has a module for its type, and no process hosts it";
  return text;
}

}  // namespace

int run_agents_ls(const AgentsOptions& options, Output& output) {
  const auto reached = reach(options.config, options.node);
  if (!reached) return output.fail(reached.error());
  json body = {{"limit", options.limit}};
  if (!options.type.empty()) body["type"] = options.type;
  const auto asked = ask_all(*reached, "agents", body.dump());
  if (!asked) return output.fail(asked.error());
  if (asked->answers.empty() && !asked->silent.empty())
    return output.fail(asked->silent.front().why);
  const json agents = first_of(asked->answers, options.limit);
  std::uint64_t all = 0;
  for (const auto& answer : asked->answers) all += count_of(answer, "all");
  output.text(lines_of(agents, all, silent_note(*asked), output));
  output.object({{"agents", agents},
                 {"all", all},
                 {"more", all - std::min<std::uint64_t>(all, agents.size())},
                 {"silent", asked->silent_names()}});
  return asked->silent.empty() ? exit_ok : exit_unreachable;
}

int run_agents_show(const AgentOptions& options, Output& output) {
  const auto id = parse_agent_id(options.agent);
  if (!id) return output.fail(id.error());
  const auto reached = reach(options.config, "");
  if (!reached) return output.fail(reached.error());
  const auto asked = ask_all(*reached, "agents", json{{"agent", options.agent}}.dump());
  if (!asked) return output.fail(asked.error());
  if (asked->answers.empty() && !asked->silent.empty())
    return output.fail(asked->silent.front().why);
  if (asked->answers.empty())
    return output.fail(
        {ErrorCode::not_found, "no node knows the question", "are the nodes of an older version?"});
  const bool active = std::any_of(asked->answers.begin(), asked->answers.end(),
                                  [](const json& answer) { return flag_of(answer, "active"); });
  std::string text = whereabouts(asked->answers, options.agent, output);
  if (const auto note = silent_note(*asked); !note.empty()) text += "\n" + note;
  output.text(text);
  output.object({{"agent", options.agent},
                 {"active", active},
                 {"home", text_of(asked->answers.front(), "home")},
                 {"nodes", asked->answers},
                 {"silent", asked->silent_names()}});
  return exit_ok;
}

}  // namespace troupe::apps
