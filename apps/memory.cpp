// troupe memory save FILE: every node saves what its agents remember, now.
#include <nlohmann/json.hpp>

#include "apps/cluster.hpp"
#include "apps/verbs.hpp"
#include "base/units.hpp"

namespace troupe::apps {
namespace {

using nlohmann::json;

constexpr Duration save_limit = std::chrono::minutes(10);

}  // namespace

int run_memory_save(const MemorySaveOptions& options, Output& output) {
  json nodes = json::array();
  const auto cluster = ask_each(
      {options.config, options.node, "save", "", save_limit},
      [&](const std::string& node, json saved) {
        output.text("  " + output.bold(node) + "  " +
                    std::to_string(saved.value("documents", 0ULL)) + " documents in " +
                    format_bytes(saved.value("file_bytes", 0ULL)) + ": " + saved.value("file", ""));
        saved["node"] = node;
        nodes.push_back(std::move(saved));
      });
  if (!cluster) return output.fail(cluster.error());
  output.object({{"cluster", *cluster}, {"nodes", nodes}});
  return exit_ok;
}

}  // namespace troupe::apps
