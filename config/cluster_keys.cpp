#include "config/cluster_keys.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "transport/files.hpp"

namespace troupe::config {
namespace {

namespace fs = std::filesystem;
constexpr const char* client_name = "client";

Status make_private_folder(const std::string& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (!failed) fs::permissions(folder, fs::perms::owner_all, failed);
  if (failed)
    return Error{ErrorCode::io, "cannot make the folder " + folder + ": " + failed.message(),
                 "set cluster.keys to a folder that you own"};
  return {};
}

Status make_missing_keys(const std::string& folder, const std::vector<std::string>& names) {
  const transport::FolderLock lock(folder);
  for (const auto& name : names) {
    if (fs::exists(folder + "/" + name + ".key")) continue;
    const auto keys = transport::generate_keys();
    if (!keys) return keys.error();
    if (auto written = transport::write_keys(folder, name, *keys); !written) return written;
  }
  return {};
}

std::vector<std::string> names_of(const Config& config) {
  std::vector<std::string> names;
  for (const auto& node : config.nodes) names.push_back(node.name);
  names.emplace_back(client_name);
  return names;
}

Status admit(ClusterKeys& keys, const std::string& name, const transport::PublicFile& file,
             transport::Role role) {
  for (const auto& key : file.halves()) {
    const auto twin = std::find_if(keys.allowed.begin(), keys.allowed.end(),
                                   [&](const auto& other) { return other.key == key; });
    if (twin != keys.allowed.end())
      return Error{ErrorCode::config,
                   "'" + twin->name + "' and '" + name + "' have the same public key",
                   "make a pair for each with `troupe keys new`"};
    keys.allowed.push_back({key, name, role});
  }
  return {};
}

// A node is who has a table in the config, whatever a file says.
Status check_role(const std::string& path, const transport::PublicFile& file, bool is_node) {
  if (!file.role || (*file.role == transport::Role::node) == is_node) return {};
  const std::string role(transport::name(*file.role));
  return Error{ErrorCode::config,
               "'" + path + "' gives the role \"" + role + "\", but the cluster has " +
                   (is_node ? "a" : "no") + " node of that name",
               is_node ? "take the line `role` out of it, or choose another name for this key"
                       : "say \"client\" or \"read-only\", or add the node to the cluster's file"};
}

}  // namespace

Result<std::string> state_folder(const Config& config) {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/')
    return std::string(state) + "/troupe/" + config.cluster.name;
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    return std::string(home) + "/.local/state/troupe/" + config.cluster.name;
  return Error{ErrorCode::config, "there is no place for the cluster's state: HOME is not set",
               "set XDG_STATE_HOME to a private folder"};
}

Result<std::string> keys_folder(const Config& config) {
  if (config.cluster.keys != "auto") return config.cluster.keys;
  auto state = state_folder(config);
  if (!state) return state.error();
  return *state + "/keys";
}

Result<ClusterKeys> load_cluster_keys(const Config& config) {
  const auto folder = keys_folder(config);
  if (!folder) return folder.error();
  if (config.cluster.keys == "auto") {
    if (auto made = make_private_folder(*folder); !made) return made.error();
    if (auto made = make_missing_keys(*folder, names_of(config)); !made) return made.error();
  }
  return read_cluster_keys(config, *folder);
}

Result<ClusterKeys> read_cluster_keys(const Config& config, const std::string& folder) {
  ClusterKeys keys;
  keys.folder = folder;
  for (const auto& node : config.nodes) {
    const std::string path = folder + "/" + node.name + ".pub";
    const auto file = transport::read_public_file(path);
    if (!file) return file.error();
    if (auto good = check_role(path, *file, true); !good) return good.error();
    if (auto admitted = admit(keys, node.name, *file, transport::Role::node); !admitted)
      return admitted.error();
    keys.nodes[node.name] = file->halves();
  }
  const auto files = transport::public_files(folder);
  if (!files) return files.error();
  for (const auto& path : *files) {
    const std::string name = fs::path(path).stem().string();
    if (keys.nodes.contains(name)) continue;
    const auto file = transport::read_public_file(path);
    if (!file) return file.error();
    if (auto good = check_role(path, *file, false); !good) return good.error();
    if (auto admitted = admit(keys, name, *file, file->role.value_or(transport::Role::client));
        !admitted)
      return admitted.error();
  }
  return keys;
}

Result<transport::KeyPair> load_private_keys(const ClusterKeys& keys, const std::string& name) {
  return transport::read_key_file(keys.folder + "/" + name + ".key");
}

}  // namespace troupe::config
