// What is shipped about the config agrees with the config: the quick start and the reference.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "config/reference.hpp"
#include "config/schema.hpp"
#include "config/value.hpp"
#include "tests/catch.hpp"
#include "tests/config/config_text.hpp"

using namespace troupe;
using namespace troupe::config;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(std::string(TROUPE_SOURCE_DIR "/") + path);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines(1);
  for (const char c : text)
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += c;
  return lines;
}

// The file with the settings in use that it only shows: those on lines that begin with # and no
// space.
std::string quickstart_in_full() {
  std::string text;
  for (const auto& line : lines_of(text_of("configs/quickstart.toml"))) {
    const bool shown = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    text += line.substr(shown ? 1 : 0) + "\n";
  }
  return text;
}

LoadedConfig quickstart(const std::string& text = text_of("configs/quickstart.toml")) {
  auto loaded = test::load(
      text, {.environment = {}, .flags = {}, .variables = test::variables({{"HOME", "/home/x"}})});
  if (!loaded) FAIL(loaded.error().what);
  return *std::move(loaded);
}

}  // namespace

TEST_CASE("the quick start is two nodes of this machine and the model that tools bring") {
  const auto config = quickstart().config;
  REQUIRE(config.nodes.size() == 2);
  for (const auto& node : config.nodes) {
    CHECK(node.host == "127.0.0.1");
    CHECK(node.devices == std::vector<std::string>{"auto"});
  }
  CHECK(config.nodes[0].name == "a");
  CHECK(config.nodes[0].urgent_port == 7101);
  CHECK(config.nodes[0].ordinary_port == 7102);
  CHECK(config.nodes[1].name == "b");
  CHECK(config.nodes[1].urgent_port == 7111);
  CHECK(config.nodes[1].ordinary_port == 7112);
  REQUIRE(config.models.size() == 1);
  CHECK(config.models[0].name == "minilm");
  CHECK(config.models[0].folder == "/home/x/.cache/troupe/models/all-MiniLM-L6-v2");
  CHECK(config.policies.empty());
}

TEST_CASE("the quick start names every key and shows its true default") {
  Config defaults;
  defaults.nodes.emplace_back();
  defaults.models.emplace_back();
  defaults.policies.emplace_back();
  const auto loaded = quickstart(quickstart_in_full());
  std::map<std::string, Setting> settings;
  for (const auto& setting : loaded.settings) settings[setting.key] = setting;
  std::size_t keys = 0;
  for (const auto& section : schema())
    for (const auto& key : section.keys) {
      const std::string table = section.table == "node.*"     ? "node.a"
                                : section.table == "model.*"  ? "model.minilm"
                                : section.table == "policy.*" ? "policy.mover"
                                                              : std::string(section.table);
      const auto& setting = settings[table + "." + std::string(key.name)];
      INFO(table << "." << key.name);
      CHECK(setting.source.rfind("c.toml:", 0) == 0);
      if (!key.required) CHECK(setting.value == format_slot(key.slot(defaults, 0)));
      ++keys;
    }
  CHECK(keys > 25);
}

TEST_CASE("every key of the quick start is explained where it first stands") {
  const auto lines = lines_of(quickstart_in_full());
  std::map<std::string, int> seen;
  bool explained = false;  // by a comment since the last empty line, which may cover a few keys
  for (const auto& line : lines) {
    if (line.empty()) explained = false;
    if (line.rfind("# ", 0) == 0) explained = true;
    const auto equals = line.find(" = ");
    if (line.rfind('#', 0) == 0 || equals == std::string::npos) continue;
    INFO(line);
    const auto key = line.substr(0, equals);
    CHECK((explained || seen[key] > 0));
    ++seen[key];
  }
}

TEST_CASE("the reference in the documentation is the schema's") {
  const auto text = text_of("docs/configuration.md");
  const auto begin = text.find("### [cluster]");
  REQUIRE(begin != std::string::npos);
  INFO("troupe check --reference prints what should stand there");
  const auto written = lines_of(text.substr(begin));
  const auto wanted = lines_of(config_reference() + "\n");
  for (std::size_t i = 0; i < std::min(written.size(), wanted.size()); ++i)
    CHECK(written[i] == wanted[i]);
  CHECK(written.size() == wanted.size());
}

TEST_CASE("no two keys share a member") {
  Config config;
  config.nodes.emplace_back();
  config.models.emplace_back();
  config.policies.emplace_back();
  std::map<const void*, std::string> owners;
  for (const auto& section : schema())
    for (const auto& key : section.keys) {
      const void* member =
          std::visit([](auto* slot) -> const void* { return slot; }, key.slot(config, 0));
      const auto [owner, first] = owners.try_emplace(member, title(section));
      INFO(title(section) << "." << key.name << " and a key of " << owner->second);
      CHECK(first);
    }
}

TEST_CASE("every default and both ends of every range may be written in a file") {
  Config config;
  config.nodes.emplace_back();
  config.models.emplace_back();
  config.policies.emplace_back();
  for (const auto& section : schema())
    for (const auto& key : section.keys) {
      const Slot slot = key.slot(config, 0);
      const auto reads = [&](const std::string& text) {
        INFO(section.table << "." << key.name << " = " << text);
        const auto value = read_toml_value(text);
        REQUIRE(value.has_value());
        const auto refusal = store(key, *value, slot, test::variables({{"HOME", "/h"}}));
        CHECK((refusal ? refusal->what : "taken") == "taken");
        return format_slot(slot);
      };
      if (!key.required) {
        const auto standard = format_slot(slot);
        CHECK(reads(standard) == standard);
      }
      if (std::holds_alternative<bool*>(slot) || std::holds_alternative<std::string*>(slot) ||
          std::holds_alternative<std::vector<std::string>*>(slot))
        continue;
      for (const auto limit : {key.min, key.max}) {
        const auto text = format_limit(slot, limit);
        CHECK(reads(text) == text);
      }
    }
}
