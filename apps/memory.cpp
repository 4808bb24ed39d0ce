// troupe memory save FILE: every node saves what its agents remember, now.
#include <nlohmann/json.hpp>

#include "apps/cluster.hpp"
#include "apps/verbs.hpp"
#include "base/units.hpp"

namespace troupe::apps {
namespace {

using nlohmann::json;

constexpr Duration connect_limit = std::chrono::seconds(5);
constexpr Duration save_limit = std::chrono::minutes(10);

}  // namespace

int run_memory_save(const MemorySaveOptions& options, Output& output) {
  const auto cluster = load_cluster(options.config);
  if (!cluster) return output.fail(cluster.error());
  const auto names = choose_nodes(cluster->config, options.node);
  if (!names) return output.fail(names.error());
  const auto client = open_client(*cluster);
  if (!client) return output.fail(client.error());

  json nodes = json::array();
  for (const auto& name : *names) {
    if (auto up = (*client)->wait_up(name, connect_limit); !up) return output.fail(up.error());
    const auto body = (*client)->control(name, "save", "", save_limit);
    if (!body) return output.fail(body.error());
    json saved = json::parse(*body, nullptr, false);
    if (!saved.is_object())
      return output.fail({ErrorCode::malformed, "node '" + name + "' answered no JSON", ""});
    output.text("  " + output.bold(name) + "  " + std::to_string(saved.value("documents", 0ULL)) +
                " documents in " + format_bytes(saved.value("file_bytes", 0ULL)) + ": " +
                saved.value("file", ""));
    saved["node"] = name;
    nodes.push_back(std::move(saved));
  }
  output.object({{"cluster", cluster->config.cluster.name}, {"nodes", nodes}});
  return exit_ok;
}

}  // namespace troupe::apps
