// troupe status FILE: what the nodes of a running cluster are doing.
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/draining.hpp"
#include "apps/verbs.hpp"
#include "base/units.hpp"

namespace troupe::apps {
namespace {

using nlohmann::json;

constexpr Duration answer_limit = std::chrono::seconds(3);

std::string lane_line(const std::string& name, const json& lane) {
  std::array<char, 200> line{};
  std::snprintf(line.data(), line.size(),
                "\n    %-9s %8llu done  %5llu queued  %5llu running   p50 %.2f ms  p99 %.2f ms",
                name.c_str(), static_cast<unsigned long long>(lane.value("completed", 0ULL)),
                static_cast<unsigned long long>(lane.value("queued", 0ULL)),
                static_cast<unsigned long long>(lane.value("launched", 0ULL)),
                lane["total_ms"].value("p50", 0.0), lane["total_ms"].value("p99", 0.0));
  return line.data();
}

std::string memory_words(const json& memory) {
  std::string words = std::to_string(memory.value("documents", 0ULL)) +
                      " documents remembered in " + format_bytes(memory.value("bytes", 0ULL));
  if (memory.contains("kept") && memory["kept"]["error"].is_string()) words += " NOT SAVED";
  return words;
}

std::string readiness(const json& status) {
  if (status.value("draining", false)) return "DRAINING, " + describe(left_of(status)) + ", ";
  return status.value("ready", true) ? "ready, " : "NOT READY: no device works, ";
}

std::string describe_status(const json& status) {
  std::size_t agents = 0;
  for (const auto& [type, count] : status["agents"].items()) agents += count.get<std::size_t>();
  std::string devices;
  for (const auto& device : status["devices"])
    devices += (devices.empty() ? "" : "; ") + device.value("name", "") + " (" +
               device.value("description", "") + ")" +
               (device.value("state", "") == "lost" ? " LOST" : "");
  std::string hosts;
  const auto hosted = status.value("hosts", json::object());  // items() only refers to it
  for (const auto& [type, count] : hosted.items())
    hosts += " " + type + " by " + std::to_string(count.get<std::size_t>());
  std::string peers;
  for (const auto& [peer, up] : status["peers_up"].items())
    peers += " " + peer + (up.get<bool>() ? " up" : " DOWN");
  return readiness(status) + std::to_string(agents) + " agents, " + memory_words(status["memory"]) +
         "\n    " + devices + (hosts.empty() ? "" : "\n    hosted:" + hosts) +
         (peers.empty() ? "" : "\n    peers:" + peers) +
         lane_line("urgent", status["lanes"]["urgent"]) +
         lane_line("ordinary", status["lanes"]["ordinary"]);
}

}  // namespace

int run_status(const StatusOptions& options, Output& output) {
  const auto reached = reach(options.config, options.node);
  if (!reached) return output.fail(reached.error());
  Client& client = *reached->client;

  json nodes = json::array();
  std::size_t answering = 0;
  for (const auto& name : reached->nodes) {
    std::string line = "  " + output.bold(name) + "  ";
    const auto up = client.wait_connected(name, answer_limit);
    auto body = up ? client.control(name, "status", "", answer_limit) : up.error();
    json status = body ? json::parse(*body, nullptr, false) : json();
    if (!body) {
      line += body.error().to_string();
      nodes.push_back(
          {{"node", name},
           {"ready", false},
           {"error", {{"code", troupe::name(body.error().code)}, {"what", body.error().what}}}});
    } else if (status.is_discarded()) {
      return output.fail({ErrorCode::malformed, "node '" + name + "' answered no JSON", ""});
    } else {
      ++answering;
      line += describe_status(status);
      if (const auto http = http_of(reached->cluster.config, name); !http.empty()) {
        line += "\n    " + std::string(http_scheme(reached->cluster.config)) + http;
        status["http"] = http;
      }
      nodes.push_back(std::move(status));
    }
    output.text(line);
  }
  output.object({{"cluster", reached->cluster.config.cluster.name}, {"nodes", nodes}});
  return answering == reached->nodes.size() ? exit_ok : exit_unreachable;
}

}  // namespace troupe::apps
