#include "bench/link/wire.hpp"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/assert.hpp"

extern char** environ;

namespace troupe::bench::link {
namespace {

Error cannot(const std::string& what) {
  return {ErrorCode::io, "no wire can be made: " + what,
          "run as root, with the packages iproute2, on a kernel with network namespaces"};
}

// A command line of words without spaces in them, run where the calling thread lives.
Status run(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (const int failed =
          ::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ);
      failed != 0)
    return cannot("'" + words[0] + "' does not start: " + std::strerror(failed));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) return cannot("'" + line + "' failed");
  return {};
}

// On a thread of its own: a thread cannot come back from a namespace without the right to.
template <class Work>
auto on_a_thread(Work work) {
  std::optional<decltype(work())> result;
  std::thread([&] { result = work(); }).join();
  return std::move(*result);
}

Result<int> new_namespace() {
  if (::unshare(CLONE_NEWNET) != 0)
    return cannot(std::string("no network namespace: ") + std::strerror(errno));
  const int descriptor = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return cannot(std::string("no descriptor: ") + std::strerror(errno));
  return descriptor;
}

Status bring_up(const std::string& address, std::uint64_t megabits_per_s) {
  for (const std::string& line :
       {"ip addr add " + address + "/24 dev wire", std::string("ip link set lo up"),
        std::string("ip link set wire up"),
        "tc qdisc add dev wire root tbf rate " + std::to_string(megabits_per_s) +
            "mbit burst 16kb latency 20ms"})
    if (auto done = run(line); !done) return done;
  return {};
}

}  // namespace

Result<std::unique_ptr<Wire>> Wire::make(std::uint64_t megabits_per_s) {
  std::unique_ptr<Wire> wire(new Wire);
  for (int& descriptor : wire->namespaces_) {
    const auto made = on_a_thread(new_namespace);
    if (!made) return made.error();
    descriptor = *made;
  }
  const std::string far_end =
      "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(wire->namespaces_[1]);
  Status done;
  wire->at(End::near, [&] {
    done = run("ip link add wire type veth peer name wire netns " + far_end);
    if (done) done = bring_up(near_address, megabits_per_s);
  });
  if (!done) return done.error();
  wire->at(End::far, [&] { done = bring_up(far_address, megabits_per_s); });
  if (!done) return done.error();
  return wire;
}

Wire::~Wire() {
  for (const int descriptor : namespaces_)
    if (descriptor >= 0) ::close(descriptor);
}

void Wire::at(End end, const std::function<void()>& work) const {
  std::thread([&] {
    TROUPE_ASSERT(::setns(namespaces_[static_cast<std::size_t>(end)], CLONE_NEWNET) == 0,
                  "who made a namespace may enter it");
    work();
  }).join();
}

}  // namespace troupe::bench::link
