// Where values come from: flag over environment over file over default.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>

#include "config/schema.hpp"
#include "tests/catch.hpp"
#include "tests/config/config_text.hpp"

using namespace troupe;
using namespace troupe::config;
using namespace troupe::config::test;
using namespace std::chrono_literals;

namespace {

Setting setting(const LoadedConfig& loaded, const std::string& key) {
  for (const auto& candidate : loaded.settings)
    if (candidate.key == key) return candidate;
  return {};
}

const std::string file = one_node + "[agents]\nbackoff_min = '4ms'\n";

}  // namespace

TEST_CASE("a flag wins over the environment, that over the file, that over the default") {
  const std::string key = "agents.backoff_min";
  Overrides overrides;

  auto loaded = load(one_node);
  REQUIRE(loaded);
  CHECK(loaded->config.agents.backoff_min == 10ms);
  CHECK(setting(*loaded, key).source == "default");
  CHECK(setting(*loaded, key).value == "\"10ms\"");

  loaded = load(file);
  REQUIRE(loaded);
  CHECK(loaded->config.agents.backoff_min == 4ms);
  CHECK(setting(*loaded, key).source == "c.toml:9:15");

  overrides.environment = {{"TROUPE_AGENTS__BACKOFF_MIN", "8ms"}};
  loaded = load(file, overrides);
  REQUIRE(loaded);
  CHECK(loaded->config.agents.backoff_min == 8ms);
  CHECK(setting(*loaded, key).source == "TROUPE_AGENTS__BACKOFF_MIN");

  overrides.flags = {"agents.backoff_min=16ms"};
  loaded = load(file, overrides);
  REQUIRE(loaded);
  CHECK(loaded->config.agents.backoff_min == 16ms);
  CHECK(setting(*loaded, key).source == "--set");

  overrides.flags.emplace_back("agents.backoff_min=32ms");
  loaded = load(file, overrides);
  REQUIRE(loaded);
  CHECK(loaded->config.agents.backoff_min == 32ms);
}

TEST_CASE("an override may set every type, quoted or not") {
  Overrides overrides;
  overrides.environment = {{"TROUPE_SCHEDULING__LANES", "false"},
                           {"TROUPE_NODE__A__DEVICES", R"(["cpu", "cuda:1"])"},
                           {"TROUPE_NODE__A__HOST", "10.0.0.1"},
                           {"TROUPE_MEMORY__BYTES_MAX", "'64MiB'"}};
  overrides.flags = {"agents.threads=7", "log.level=\"warn\"", "cluster.name=true",
                     "model.m.folder=/with=sign"};
  const auto loaded = load(one_node, overrides);
  REQUIRE(loaded);
  CHECK_FALSE(loaded->config.scheduling.lanes);
  CHECK(loaded->config.nodes[0].devices == std::vector<std::string>{"cpu", "cuda:1"});
  CHECK(loaded->config.nodes[0].host == "10.0.0.1");
  CHECK(loaded->config.memory.bytes_max == 64U << 20U);
  CHECK(loaded->config.agents.threads == 7);
  CHECK(loaded->config.log.level == "warn");
  CHECK(loaded->config.cluster.name == "true");
  CHECK(loaded->config.models[0].folder == "/with=sign");
}

TEST_CASE("a wrong override is told by the name of its source, after the file's mistakes") {
  Overrides overrides;
  overrides.environment = {{"TROUPE_SCHEDULING__LNAES", "1"},
                           {"TROUPE_AGENTS__THREADS", "many"},
                           {"TROUPE_NODE__A__DEVICES", "[\"cpu\"]\nx = 1"}};
  overrides.flags = {"scheduling.lanes", "scheduling.lane=1", "lanes.urgent.units_max=1",
                     "agents.threads=0", "node.c.host=x",     "cluster.keys=\xff"};
  CHECK(
      mistakes(one_node + "[lnk]", overrides) ==
      "c.toml:8:2: unknown table 'lnk'; did you mean 'link'?\n"
      "TROUPE_SCHEDULING__LNAES: no setting has this name; did you mean "
      "'TROUPE_SCHEDULING__LANES'?\n"
      "TROUPE_AGENTS__THREADS: 'threads' must be a whole number, not \"many\"\n"
      "TROUPE_NODE__A__DEVICES: 'devices' must be a list of texts, as in [\"auto\"], not "
      "\"[\"cpu\"]\\x0ax = 1\"\n"
      "--set scheduling.lanes: write it as KEY=VALUE\n"
      "--set scheduling.lane: no setting has this name; did you mean 'scheduling.lanes'?\n"
      "--set lanes.urgent.units_max: this setting is gone: use 'units_max' in [scheduling], which "
      "holds for both lanes\n"
      "--set agents.threads: 'threads' must be from 1 to 1024, not 0\n"
      "--set node.c.host: no setting has this name; did you mean 'node.a.host'?\n"
      "--set cluster.keys: 'keys' must be UTF-8, not \"\\xff\"");
}

