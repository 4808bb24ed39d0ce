// The command line of the verbs about keys.
#include "apps/main.hpp"
#include "config/load.hpp"

namespace troupe::apps {
namespace {

void add_folder(CLI::App& verb, KeysFolder& folder) {
  if (auto path = config::environment_variable("TROUPE_CONFIG")) folder.config = *std::move(path);
  auto* named = verb.add_option("--folder", folder.path, "The folder of keys")->type_name("DIR");
  verb.add_option("--config", folder.config,
                  "Instead: the cluster file that names it, otherwise $TROUPE_CONFIG")
      ->type_name("FILE")
      ->excludes(named);
}

}  // namespace

void add_keys(CommandLine& line) {
  auto& keys = *line.app.add_subcommand(
      "keys", "Make, show and rotate the keys that nodes know each other by");
  keys.require_subcommand(1);
  keys.footer("Example:\n  troupe keys new node-a --folder keys");

  auto& make =
      add_verb(line, keys, "new", "Make a key pair: NAME.key is private, NAME.pub is to be shared",
               "troupe keys new node-a --folder keys");
  auto new_options = std::make_shared<KeysNewOptions>();
  make.add_option("name", new_options->name, "A node's name, or 'client' for the command line")
      ->type_name("NAME")
      ->required();
  make.add_option("--folder", new_options->folder, "Where to put the two files; made if missing")
      ->type_name("DIR")
      ->required();
  make.add_option("--role", new_options->role, "What it may do: anything, or only look")
      ->check(CLI::IsMember({"client", "read-only"}));
  on_chosen(line, make, new_options, run_keys_new);

  auto& show = add_verb(line, keys, "show", "Show the public half of a .key or .pub file",
                        "troupe keys show keys/node-a.pub");
  auto show_options = std::make_shared<KeysShowOptions>();
  show.add_option("path", show_options->path, "The file")->type_name("FILE")->required();
  on_chosen(line, show, show_options, run_keys_show);

  auto& list = add_verb(line, keys, "list", "Show whose keys are in a folder, and what they may do",
                        "troupe keys list --config configs/quickstart.toml");
  auto list_options = std::make_shared<KeysListOptions>();
  add_folder(list, list_options->folder);
  on_chosen(line, list, list_options, run_keys_list);

  auto& rotate = add_verb(
      line, keys, "rotate",
      "Replace a key while everything runs: begin, then --switch, then --finish",
      "troupe keys rotate a --folder keys\n  troupe keys rotate a --folder keys --switch\n  "
      "troupe keys rotate a --folder keys --finish");
  auto rotate_options = std::make_shared<KeysRotateOptions>();
  rotate.add_option("name", rotate_options->name, "Whose key, which has to be in the folder")
      ->type_name("NAME")
      ->required();
  add_folder(rotate, rotate_options->folder);
  auto* turn =
      rotate.add_flag("--switch", rotate_options->turn,
                      "Use the next key from the next start on; every node has to admit it");
  rotate
      .add_flag("--finish", rotate_options->finish,
                "Take the old key out of the .pub file; nobody may use it any more")
      ->excludes(turn);
  on_chosen(line, rotate, rotate_options, run_keys_rotate);

  auto& api = add_verb(line, keys, "api", "Make a key with which a program may ask over HTTP",
                       "troupe keys api search-team");
  auto api_options = std::make_shared<KeysApiOptions>();
  api.add_option("tenant", api_options->tenant, "In whose name its tasks are")
      ->type_name("TENANT")
      ->required();
  on_chosen(line, api, api_options, run_keys_api);
}

}  // namespace troupe::apps
