// troupe doctor: whether this machine can do what a cluster file asks of it, device by device, and
// what to do where it cannot.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cluster.hpp"
#include "apps/doctor/examine.hpp"
#include "apps/verbs.hpp"

namespace troupe::apps {
namespace {

using doctor::Finding;
using doctor::Findings;
using doctor::Verdict;

constexpr Duration answer_limit = std::chrono::seconds(2);

std::string_view name(Verdict verdict) {
  return verdict == Verdict::good ? "ok" : verdict == Verdict::note ? "note" : "WRONG";
}

std::string text_of(const Findings& findings, const Output& output) {
  std::size_t widest = 0;
  for (const auto& finding : findings) widest = std::max(widest, finding.about.size());
  std::string text;
  for (const auto& finding : findings) {
    const std::string verdict(name(finding.verdict));
    text += (finding.verdict == Verdict::wrong ? output.bold(verdict) : verdict) +
            std::string(7 - verdict.size(), ' ') + finding.about +
            std::string(widest + 2 - finding.about.size(), ' ') + finding.says + "\n";
    if (!finding.next_step.empty())
      text += std::string(widest + 9, ' ') + output.dim("next: " + finding.next_step) + "\n";
  }
  return text;
}

nlohmann::json json_of(const Finding& finding) {
  nlohmann::json object = {
      {"about", finding.about},
      {"verdict", finding.verdict == Verdict::wrong ? "wrong" : name(finding.verdict)},
      {"says", finding.says},
      {"facts", finding.facts}};
  if (!finding.next_step.empty()) object["next_step"] = finding.next_step;
  return object;
}

// Whether a node answers as the holder of its key: then it is the one that has its ports.
bool is_running(const Config& config, const std::string& as, const std::string& node) {
  const auto folder = config::keys_folder(config);
  if (!folder) return false;
  auto keys = config::read_cluster_keys(config, *folder);
  if (!keys) return false;
  const auto client = open_client(Cluster{config, {}, std::move(*keys), as});
  return client && (*client)->wait_connected(node, answer_limit);
}

// The nodes that are examined: the one that is named, else those of this machine.
Result<std::vector<std::string>> nodes_to_examine(const Config& config, const std::string& given,
                                                  Findings& findings) {
  if (!given.empty()) {
    const auto node = choose_node(config, given);
    if (!node) return node.error();
    return std::vector{*node};
  }
  auto nodes = doctor::nodes_of_this_machine(config);
  for (const auto& node : config.nodes)
    if (std::find(nodes.begin(), nodes.end(), node.name) == nodes.end())
      findings.push_back({.about = "node " + node.name,
                          .verdict = Verdict::note,
                          .says = node.host + " is no address of this machine",
                          .next_step = "run troupe doctor on its own",
                          .facts = {{"node", node.name}, {"elsewhere", true}}});
  return nodes;
}

std::vector<std::string> devices_of(const Config& config, const std::vector<std::string>& nodes) {
  std::vector<std::string> devices;
  for (const auto& node : config.nodes)
    if (std::find(nodes.begin(), nodes.end(), node.name) != nodes.end())
      devices.insert(devices.end(), node.devices.begin(), node.devices.end());
  return devices;
}

int report(const Findings& findings, Output& output) {
  const auto count = [&](Verdict verdict) {
    return std::count_if(findings.begin(), findings.end(),
                         [verdict](const Finding& one) { return one.verdict == verdict; });
  };
  const auto wrong = count(Verdict::wrong);
  output.text(text_of(findings, output) +
              (wrong == 0 ? "nothing is wrong" : std::to_string(wrong) + " wrong") + ", " +
              std::to_string(count(Verdict::note)) + " to note");
  auto list = nlohmann::json::array();
  for (const auto& finding : findings) list.push_back(json_of(finding));
  output.object({{"ok", wrong == 0}, {"version", version()}, {"findings", std::move(list)}});
  return wrong == 0 ? exit_ok : exit_failed;
}

}  // namespace

int run_doctor(const DoctorOptions& options, Output& output) {
  Findings findings;
  if (options.config.config.empty()) {
    if (!options.config.set.empty() || !options.node.empty())
      return output.fail({ErrorCode::invalid_argument, "--set and --node belong to a cluster file",
                          "name one: troupe doctor cluster.toml"});
    doctor::examine_machine(nullptr, {}, findings);
    doctor::examine_devices({}, findings);
    return report(findings, output);
  }
  const auto loaded = config::load_config(options.config.config,
                                          {config::config_environment(), options.config.set});
  if (!loaded) return output.fail(loaded.error());
  const Config& config = loaded->config;
  const auto nodes = nodes_to_examine(config, options.node, findings);
  if (!nodes) return output.fail(nodes.error());
  doctor::examine_machine(&config, *nodes, findings);
  doctor::examine_devices(devices_of(config, *nodes), findings);
  doctor::examine_files(config, *nodes, findings);
  doctor::examine_ports(
      config, *nodes,
      [&](const std::string& node) { return is_running(config, options.config.as, node); },
      findings);
  return report(findings, output);
}

}  // namespace troupe::apps