TEST_CASE("an override can give what the file lacks, but not a node") {
  const std::string text = "[node.a]\nurgent_port = 1\n";
  CHECK(mistakes(text) == "c.toml:1:7: [node.a] needs 'ordinary_port'");
  Overrides overrides;
  overrides.flags = {"node.a.ordinary_port=2"};
  CHECK(mistakes(text, overrides) == "fine");
  overrides.flags = {"node.a.ordinary_port=1"};
  CHECK(mistakes(text, overrides) ==
        "--set node.a.ordinary_port: 'ordinary_port' of [node.a] is the same endpoint as "
        "'urgent_port' of [node.a]: 127.0.0.1, port 1");
}

TEST_CASE("variables' names stand for what they may not contain") {
  CHECK(environment_name("agents", "backoff_min") == "TROUPE_AGENTS__BACKOFF_MIN");
  CHECK(environment_name("node.gpu-1.rack2", "host") == "TROUPE_NODE__GPU_1_RACK2__HOST");

  const std::string two =
      "[node.x-1]\nurgent_port = 1\nordinary_port = 2\n"
      "[node.x_1]\nurgent_port = 3\nordinary_port = 4\n";
  Overrides overrides;
  overrides.environment = {{"TROUPE_NODE__X_1__HOST", "10.0.0.1"}};
  CHECK(mistakes(two, overrides) ==
        "TROUPE_NODE__X_1__HOST: both node.x-1.host and node.x_1.host have this name; use --set");
  overrides = {};
  overrides.flags = {"node.x-1.host=10.0.0.1"};
  CHECK(load(two, overrides)->config.nodes[0].host == "10.0.0.1");
}

TEST_CASE("only variables with a double underscore are settings") {
  ::setenv("TROUPE_SCHEDULING__LANES", "false", 1);
  ::setenv("TROUPE_MODEL_DIR", "/models", 1);
  ::setenv("TROUPE__X", "1", 1);
  const auto found = config_environment();
  ::unsetenv("TROUPE_SCHEDULING__LANES");
  ::unsetenv("TROUPE_MODEL_DIR");
  ::unsetenv("TROUPE__X");
  const auto has = [&](const std::string& name) {
    return std::any_of(found.begin(), found.end(), [&](const auto& v) { return v.first == name; });
  };
  CHECK(has("TROUPE_SCHEDULING__LANES"));
  CHECK_FALSE(has("TROUPE_MODEL_DIR"));
  CHECK_FALSE(has("TROUPE__X"));
}

TEST_CASE("a policy's settings are read from the file and laid over") {
  Overrides overrides;
  overrides.environment = {{"TROUPE_POLICY__B_1__TEMPERATURE", "0.5"}};
  overrides.flags = {"policy.b-1.sampling=softmax", "policy.a.temperature=2"};
  const auto loaded =
      load(one_node + "[policy.b-1]\nfolder = '/b'\nseed = 4294967295\n[policy.a]\nfolder = '/a'",
           overrides);
  REQUIRE(loaded);
  REQUIRE(loaded->config.policies.size() == 2);
  const auto& [a, b] = std::tie(loaded->config.policies[0], loaded->config.policies[1]);
  CHECK(a.name == "a");
  CHECK(a.folder == "/a");
  CHECK(a.sampling == "greedy");
  CHECK(a.temperature == 2);
  CHECK(a.seed == 0);
  CHECK(b.name == "b-1");
  CHECK(b.sampling == "softmax");
  CHECK(b.temperature == 0.5);
  CHECK(b.seed == 4294967295);
  CHECK(setting(*loaded, "policy.b-1.temperature").value == "0.5");
  CHECK(setting(*loaded, "policy.a.temperature").value == "2");
}

TEST_CASE("nodes and models are sorted by name, and settings follow the reference") {
  const auto loaded = load("[node.b]\nurgent_port = 3\nordinary_port = 4\n" + one_node +
                           "[model.'bge-small-v1.5']\nfolder = '/b'");
  REQUIRE(loaded);
  CHECK(loaded->config.nodes[0].name == "a");
  CHECK(loaded->config.nodes[1].name == "b");
  CHECK(loaded->config.nodes[1].urgent_port == 3);
  CHECK(loaded->config.models[0].name == "bge-small-v1.5");
  CHECK(loaded->config.models[0].folder == "/b");
  CHECK(loaded->settings.front().key == "cluster.name");
  CHECK(loaded->settings.back().key == "up.srun");
  CHECK(setting(*loaded, "model.bge-small-v1.5.folder").value == "\"/b\"");
}
