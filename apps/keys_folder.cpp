// troupe keys list, troupe keys rotate: what is in a folder of keys, and a key in it replaced while
// everything runs.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/cluster.hpp"
#include "apps/verbs.hpp"
#include "transport/rotation.hpp"

namespace troupe::apps {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

struct Place {
  std::string folder;
  std::optional<std::set<std::string>> nodes;  // of the cluster, where its file was named
};

Result<Place> place_of(const KeysFolder& given) {
  if (!given.path.empty()) return Place{given.path, {}};
  if (given.config.empty())
    return Error{ErrorCode::invalid_argument, "which folder of keys?",
                 "name it with --folder, or the cluster's file with --config"};
  const auto loaded = config::load_config(given.config, {config::config_environment(), {}});
  if (!loaded) return loaded.error();
  auto folder = config::keys_folder(loaded->config);
  if (!folder) return folder.error();
  Place place{std::move(*folder), std::set<std::string>()};
  for (const auto& node : loaded->config.nodes) place.nodes->insert(node.name);
  return place;
}

// Null where only the cluster's file could tell.
json role_of(const Place& place, const std::string& name, const transport::PublicFile& file) {
  if (file.role) return transport::name(*file.role);
  if (!place.nodes) return nullptr;
  return transport::name(place.nodes->contains(name) ? transport::Role::node
                                                     : transport::Role::client);
}

Result<std::vector<fs::path>> public_files(const std::string& folder) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed))
    if (entry->path().extension() == ".pub") files.push_back(entry->path());
  if (failed)
    return Error{ErrorCode::io, "cannot read the folder " + folder + ": " + failed.message(),
                 "name a folder that holds keys"};
  std::sort(files.begin(), files.end());
  return files;
}

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size() + 2, width), ' ');
  return text;
}

std::string next_steps(const std::string& name, const Place& place,
                       const transport::Rotation& rotation, bool finished) {
  const std::string again = "troupe keys rotate " + name + " --folder " + place.folder;
  const std::string copy =
      "copy " + place.folder + "/" + name + ".pub to every machine that has it";
  switch (rotation.stage) {
    case transport::RotationStage::begun:
      return "'" + name + "' has a next key, which nobody uses yet. Then:\n  1. " + copy +
             "\n  2. troupe reload FILE: every node admits both keys\n  3. " + again + " --switch";
    case transport::RotationStage::switched:
      return "'" + name +
             "' has its next key from its next start on. Then:\n  1. start it anew, if it is a "
             "node: "
             "troupe restart " +
             name + " FILE (clients follow)\n  2. " + again + " --finish";
    case transport::RotationStage::none:
      break;
  }
  if (!finished) return "";
  return "'" + name + "' has one key. If it had two before:\n  1. " + copy +
         "\n  2. troupe reload FILE: every node refuses the old key";
}

}  // namespace

int run_keys_list(const KeysListOptions& options, Output& output) {
  const auto place = place_of(options.folder);
  if (!place) return output.fail(place.error());
  const auto files = public_files(place->folder);
  if (!files) return output.fail(files.error());
  json keys = json::array();
  std::string table = padded("name", 20) + padded("role", 12) + padded("private", 10) + "public";
  for (const auto& path : *files) {
    const std::string name = path.stem().string();
    const auto file = transport::read_public_file(path.string());
    if (!file) return output.fail(file.error());
    const bool here = ::access((place->folder + "/" + name + ".key").c_str(), F_OK) == 0;
    const json role = role_of(*place, name, *file);
    table += "\n" + padded(name, 20) +
             padded(role.is_null() ? "not said" : role.get<std::string>(), 12) +
             padded(here ? "here" : "-", 10) + file->key.z85;
    if (file->next) table += "\n" + padded("", 32) + padded("next:", 10) + file->next->z85;
    keys.push_back({{"name", name},
                    {"role", role},
                    {"public_key", file->key.z85},
                    {"next_key", file->next ? json(file->next->z85) : json()},
                    {"private_here", here}});
  }
  output.text(table);
  output.object({{"folder", place->folder}, {"keys", keys}});
  return exit_ok;
}

int run_keys_rotate(const KeysRotateOptions& options, Output& output) {
  const auto place = place_of(options.folder);
  if (!place) return output.fail(place.error());
  const auto done = options.turn     ? transport::switch_rotation(place->folder, options.name)
                    : options.finish ? transport::finish_rotation(place->folder, options.name)
                                     : transport::begin_rotation(place->folder, options.name);
  if (!done) return output.fail(done.error());
  output.text(next_steps(options.name, *place, *done, options.finish));
  output.object({{"name", options.name},
                 {"folder", place->folder},
                 {"stage", transport::name(done->stage)},
                 {"public_key", done->file.key.z85},
                 {"next_key", done->file.next ? json(done->file.next->z85) : json()}});
  return exit_ok;
}

}  // namespace troupe::apps
