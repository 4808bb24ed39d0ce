// kill: two nodes as processes of this machine, tasks under way on both all the time, and one of
// them is killed (SIGKILL). Each task of the killed node has to be missed, offered to the other one
// and done there; the slowest of all tells how long that takes. None may fail.
//
// The program starts itself for the nodes, so this measures what runs, not a copy of it.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <unordered_map>

#include "base/clock.hpp"
#include "bench/harness/paired.hpp"
#include "bench/http/tiny_model.hpp"
#include "bench/link/scenarios.hpp"
#include "bench/report/figure.hpp"
#include "bench/scenarios/ports.hpp"
#include "client/client.hpp"

namespace troupe::bench::link {
namespace {

constexpr std::size_t out = 32;  // tasks under way
constexpr Duration heartbeat = std::chrono::seconds(1);
constexpr Duration before_usual = std::chrono::seconds(1);  // the kill, and:
constexpr Duration after_usual = std::chrono::seconds(4);
constexpr Duration before_quick = std::chrono::milliseconds(100);
constexpr Duration after_quick = std::chrono::milliseconds(300);
constexpr Duration start_limit = std::chrono::seconds(20);
constexpr std::uint32_t rounds_max = 5;
constexpr std::array<const char*, 2> names = {"a", "b"};

// A child that dies with this object.
class Process {
 public:
  // This program with other words. Its output goes to `log`.
  static Result<Process> start(std::vector<std::string> words, const std::string& log) {
    words.insert(words.begin(), "troupe");
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(),
                                       O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    Process process;
    const int failed = ::posix_spawn(&process.pid_, "/proc/self/exe", &actions, nullptr,
                                     arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
      return Error{ErrorCode::io,
                   std::string("this program cannot start itself: ") + std::strerror(failed), ""};
    return process;
  }
  Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
  Process& operator=(Process&& other) noexcept {
    std::swap(pid_, other.pid_);
    return *this;
  }
  ~Process() { kill(); }

  void kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  // Its exit status, as waitpid() has it.
  int wait() {
    int status = 0;
    while (::waitpid(std::exchange(pid_, 0), &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

 private:
  Process() = default;
  pid_t pid_ = 0;
};

// Keys and the cluster's file in the model's folder, which goes with it.
Result<std::string> write_cluster(const std::string& folder) {
  for (const char* name : {"a", "b", "client"}) {
    auto made =
        Process::start({"keys", "new", name, "--folder", folder + "/keys"}, folder + "/keys.log");
    if (!made) return made.error();
    if (made->wait() != 0)
      return Error{ErrorCode::io, "no keys for the nodes could be made in " + folder, ""};
  }
  std::string path = folder + "/cluster.toml";
  std::ofstream file(path);
  file << "[cluster]\nname = \"kill\"\nkeys = \"" << folder
       << "/keys\"\n[model.encoder]\nfolder = \"" << folder << "\"\n";
  for (const char* name : names)
    file << "[node." << name << "]\nhost = \"127.0.0.1\"\nurgent_port = " << scenarios::next_port()
         << "\nordinary_port = " << scenarios::next_port() << "\ndevices = [\"cpu\"]\n";
  file.close();
  if (file.fail()) return Error{ErrorCode::io, "cannot write " + path, ""};
  return path;
}

struct Killed {
  Duration slowest_before{};
  Duration slowest_after{};
  std::uint64_t tasks = 0;
};

Result<Killed> kill_one(const RunOptions& options) {
  const auto model = http::TinyModel::make();
  if (!model) return model.error();
  const auto path = write_cluster(model->folder());
  if (!path) return path.error();
  std::vector<Process> nodes;
  for (const char* name : names) {
    auto node =
        Process::start({"node", *path, "--name", name}, model->folder() + "/" + name + ".log");
    if (!node) return node.error();
    nodes.push_back(std::move(*node));
  }
  auto client = connect(*path);
  if (!client) return client.error();
  for (const char* name : names)
    if (auto up = (*client)->wait_connected(name, start_limit); !up) return up.error();

  Killed killed;
  std::unordered_map<std::uint64_t, Instant> asked;  // by what counts in the id
  Outcomes outcomes(**client, out);
  const auto ask = [&] {
    TaskRequest task;
    task.model = "encoder";
    task.work = Encode{"a calm text editor"};
    const Instant at = now();
    asked[outcomes.submit(std::move(task)).low] = at;
  };
  const Instant begin = now();
  const Instant kill_at = begin + (options.quick ? before_quick : before_usual);
  const Instant end = kill_at + (options.quick ? after_quick : after_usual);
  bool alive = true;
  for (std::size_t i = 0; i < out; ++i) ask();
  while (!asked.empty()) {
    if (options.is_interrupted()) return harness::interrupted_error();
    const auto outcome = outcomes.next(start_limit);
    if (!outcome) return Error{ErrorCode::expired, "a task had no outcome", ""};
    if (!outcome->result) return outcome->result.error();
    const Instant at = now();
    const Duration took = at - asked.at(outcome->id.low);
    asked.erase(outcome->id.low);
    ++killed.tasks;
    auto& slowest = alive ? killed.slowest_before : killed.slowest_after;
    slowest = std::max(slowest, took);
    if (alive && at >= kill_at) {
      nodes.back().kill();
      alive = false;
    }
    if (at < end) ask();
  }
  return killed;
}

double in_ms(Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

}  // namespace

Result<ScenarioResult> run_kill(const RunOptions& options, Progress& progress) {
  std::vector<double> slowest;
  std::vector<double> before;
  std::uint64_t tasks = 0;
  const std::uint32_t rounds = std::min(options.pairs, rounds_max);
  for (std::uint32_t round = 0; round < rounds; ++round) {
    progress.at(static_cast<double>(round) / rounds, "a node is killed");
    const auto killed = kill_one(options);
    if (!killed) return killed.error();
    slowest.push_back(in_ms(killed->slowest_after));
    before.push_back(in_ms(killed->slowest_before));
    tasks += killed->tasks;
  }
  auto figure = report::figure("kill", "the slowest task when one of two nodes is killed",
                               report::Comparison::at_most, in_ms(2 * heartbeat), "ms");
  const auto spread = harness::spread_of(slowest);
  figure.value = spread.high;
  figure.detail = "the worst of " + std::to_string(rounds) + " kills, median " +
                  harness::spread_text(spread) + "; before the kill " +
                  harness::spread_text(harness::spread_of(before)) + " ms; " +
                  std::to_string(tasks) + " tasks, none failed. Two heartbeats are the target";
  ScenarioResult result;
  result.figures = {figure};
  result.text =
      "Two nodes as processes, 32 tasks under way at all times; one node is killed and stays away.";
  return result;
}

}  // namespace troupe::bench::link
