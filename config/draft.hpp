// A config that is being put together: every setting with where its value came from, and the
// mistakes found so far. Internal to loading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/schema.hpp"
#include "config/toml.hpp"

namespace troupe::config {

// Later ones win.
enum class Layer : std::uint8_t { builtin, file, environment, flag };

struct Origin {
  Layer layer = Layer::builtin;
  Place place;       // in the file
  std::string name;  // of the file or the variable; of a flag, the key it sets
};

// "cluster.toml:14:3", "TROUPE_LOG__LEVEL", "--set log.level".
std::string to_string(const Origin& origin);

// Collects up to mistakes_max and counts the rest.
class Mistakes {
 public:
  static constexpr std::size_t mistakes_max = 100;

  void add(Origin origin, std::string what);
  // More would not be told: skip what is costly to find.
  [[nodiscard]] bool full() const noexcept { return list_.size() >= mistakes_max; }
  [[nodiscard]] bool empty() const noexcept { return list_.empty(); }
  // One line each: those of the file by place, then the overrides' as they came.
  [[nodiscard]] std::string text() const;

 private:
  struct Mistake {
    Origin origin;
    std::string what;
  };
  std::vector<Mistake> list_;
  std::size_t left_out_ = 0;
};

// One key of one real table.
struct Bound {
  const Key* key = nullptr;
  std::string table;  // "node.a"
  std::size_t instance = 0;
  Origin origin;       // of the value in effect
  bool tried = false;  // somebody wrote it, perhaps wrongly

  [[nodiscard]] std::string path() const { return table + "." + std::string(key->name); }
};

struct Draft {
  Config config;
  std::vector<Bound> settings;                       // in the order of the reference
  std::map<std::string, Place, std::less<>> tables;  // where the file opens "node.a"
  std::string file;
  Mistakes mistakes;

  // Null when there is no such setting.
  Bound* find(std::string_view path);
  const Bound& at(std::string_view path);  // one that exists

  Slot slot(const Bound& bound) { return bound.key->slot(config, bound.instance); }
  [[nodiscard]] Origin in_file(Place place) const { return {Layer::file, place, file}; }

  // Fills `settings` for the nodes, models and policies that `config` names.
  void bind();

 private:
  std::map<std::string, std::size_t, std::less<>> index_;
};

}  // namespace troupe::config
