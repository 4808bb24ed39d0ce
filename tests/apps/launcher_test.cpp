// The commands that start nodes elsewhere, and that no word of them can become another.
#include "apps/launcher.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::apps;
using Words = std::vector<std::string>;

namespace {

config::NodeConfig node(std::string machine) {
  config::NodeConfig node;
  node.name = "a";
  node.host = "10.0.0.7";
  node.machine = std::move(machine);
  return node;
}

// What a shell makes of it.
std::string echoed(const std::string& word) {
  const std::string command = "printf %s " + shell_quoted(word);
  const std::unique_ptr<FILE, int (*)(FILE*)> out(::popen(command.c_str(), "r"), ::pclose);
  REQUIRE(out);
  std::string text;
  std::array<char, 256> part{};
  while (const auto got = std::fread(part.data(), 1, part.size(), out.get()))
    text.append(part.data(), got);
  return text;
}

}  // namespace

TEST_CASE("a node is started here by this program, and elsewhere by a command of its own") {
  const config::UpConfig up;
  const NodeWords words{"/opt/troupe", "/etc/c.toml", {"log.level=debug"}};
  CHECK(launch_words(Launcher::local, up, node("gpu1"), words) ==
        Words{"/opt/troupe", "node", "/etc/c.toml", "--name", "a", "--set", "log.level=debug"});

  auto ssh = up.ssh;
  ssh.emplace_back("gpu1");
  ssh.emplace_back(
      "exec 'troupe' 'node' '/etc/c.toml' '--name' 'a' '--set' 'log.level=debug' '--stop-at-eof'");
  CHECK(launch_words(Launcher::ssh, up, node("gpu1"), words) == ssh);
  ssh[ssh.size() - 2] = "10.0.0.7";
  CHECK(launch_words(Launcher::ssh, up, node(""), words) == ssh);

  auto srun = up.srun;
  for (const char* const word : {"--nodelist=gpu1", "troupe", "node", "/etc/c.toml", "--name", "a",
                                 "--set", "log.level=debug", "--stop-at-eof"})
    srun.emplace_back(word);
  CHECK(launch_words(Launcher::slurm, up, node("gpu1"), words) == srun);
}

TEST_CASE("whatever is in a word, a shell over there reads it as one") {
  for (const std::string word : {"plain", "", "two words", "it's", "$HOME `id` \\ \"", "a;b|c&d>e",
                                 "'", "''", "line\nline", "*", "-n", "~"})
    CHECK(echoed(word) == word);
}

TEST_CASE("a program is found where a shell would find it, or missed with its name") {
  CHECK(find_program("sh")->ends_with("/sh"));
  CHECK(*find_program("/bin/sh") == "/bin/sh");
  CHECK(find_program("/bin/no-such-program").error().what.find("/bin/no-such-program") !=
        std::string::npos);
  CHECK(find_program("no-such-program").error().code == ErrorCode::io);
}
