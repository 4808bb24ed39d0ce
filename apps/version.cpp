// troupe version: what this program is built from, for bug reports.

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/verbs.hpp"
#include "gateway/grpc/grpc_door.hpp"
#include "kernels/cpu/select.hpp"

namespace troupe::apps {
namespace {

#if defined(__clang__)
constexpr std::string_view compiler = "clang " __clang_version__;
#else
constexpr std::string_view compiler = "gcc " __VERSION__;
#endif

// The headers that it was built with, as CMake read them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> libraries = {
    {{"caf", TROUPE_CAF_VERSION},
     {"cli11", TROUPE_CLI11_VERSION},
     {"nlohmann_json", TROUPE_NLOHMANN_JSON_VERSION},
     {"spdlog", TROUPE_SPDLOG_VERSION},
     {"tomlplusplus", TROUPE_TOMLPLUSPLUS_VERSION},
     {"zmq", TROUPE_ZMQ_VERSION}}};

}  // namespace

std::string_view version() noexcept {
  return TROUPE_VERSION;
}

int run_version(const VersionOptions&, Output& output) {
  const auto cpu = kernels::cpu::find_tiles("");
  const std::string instructions = cpu ? (*cpu)->name : "none";
  std::string text = "troupe " TROUPE_VERSION "\n";
  text += "  built with  " + std::string(compiler) + ", " TROUPE_BUILD_TYPE;
  if (!std::string_view(TROUPE_SANITIZERS).empty()) text += ", sanitizers " TROUPE_SANITIZERS;
  text += "\n  CPU path    " + instructions + "\n  libraries  ";
  auto built_with = nlohmann::json::object();
  std::vector<std::pair<std::string_view, std::string_view>> all(libraries.begin(),
                                                                 libraries.end());
  if (gateway::has_grpc()) all.emplace_back("grpc", TROUPE_GRPC_VERSION);
  for (const auto& [name, version] : all) {
    text += (built_with.empty() ? " " : ", ") + std::string(name) + " " + std::string(version);
    built_with[std::string(name)] = version;
  }
  output.text(text);
  output.object({{"version", TROUPE_VERSION},
                 {"compiler", compiler},
                 {"build_type", TROUPE_BUILD_TYPE},
                 {"sanitizers", TROUPE_SANITIZERS},
                 {"cpu_path", instructions},
                 {"libraries", built_with}});
  return exit_ok;
}

}  // namespace troupe::apps
