#include "apps/processes.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include "apps/output.hpp"
#include "base/clock.hpp"

namespace troupe::apps {
namespace {

constexpr Duration poll_interval = std::chrono::milliseconds(20);

// How `troupe up` restarts a node that died; the number of restarts comes from the config.
actors::RestartOptions node_restarts(const config::UpConfig& up) {
  return {up.restarts_max, std::chrono::minutes(1), std::chrono::milliseconds(200),
          std::chrono::seconds(10)};
}

const config::NodeConfig* find_node(const Config& config, const std::string& name) {
  const auto found = std::find_if(config.nodes.begin(), config.nodes.end(),
                                  [&](const auto& node) { return node.name == name; });
  return found == config.nodes.end() ? nullptr : &*found;
}

std::string own_program() {
  std::error_code failed;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", failed);
  return failed ? std::string("troupe") : path.string();
}

std::string last_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::string last;
  while (std::getline(file, line))
    if (!line.empty()) last = line;
  return last;
}

// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void become_node(const std::string& program, const std::vector<char*>& arguments,
                              int input, int log_file, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);  // the parent died before the line above
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setpgid(0, 0);  // Ctrl-C is for the parent, which stops us in order
  if (input >= 0) ::dup2(input, STDIN_FILENO);
  if (log_file >= 0) {
    ::dup2(log_file, STDOUT_FILENO);
    ::dup2(log_file, STDERR_FILENO);
  }
  ::execv(program.c_str(), arguments.data());
  ::_exit(127);
}

}  // namespace

