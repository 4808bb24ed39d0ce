// Nodes that are killed, stopped or shut down while they have others' tasks: each task has exactly
// one outcome, and is done. The nodes that are hurt are processes of their own.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "tests/actors/burst.hpp"
#include "tests/actors/devices.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using tests::begin_burst;
using tests::burst;
using tests::end_burst;
using tests::TestCluster;

namespace {

// A node in a process of its own. Forked, so it has to come before this process has threads.
class Apart {
 public:
  Apart(TestCluster& cluster, actors::NodeOptions options) : pid_(::fork()) {
    REQUIRE(pid_ >= 0);
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      const auto node = cluster.start(std::move(options));
      for (;;) ::pause();
    } catch (...) {
      ::_exit(1);
    }
  }
  ~Apart() {
    send(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Apart(const Apart&) = delete;
  Apart& operator=(const Apart&) = delete;

  void send(int signal) const { ::kill(pid_, signal); }

 private:
  pid_t pid_;
};

// Until the node has accepted so many tasks, and then how many it has completed.
void wait_accepted(tests::TestClient& client, const std::string& node, const std::string& count) {
  for (int i = 0; i < 10'000; ++i) {
    const auto status = client.control(node, "status", "", 20s);
    REQUIRE(status);
    if (status->find("\"accepted\":" + count) != std::string::npos) return;
  }
  FAIL("the node has not accepted " + count);
}

void check_all_done(const tests::Counted& counted, int tasks) {
  CHECK(counted.completed == tasks);
  CHECK(counted.failed == 0);
  CHECK(counted.extra == 0);
}

}  // namespace

TEST_CASE("what a node had that is killed is done elsewhere, each task once") {
  TestCluster cluster{{"a", "b", "c"}};
  auto options = cluster.options("b", {});
  options.devices_open = {std::make_shared<tests::HeldDevice>()};  // takes all and does nothing
  const Apart b(cluster, std::move(options));
  const Apart c(cluster, cluster.options("c", {}));
  const auto a = cluster.start("a", burst());
  const auto client = cluster.client({"a", "b", "c"});
  tests::wait_linked(*a);
  const AgentId agent = cluster.agent_on("a", "burst");
  begin_burst(*client, agent, 700, "b");
  wait_accepted(*client, "b", "600");  // of the ordinary ones
  b.send(SIGKILL);
  check_all_done(end_burst(*client), 700);
  begin_burst(*client, agent, 100, "b");  // to a node that is not there
  check_all_done(end_burst(*client), 800);
}

TEST_CASE("a node that stands still for longer than its lease costs time, and nothing else") {
  TestCluster cluster{{"a", "b"}};
  const Apart b(cluster, cluster.options("b", {}));
  const auto a = cluster.start("a", burst());
  const auto client = cluster.client({"a", "b"});
  tests::wait_linked(*a);
  const AgentId agent = cluster.agent_on("a", "burst");
  begin_burst(*client, agent, 100, "b");
  check_all_done(end_burst(*client), 100);
  b.send(SIGSTOP);
  begin_burst(*client, agent, 500, "b");
  check_all_done(end_burst(*client), 600);
  b.send(SIGCONT);
  tests::wait_linked(*a);
  begin_burst(*client, agent, 100, "b");
  check_all_done(end_burst(*client), 700);
}

TEST_CASE("when a node goes away, the tasks it had are done elsewhere") {
  TestCluster cluster{{"a", "b"}};
  const auto a = cluster.start("a", burst());
  auto b = cluster.start("b", burst());
  const auto client = cluster.client({"a"});
  tests::wait_linked(*a);
  const AgentId agent = cluster.agent_on("a", "burst");
  begin_burst(*client, agent, 10, "b");
  check_all_done(end_burst(*client), 10);
  begin_burst(*client, agent, 2000, "b");
  b->stop();
  check_all_done(end_burst(*client), 2010);
}
