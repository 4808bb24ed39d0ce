// With what `troupe up` starts a node: this program, on this machine; ssh; or Slurm's srun. What is
// not local gets a pipe as its standard input, which reaches the node: when the pipe ends, whoever
// started the node has gone or wants it to stop, and it stops. No terminal is needed for that, and
// exit codes come through.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"

namespace troupe::apps {

enum class Launcher { local, ssh, slurm };

struct NodeWords {
  std::string program;                 // this one; others start `up.program`
  std::string config_path;             // the same file on every machine
  std::vector<std::string> overrides;  // --set
};

// What to execute for this node, word by word.
std::vector<std::string> launch_words(Launcher launcher, const config::UpConfig& up,
                                      const config::NodeConfig& node, const NodeWords& words);

// As one word of a POSIX shell, whatever is in it.
std::string shell_quoted(std::string_view word);

// Where the program is that a shell would start. Errors: io.
Result<std::string> find_program(const std::string& name);

}  // namespace troupe::apps
