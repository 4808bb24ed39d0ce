// troupe keys: makes key pairs and shows public halves. A secret half never leaves its file. And
// API keys for HTTP, of which the config gets a hash.

#include "transport/key_files.hpp"

#include <nlohmann/json.hpp>

#include "apps/verbs.hpp"
#include "config/rules.hpp"
#include "config/words.hpp"
#include "gateway/api_keys.hpp"

namespace troupe::apps {

int run_keys_new(const KeysNewOptions& options, Output& output) {
  if (const auto must = config::name_complaint(options.name))
    return output.fail(
        {ErrorCode::invalid_argument,
         "the name of a key " + *must + ", not \"" + config::shown(options.name) + '"',
         "use the node's name in the cluster file"});
  std::optional<transport::Role> role;
  if (!options.role.empty()) {
    const auto read = transport::parse_role(options.role);
    if (!read) return output.fail(read.error());
    role = *read;
  }
  const auto keys = transport::generate_keys();
  if (!keys) return output.fail(keys.error());
  if (const auto written = transport::write_keys(options.folder, options.name, *keys, role);
      !written)
    return output.fail(written.error());
  const std::string stem = options.folder + "/" + options.name;
  output.text("wrote " + stem + ".key (private: it stays on this machine)\n" + "wrote " + stem +
              ".pub (public: copy it into the keys folder of every node that should admit it)\n" +
              "public key " + keys->public_key.z85);
  output.object({{"name", options.name},
                 {"role", role ? nlohmann::json(transport::name(*role)) : nlohmann::json()},
                 {"private_file", stem + ".key"},
                 {"public_file", stem + ".pub"},
                 {"public_key", keys->public_key.z85}});
  return exit_ok;
}

int run_keys_show(const KeysShowOptions& options, Output& output) {
  const auto file = [&]() -> Result<transport::PublicFile> {
    if (!options.path.ends_with(".key")) return transport::read_public_file(options.path);
    const auto keys = transport::read_key_file(options.path);
    if (!keys) return keys.error();
    return transport::PublicFile{keys->public_key, {}, {}};
  }();
  if (!file) return output.fail(file.error());
  output.text(file->key.z85);
  nlohmann::json shown = {{"file", options.path}, {"public_key", file->key.z85}};
  if (file->next) shown["next_key"] = file->next->z85;
  if (file->role) shown["role"] = transport::name(*file->role);
  output.object(shown);
  return exit_ok;
}

int run_keys_api(const KeysApiOptions& options, Output& output) {
  const auto made = gateway::make_api_key(options.tenant);
  if (!made) return output.fail(made.error());
  output.text("key, for the client; it is kept nowhere else:\n  " + made->key +
              "\nline, for `keys` of [http] in the cluster's file:\n  \"" + made->line + '"');
  output.object({{"tenant", options.tenant}, {"key", made->key}, {"line", made->line}});
  return exit_ok;
}

}  // namespace troupe::apps
