#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "base/limits.hpp"
#include "config/former.hpp"
#include "config/layers.hpp"
#include "config/value.hpp"
#include "config/words.hpp"

namespace troupe::config {
namespace {

const Section* section_of(std::string_view table) {
  for (const auto& section : schema()) {
    if (section.table == table) return &section;
    if (section.named() && table.starts_with(section.parent()) &&
        table.substr(section.parent().size()).starts_with('.'))
      return &section;
  }
  return nullptr;
}

// Whether users name the tables below: [node.NAME].
bool holds_named_tables(std::string_view table) {
  return std::any_of(schema().begin(), schema().end(), [&](const Section& section) {
    return section.named() && section.parent() == table;
  });
}

// The names that may stand directly below `table`, which is empty for the top of the file.
std::vector<std::string_view> names_below(std::string_view table) {
  std::vector<std::string_view> names;
  if (const Section* section = section_of(table))
    for (const auto& key : section->keys) names.push_back(key.name);
  for (const auto& section : schema()) {
    auto rest = section.table;
    if (!table.empty()) {
      if (!rest.starts_with(table) || rest.substr(table.size()).substr(0, 1) != ".") continue;
      rest.remove_prefix(table.size() + 1);
    }
    const auto name = rest.substr(0, rest.find('.'));
    if (name != "*" && std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
  }
  return names;
}

std::string unknown_name(std::string_view table, const TomlMember& member) {
  const auto names = names_below(table);
  const bool is_table = std::holds_alternative<TomlTable>(member.value.value);
  std::string what = is_table ? "unknown table '" : "unknown key '";
  what += shown(member.key) + "'";
  if (!table.empty()) what += " in [" + std::string(table) + "]";
  // The right key in the wrong table deserves a better hint than its neighbours' names.
  std::string otherwise;
  for (const auto& section : schema())
    for (const auto& key : section.keys)
      if (!is_table && key.name == member.key && otherwise.empty())
        otherwise = "; it belongs in [" + title(section) + "]";
  if (otherwise.empty()) {
    for (const auto name : names)
      otherwise += (otherwise.empty() ? "; known: " : ", ") + std::string(name);
  }
  return what + did_you_mean(member.key, names).value_or(otherwise);
}

// Reads the file's tree into the draft.
class FileLayer {
 public:
  FileLayer(Draft& draft, const Variables& variables) : draft_(draft), variables_(variables) {}

  // What has names of its own first, because these decide which settings there are.
  void declare(const TomlTable& root) {
    for (const auto& member : root) {
      const auto* tables = std::get_if<TomlTable>(&member.value.value);
      if (tables == nullptr || !holds_named_tables(member.key)) continue;
      if (!tables->empty()) draft_.tables[member.key] = member.place;
      for (const auto& table : *tables) declare_one(member.key, table);
    }
    const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
    std::sort(draft_.config.nodes.begin(), draft_.config.nodes.end(), by_name);
    std::sort(draft_.config.models.begin(), draft_.config.models.end(), by_name);
    std::sort(draft_.config.policies.begin(), draft_.config.policies.end(), by_name);
  }

  void read(const TomlTable& table, const std::string& path) {
    for (const auto& member : table) {
      const std::string below = path.empty() ? member.key : path + "." + member.key;
      Bound* bound = draft_.find(below);
      // The same path under another table is a quoted key with a dot in it, not this setting.
      if (bound != nullptr && bound->table == path)
        set(*bound, member);
      else if (holds_named_tables(path) ? draft_.tables.contains(below)
                                        : is_table(path, member.key))
        descend(member, below);
      else if (is_former_table(below))
        read_former(member, below);
      else if (!holds_named_tables(path))
        mistake(member.place, draft_.mistakes.full() ? std::string() : unknown_name(path, member));
    }
  }

 private:
  static bool is_table(std::string_view path, std::string_view key) {
    const auto names = names_below(path);
    const auto* section = section_of(path);
    return std::find(names.begin(), names.end(), key) != names.end() &&
           (section == nullptr || std::none_of(section->keys.begin(), section->keys.end(),
                                               [&](const Key& k) { return k.name == key; }));
  }

  void mistake(Place place, std::string what) {
    draft_.mistakes.add(draft_.in_file(place), std::move(what));
  }

  void declare_one(const std::string& parent, const TomlMember& table) {
    auto& config = draft_.config;
    const std::string path = parent + "." + table.key;
    if (!std::holds_alternative<TomlTable>(table.value.value))
      return mistake(table.place, "'" + shown(table.key) + "' in [" + parent +
                                      "] must be a table: write [" + parent + ".NAME]");
    if (const auto must = name_complaint(table.key))
      return mistake(table.place,
                     "the name of a " + parent + " " + *must + ", not \"" + shown(table.key) + '"');
    if (parent == "node" && table.key == "client")
      return mistake(table.place, "a node cannot be called 'client': the command line is");
    if (config.nodes.size() + config.models.size() + config.policies.size() >= limits::nodes_max)
      return mistake(table.place, "there are more than " + std::to_string(limits::nodes_max) +
                                      " nodes, models and policies");
    draft_.tables[path] = table.place;
    if (parent == "node")
      config.nodes.push_back({.name = table.key});
    else if (parent == "model")
      config.models.push_back({.name = table.key, .folder = {}});
    else
      config.policies.push_back({.name = table.key, .folder = {}});
  }

  void descend(const TomlMember& member, const std::string& path) {
    if (const auto* table = std::get_if<TomlTable>(&member.value.value)) return read(*table, path);
    mistake(member.value.place, "'" + path + "' must be a table: write [" + path +
                                    (holds_named_tables(path) ? ".NAME]" : "]"));
  }

  void read_former(const TomlMember& member, const std::string& path) {
    const auto* table = std::get_if<TomlTable>(&member.value.value);
    if (table == nullptr || table->empty())
      return mistake(member.place, "[" + path + "] is gone: use [scheduling]");
    for (const auto& one : *table) {
      const std::string below = path + "." + one.key;
      if (is_former_table(below))
        read_former(one, below);
      else if (const auto instead = instead_of(below))
        mistake(one.place, "'" + below + "' is gone: " + std::string(*instead));
      else
        mistake(one.place,
                "'" + shown(below) + "' is unknown, and [" + path + "] is gone: use [scheduling]");
    }
  }

  void set(Bound& bound, const TomlMember& member) {
    bound.tried = true;
    if (auto refusal = store(*bound.key, member.value, draft_.slot(bound), variables_))
      mistake(refusal->place, refusal->what);
    else
      bound.origin = draft_.in_file(member.value.place);
  }

  Draft& draft_;
  const Variables& variables_;
};

}  // namespace

void read_file_layer(Draft& draft, const TomlTable& root, const Variables& variables) {
  FileLayer layer(draft, variables);
  layer.declare(root);
  draft.bind();
  layer.read(root, "");
}

}  // namespace troupe::config
