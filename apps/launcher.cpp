#include "apps/launcher.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace troupe::apps {
namespace {

std::string machine_of(const config::NodeConfig& node) {
  return node.machine.empty() ? node.host : node.machine;
}

}  // namespace

std::vector<std::string> launch_words(Launcher launcher, const config::UpConfig& up,
                                      const config::NodeConfig& node, const NodeWords& words) {
  const bool local = launcher == Launcher::local;
  std::vector<std::string> command = {local ? words.program : up.program, "node", words.config_path,
                                      "--name", node.name};
  for (const auto& setting : words.overrides) {
    command.emplace_back("--set");
    command.push_back(setting);
  }
  if (local) return command;
  command.emplace_back("--stop-at-eof");
  if (launcher == Launcher::slurm) {
    std::vector<std::string> all = up.srun;
    all.push_back("--nodelist=" + machine_of(node));
    all.insert(all.end(), command.begin(), command.end());
    return all;
  }
  // What ssh hands over is read by the shell over there.
  std::string line = "exec";
  for (const auto& word : command) line += ' ' + shell_quoted(word);
  std::vector<std::string> all = up.ssh;
  all.push_back(machine_of(node));
  all.push_back(std::move(line));
  return all;
}

std::string shell_quoted(std::string_view word) {
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  }
  return quoted + '\'';
}

Result<std::string> find_program(const std::string& name) {
  const Error missing{ErrorCode::io, "there is no program '" + name + "' to start nodes with",
                      "install it, or name another one in [up]"};
  const auto runs = [](const std::string& path) { return ::access(path.c_str(), X_OK) == 0; };
  if (name.find('/') != std::string::npos) return runs(name) ? Result<std::string>(name) : missing;
  const char* const folders = std::getenv("PATH");
  std::string_view left = folders == nullptr ? "/usr/bin:/bin" : folders;
  while (!left.empty()) {
    const auto end = left.find(':');
    const std::string path = (std::filesystem::path(left.substr(0, end)) / name).string();
    if (runs(path)) return path;
    if (end == std::string_view::npos) break;
    left.remove_prefix(end + 1);
  }
  return missing;
}

}  // namespace troupe::apps
