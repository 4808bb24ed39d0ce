#include <map>
#include <optional>
#include <utility>

#include "config/former.hpp"
#include "config/layers.hpp"
#include "config/value.hpp"
#include "config/words.hpp"

namespace troupe::config {
namespace {

void override_with(Draft& draft, Bound& bound, const std::string& text, const Origin& origin,
                   const Variables& variables) {
  bound.tried = true;
  const Slot slot = draft.slot(bound);
  if (const auto refusal = store(*bound.key, override_value(text, slot), slot, variables))
    draft.mistakes.add(origin, refusal->what);
  else
    bound.origin = origin;
}

std::optional<std::string_view> instead_of_variable(std::string_view name) {
  for (const auto& setting : former_settings())
    if (environment_name(setting.table, setting.key) == name) return setting.instead;
  return std::nullopt;
}

void apply_environment(Draft& draft, const Overrides& overrides) {
  std::map<std::string, std::vector<Bound*>, std::less<>> by_name;
  for (auto& bound : draft.settings)
    by_name[environment_name(bound.table, bound.key->name)].push_back(&bound);
  for (const auto& [name, text] : overrides.environment) {
    const Origin origin{Layer::environment, {}, shown(name)};
    const auto found = by_name.find(name);
    if (const auto instead = instead_of_variable(name)) {
      draft.mistakes.add(origin, "this setting is gone: " + std::string(*instead));
    } else if (found == by_name.end()) {
      std::vector<std::string_view> names;
      names.reserve(by_name.size());
      for (const auto& [known, bound] : by_name) names.emplace_back(known);
      draft.mistakes.add(origin,
                         "no setting has this name" + did_you_mean(name, names).value_or(""));
    } else if (found->second.size() > 1) {
      draft.mistakes.add(origin, "both " + found->second[0]->path() + " and " +
                                     found->second[1]->path() + " have this name; use --set");
    } else {
      override_with(draft, *found->second.front(), text, origin, overrides.variables);
    }
  }
}

void apply_flags(Draft& draft, const Overrides& overrides) {
  for (const auto& flag : overrides.flags) {
    const auto equals = flag.find('=');
    const std::string path = flag.substr(0, equals);
    const Origin origin{Layer::flag, {}, shown(path)};
    if (equals == std::string::npos) {
      draft.mistakes.add(origin, "write it as KEY=VALUE");
    } else if (Bound* bound = draft.find(path)) {
      override_with(draft, *bound, flag.substr(equals + 1), origin, overrides.variables);
    } else if (const auto instead = instead_of(path)) {
      draft.mistakes.add(origin, "this setting is gone: " + std::string(*instead));
    } else {
      std::vector<std::string> paths;
      for (const auto& known : draft.settings) paths.push_back(known.path());
      const std::vector<std::string_view> views(paths.begin(), paths.end());
      draft.mistakes.add(origin,
                         "no setting has this name" + did_you_mean(path, views).value_or(""));
    }
  }
}

}  // namespace

void apply_overrides(Draft& draft, const Overrides& overrides) {
  apply_environment(draft, overrides);
  apply_flags(draft, overrides);
}

}  // namespace troupe::config
