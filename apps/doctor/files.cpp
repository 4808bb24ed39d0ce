#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "apps/doctor/examine.hpp"
#include "apps/wiring.hpp"
#include "gateway/server.hpp"
#include "models/policy.hpp"
#include "models/text_model.hpp"

namespace troupe::apps::doctor {
namespace {

namespace fs = std::filesystem;

std::string system_words() {
  return std::strerror(errno);  // NOLINT(concurrency-mt-unsafe): one thread
}

Finding examine_model(const config::ModelConfig& model) {
  const std::string about = "model " + model.name;
  const auto loaded = models::load_text_model(model.folder);
  if (!loaded) return wrong(about, loaded.error());
  const auto& sizes = (*loaded)->bert->config;
  Finding finding{.about = about};
  finding.says = std::to_string(sizes.layers) + " layers, " + std::to_string(sizes.width) +
                 " wide, texts of up to " + std::to_string(sizes.tokens_max) + " tokens, in " +
                 model.folder;
  finding.facts = {{"model", model.name},
                   {"folder", model.folder},
                   {"layers", sizes.layers},
                   {"width", sizes.width},
                   {"tokens_max", sizes.tokens_max}};
  return finding;
}

Finding examine_policy(const config::PolicyConfig& policy) {
  const std::string about = "policy " + policy.name;
  const auto loaded = models::load_policy(policy.folder);
  if (!loaded) return wrong(about, loaded.error());
  Finding finding{.about = about};
  finding.says = "loads, in " + policy.folder;
  finding.facts = {{"policy", policy.name}, {"folder", policy.folder}};
  return finding;
}

// That it can be read; a module's code is not run here.
Finding examine_module(const std::string& file) {
  Finding finding{.about = "module"};
  finding.says = file + " can be read; `troupe module check` tells whether a node loads it";
  finding.facts = {{"file", file}};
  if (::access(file.c_str(), R_OK) == 0) return finding;
  return wrong("module", {ErrorCode::io, file + " cannot be read: " + system_words(),
                          "set `modules` of [agents] right, or build the module"});
}

// A folder into which a node will write; it is made when it is missing.
Finding examine_written(const std::string& about, const std::string& folder) {
  Finding finding{.about = about};
  finding.says = folder + " can be written to";
  finding.facts = {{"folder", folder}};
  std::error_code failed;
  fs::path there = fs::absolute(folder, failed);
  while (!failed && !fs::exists(there, failed) && there != there.parent_path())
    there = there.parent_path();
  const bool is_folder = fs::is_directory(there, failed);
  if (is_folder && ::access(there.c_str(), W_OK | X_OK) == 0) return finding;
  return wrong(about, {ErrorCode::io,
                       folder + " cannot be written to: " + there.string() + ": " +
                           (is_folder ? system_words() : "it is no folder"),
                       "give the node's user the right to it, or name another folder"});
}

// Whoever may write into the folder decides who is let in.
Finding examine_key_folder(const std::string& folder) {
  Finding finding{.about = "key folder"};
  finding.facts = {{"folder", folder}};
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0)
    return wrong("key folder", {ErrorCode::io, folder + ": " + system_words(),
                                "set `keys` of [cluster] right, or make keys with "
                                "`troupe keys new`"});
  finding.facts["mode"] = status.st_mode & 07777U;
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return wrong("key folder", {ErrorCode::config,
                                "others than its owner may write into " + folder +
                                    ", and so let anybody into the cluster",
                                "run chmod go-w " + folder});
  finding.says = folder + ", written by its owner alone";
  return finding;
}

void examine_keys(const config::Config& config, const std::vector<std::string>& nodes,
                  Findings& findings) {
  const auto folder = config::keys_folder(config);
  if (!folder) return findings.push_back(wrong("key folder", folder.error()));
  std::error_code failed;
  if (config.cluster.keys == "auto" && !fs::exists(*folder, failed)) {
    findings.push_back({.about = "key folder",
                        .says = *folder + " is made when the cluster is first started",
                        .facts = {{"folder", *folder}}});
    return;
  }
  findings.push_back(examine_key_folder(*folder));
  if (findings.back().verdict == Verdict::wrong) return;
  const auto keys = config::read_cluster_keys(config, *folder);
  if (!keys) return findings.push_back(wrong("keys", keys.error()));
  Finding finding{.about = "keys"};
  for (const auto& node : nodes) {
    const auto own = config::load_private_keys(*keys, node);
    if (!own) return findings.push_back(wrong("key of " + node, own.error()));
  }
  finding.says = std::to_string(keys->nodes.size()) + " nodes are known, " +
                 std::to_string(keys->allowed.size()) +
                 " keys admitted; those of the nodes here are private";
  finding.facts = {{"nodes", keys->nodes.size()}, {"admitted", keys->allowed.size()}};
  findings.push_back(std::move(finding));
}

// Opens a server on a port that is free, with the certificate that the nodes would use.
void examine_certificate(const config::Config& config, Findings& findings) {
  if (config.http.tls_certificate.empty()) return;
  gateway::ServerOptions options;
  options.tls_certificate = config.http.tls_certificate;
  options.tls_key = config.http.tls_key;
  NullLog log;
  const auto server = gateway::Server::open(options, log);
  if (!server) return findings.push_back(wrong("certificate", server.error()));
  findings.push_back({.about = "certificate",
                      .says = options.tls_certificate + " and its key belong together",
                      .facts = {{"file", options.tls_certificate}}});
}

}  // namespace

void examine_files(const config::Config& config, const std::vector<std::string>& nodes,
                   Findings& findings) {
  examine_keys(config, nodes, findings);
  for (const auto& model : config.models) findings.push_back(examine_model(model));
  for (const auto& policy : config.policies) findings.push_back(examine_policy(policy));
  for (const auto& file : config.agents.modules) findings.push_back(examine_module(file));
  if (!config.memory.folder.empty())
    findings.push_back(examine_written("memory folder", config.memory.folder));
  if (!config.record.folder.empty())
    findings.push_back(examine_written("recordings", config.record.folder));
  examine_certificate(config, findings);
}

}  // namespace troupe::apps::doctor
