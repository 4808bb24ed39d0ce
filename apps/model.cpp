// troupe model list|load|unload: the models of a running cluster, node by node.
#include <nlohmann/json.hpp>

#include "apps/cluster.hpp"
#include "apps/verbs.hpp"

namespace troupe::apps {
namespace {

using nlohmann::json;

constexpr Duration list_limit = std::chrono::seconds(5);
constexpr Duration change_limit = std::chrono::minutes(10);  // a large model from a slow disk

void print(const std::string& node, const json& model, Output& output) {
  std::string line =
      "  " + output.bold(node) + "  " + model.value("name", "") + "  " + model.value("state", "");
  if (const auto width = model.value("width", 0U); width != 0)
    line += ", vectors of " + std::to_string(width);
  if (const auto error = model.value("error", ""); !error.empty()) line += ": " + error;
  output.text(line);
}

int change(const ModelOptions& options, const std::string& verb, Output& output) {
  json nodes = json::array();
  output.progress(verb + "ing model '" + options.model + "'");
  const auto cluster = ask_each({options.config, options.node, verb, options.model, change_limit},
                                [&](const std::string& node, json model) {
                                  print(node, model, output);
                                  model["node"] = node;
                                  nodes.push_back(std::move(model));
                                });
  if (!cluster) return output.fail(cluster.error());
  output.object({{"cluster", *cluster}, {"nodes", nodes}});
  return exit_ok;
}

}  // namespace

int run_model_list(const ModelOptions& options, Output& output) {
  json nodes = json::array();
  const auto cluster = ask_each({options.config, options.node, "status", "", list_limit},
                                [&](const std::string& node, const json& status) {
                                  const json models = status.value("models", json::array());
                                  for (const auto& model : models) print(node, model, output);
                                  nodes.push_back({{"node", node}, {"models", models}});
                                });
  if (!cluster) return output.fail(cluster.error());
  output.object({{"cluster", *cluster}, {"nodes", nodes}});
  return exit_ok;
}

int run_model_load(const ModelOptions& options, Output& output) {
  return change(options, "load", output);
}

int run_model_unload(const ModelOptions& options, Output& output) {
  return change(options, "unload", output);
}

}  // namespace troupe::apps
