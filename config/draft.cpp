#include "config/draft.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/assert.hpp"

namespace troupe::config {

std::string to_string(const Origin& origin) {
  switch (origin.layer) {
    case Layer::builtin:
      return "default";
    case Layer::file:
      return origin.name + ':' + std::to_string(origin.place.line) + ':' +
             std::to_string(origin.place.column);
    case Layer::environment:
      return origin.name;
    case Layer::flag:
      return "--set " + origin.name;
  }
  return {};
}

void Mistakes::add(Origin origin, std::string what) {
  if (full())
    ++left_out_;
  else
    list_.push_back({std::move(origin), std::move(what)});
}

std::string Mistakes::text() const {
  auto sorted = list_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::tie(a.origin.layer, a.origin.place) < std::tie(b.origin.layer, b.origin.place);
  });
  std::string text;
  for (const auto& mistake : sorted) {
    if (!text.empty()) text += '\n';
    text += to_string(mistake.origin) + ": " + mistake.what;
  }
  if (left_out_ > 0) text += "\nand " + std::to_string(left_out_) + " more";
  return text;
}

void Draft::bind() {
  const auto bind_table = [&](const Section& section, const std::string& table,
                              std::size_t instance) {
    for (const auto& key : section.keys) {
      settings.push_back({&key, table, instance, {}, false});
      index_[settings.back().path()] = settings.size() - 1;
    }
  };
  const auto bind_each = [&](const Section& section, const auto& list) {
    for (std::size_t i = 0; i < list.size(); ++i)
      bind_table(section, std::string(section.parent()) + "." + list[i].name, i);
  };
  for (const auto& section : schema()) {
    if (!section.named())
      bind_table(section, std::string(section.table), 0);
    else if (section.parent() == "node")
      bind_each(section, config.nodes);
    else if (section.parent() == "model")
      bind_each(section, config.models);
    else
      bind_each(section, config.policies);
  }
}

Bound* Draft::find(std::string_view path) {
  const auto found = index_.find(path);
  return found == index_.end() ? nullptr : &settings[found->second];
}

const Bound& Draft::at(std::string_view path) {
  const Bound* bound = find(path);
  TROUPE_ASSERT(bound != nullptr, "a setting that the code names is missing from the schema");
  return *bound;
}

}  // namespace troupe::config
