#include "config/cluster_keys.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace troupe::config {
namespace {

namespace fs = std::filesystem;
constexpr const char* client_name = "client";

// Two programs that start at the same time must not both make keys.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder)
      : file_(::open((folder + "/.lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)) {
    if (file_ >= 0) ::flock(file_, LOCK_EX);
  }
  ~FolderLock() {
    if (file_ >= 0) ::close(file_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_;
};

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
  const FolderLock lock(folder);
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

Status admit(ClusterKeys& keys, const std::string& name, const transport::PublicKey& key,
             transport::Role role) {
  const auto twin = std::find_if(keys.allowed.begin(), keys.allowed.end(),
                                 [&](const auto& other) { return other.key == key; });
  if (twin != keys.allowed.end())
    return Error{ErrorCode::config,
                 "'" + twin->name + "' and '" + name + "' have the same public key",
                 "make a pair for each with `troupe keys new`"};
  keys.allowed.push_back({key, name, role});
  return {};
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

Result<ClusterKeys> load_cluster_keys(const Config& config) {
  ClusterKeys keys;
  keys.folder = config.cluster.keys;
  if (keys.folder == "auto") {
    auto state = state_folder(config);
    if (!state) return state.error();
    keys.folder = *state + "/keys";
    if (auto made = make_private_folder(keys.folder); !made) return made.error();
    if (auto made = make_missing_keys(keys.folder, names_of(config)); !made) return made.error();
  }
  for (const auto& node : config.nodes) {
    auto key = transport::read_public_file(keys.folder + "/" + node.name + ".pub");
    if (!key) return key.error();
    if (auto admitted = admit(keys, node.name, *key, transport::Role::node); !admitted)
      return admitted.error();
    keys.nodes[node.name] = std::move(*key);
  }
  std::error_code failed;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(keys.folder, failed))
    if (entry.path().extension() == ".pub") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    const std::string name = file.stem().string();
    if (keys.nodes.contains(name)) continue;
    auto key = transport::read_public_file(file.string());
    if (!key) return key.error();
    if (auto admitted = admit(keys, name, *key, transport::Role::client); !admitted)
      return admitted.error();
  }
  return keys;
}

Result<transport::KeyPair> load_private_keys(const ClusterKeys& keys, const std::string& name) {
  return transport::read_key_file(keys.folder + "/" + name + ".key");
}

}  // namespace troupe::config