std::string describe_exit(int status) {
  if (WIFSIGNALED(status))
    return "signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) +
           ")";
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

ClusterProcesses::ClusterProcesses(const Config& config, ProcessOptions options, Log& log)
    : config_(config), options_(std::move(options)), log_(log) {
  for (const auto& node : config_.nodes) children_.push_back(new_child(node.name));
}

ClusterProcesses::Child ClusterProcesses::new_child(const std::string& node) const {
  return {node, 0, -1, 0, never, actors::RestartBudget(node_restarts(config_.up))};
}

ClusterProcesses::~ClusterProcesses() {
  stop();
}

Result<std::unique_ptr<ClusterProcesses>> ClusterProcesses::start(const Config& config,
                                                                  ProcessOptions options,
                                                                  Log& log) {
  std::unique_ptr<ClusterProcesses> cluster(new ClusterProcesses(config, std::move(options), log));
  for (auto& child : cluster->children_)
    if (auto spawned = cluster->spawn(child); !spawned) return spawned.error();
  return cluster;
}

Status ClusterProcesses::spawn(Child& child) {
  const auto* const node = find_node(config_, child.node);
  const bool local = options_.launcher == Launcher::local;
  auto words =
      launch_words(options_.launcher, config_.up, *node,
                   {own_program(), std::filesystem::absolute(options_.config_path).string(),
                    options_.overrides});
  const auto program = find_program(words.front());
  if (!program) return program.error();
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  int log_file = -1;
  if (!options_.log_folder.empty()) {
    const std::string path = options_.log_folder + "/" + child.node + ".log";
    log_file = ::open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    if (log_file < 0)
      return Error{ErrorCode::io, "cannot write " + path + ": " + std::strerror(errno), ""};
  }
  if (options_.keeper != nullptr) {
    const auto taken = options_.keeper->attach(child.node);
    if (!taken) return taken.error();
    log_file = *taken;
  }
  std::array<int, 2> input = {-1, -1};
  const bool piped = local || ::pipe2(input.data(), O_CLOEXEC) == 0;
  const pid_t parent = ::getpid();
  const pid_t pid = piped ? ::fork() : -1;
  if (pid == 0) become_node(*program, arguments, input[0], log_file, parent);
  const int fork_error = errno;
  if (log_file >= 0) ::close(log_file);
  if (input[0] >= 0) ::close(input[0]);
  if (pid < 0 && input[1] >= 0) ::close(input[1]);
  if (pid < 0)
    return Error{ErrorCode::io,
                 "cannot start node '" + child.node + "': " + std::strerror(fork_error), ""};
  child.pid = pid;
  child.input = input[1];
  child.restart_at = never;
  log_.debug("a node was started", {{"node", child.node}, {"pid", pid}});
  return {};
}

void ClusterProcesses::reap() {
  for (auto& child : children_) {
    int status = 0;
    if (child.pid == 0 || ::waitpid(child.pid, &status, WNOHANG) != child.pid) continue;
    child.pid = 0;
    child.exit_status = status;
    if (child.input >= 0) ::close(std::exchange(child.input, -1));
  }
}

// ssh and srun would take a signal to be for themselves.
void ClusterProcesses::ask_to_end(Child& child) {
  if (child.pid == 0) return;
  if (child.input >= 0)
    ::close(std::exchange(child.input, -1));
  else
    ::kill(child.pid, SIGTERM);
}

Error ClusterProcesses::early_end(const Child& child) const {
  Error error{ErrorCode::io,
              "node '" + child.node + "' ended before it was ready, with " +
                  describe_exit(child.exit_status),
              "its log says why"};
  if (!options_.log_folder.empty()) {
    const std::string path = options_.log_folder + "/" + child.node + ".log";
    error.what += ": " + last_line(path);
    error.next_step = "its log is " + path;
  }
  if (options_.keeper != nullptr) options_.keeper->take_in();  // what it said stands above this
  return error;
}

Status ClusterProcesses::wait_ready(Client& client) {
  const Instant give_up = later(now(), config_.up.start_timeout);
  for (const auto& waiting : children_) {
    while (!client.wait_connected(waiting.node, poll_interval)) {
      reap();
      for (const auto& child : children_)
        if (child.pid == 0) return early_end(child);
      if (now() >= give_up)
        return Error{ErrorCode::unreachable, "node '" + waiting.node + "' was not ready in time",
                     "look at its log, or raise up.start_timeout"};
    }
    if (auto status = client.control(waiting.node, "status", "", give_up - now()); !status)
      return status.error();
  }
  return {};
}

// Of a child that has ended, once.
void ClusterProcesses::take_note(Child& child, Instant at) {
  const int status = child.exit_status;
  if (WIFEXITED(status) && WEXITSTATUS(status) == exit_ok) {
    child.asked_to_end = true;
    log_.info("a node ended as it was asked to, and stays ended", {{"node", child.node}});
    return;
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == exit_restart) {
    child.restart_at = at;
    log_.info("a node ended to be started anew", {{"node", child.node}});
    return;
  }
  const auto wait = child.budget.crashed(at);
  log_.warn("a node ended",
            {{"node", child.node}, {"how", describe_exit(status)}, {"restart", wait.has_value()}});
  if (wait)
    child.restart_at = at + *wait;
  else
    child.given_up = true;
}

bool ClusterProcesses::supervise(Instant at) {
  reap();
  bool whole = true;
  for (auto& child : children_) {
    if (child.pid == 0 && child.restart_at == never && !child.given_up && !child.asked_to_end)
      take_note(child, at);
    if (child.pid == 0 && child.restart_at <= at)
      if (auto spawned = spawn(child); !spawned)
        log_.error("a node cannot be started", spawned.error());
    whole = whole && !child.given_up;
  }
  return whole;
}

bool ClusterProcesses::ended() const {
  const auto runs = [](const Child& child) { return child.pid != 0; };
  const auto asked = [](const Child& child) { return child.asked_to_end; };
  return std::any_of(children_.begin(), children_.end(), asked) &&
         std::none_of(children_.begin(), children_.end(), runs);
}

Status ClusterProcesses::change(const Config& config) {
  std::vector<config::NodeConfig> leaving;
  for (const auto& child : children_)
    if (find_node(config, child.node) == nullptr)
      leaving.push_back(*find_node(config_, child.node));
  config_ = config;
  config_.nodes.insert(config_.nodes.end(), leaving.begin(), leaving.end());
  for (const auto& node : config.nodes) {
    const auto known = std::find_if(children_.begin(), children_.end(),
                                    [&](const Child& child) { return child.node == node.name; });
    if (known != children_.end()) continue;
    children_.push_back(new_child(node.name));
    if (auto spawned = spawn(children_.back()); !spawned) {
      children_.pop_back();
      return spawned;
    }
  }
  return {};
}

bool ClusterProcesses::end(const std::string& node) {
  const auto child = std::find_if(children_.begin(), children_.end(),
                                  [&](const Child& one) { return one.node == node; });
  if (child == children_.end()) return true;
  ask_to_end(*child);
  const bool politely = wait_ended(*child, later(now(), config_.up.stop_timeout));
  children_.erase(child);
  std::erase_if(config_.nodes, [&](const auto& one) { return one.name == node; });
  return politely;
}

// Kills it then. False if it had to.
bool ClusterProcesses::wait_ended(Child& child, Instant give_up) {
  while (child.pid != 0 && now() < give_up) {
    reap();
    if (child.pid != 0) std::this_thread::sleep_for(poll_interval);
  }
  if (child.pid == 0) return true;
  log_.error("a node did not stop and is killed", {{"node", child.node}, {"pid", child.pid}});
  ::kill(child.pid, SIGKILL);
  ::waitpid(child.pid, &child.exit_status, 0);
  child.pid = 0;
  return false;
}

bool ClusterProcesses::stop() {
  bool politely = true;
  for (auto& child : children_) ask_to_end(child);
  const Instant give_up = later(now(), config_.up.stop_timeout);
  for (auto& child : children_) politely = wait_ended(child, give_up) && politely;
  for (auto& child : children_) child.given_up = true;  // supervise() starts nothing any more
  return politely;
}

std::optional<pid_t> ClusterProcesses::pid_of(const std::string& node) const {
  for (const auto& child : children_)
    if (child.node == node && child.pid != 0) return child.pid;
  return std::nullopt;
}

}  // namespace troupe::apps
