#include "scheduler/fair_queue.hpp"

#include <map>

#include "base/random.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::scheduler;

namespace {

struct Bench {
  std::vector<TaskEntry> entries;
  FairQueue queue;

  Slot push(std::uint32_t workflow, std::uint64_t agent, double work = 1) {
    const auto slot = static_cast<Slot>(entries.size());
    entries.emplace_back();
    entries[slot].task.account = {TenantId{}, workflow, agent};
    entries[slot].work_ns = work;
    queue.push(entries, slot);
    return slot;
  }
  const Account& pop() { return entries[queue.pop(entries)].task.account; }
};

}  // namespace

TEST_CASE("one agent's tasks go first come first served") {
  Bench bench;
  for (int i = 0; i < 5; ++i) bench.push(0, 0);
  for (Slot i = 0; i < 5; ++i) CHECK(bench.queue.pop(bench.entries) == i);
  CHECK(bench.queue.empty());
}

TEST_CASE("a workflow that asks for ten times as much gets as much") {
  Bench bench;
  for (int i = 0; i < 1000; ++i) bench.push(1, 1);
  for (int i = 0; i < 100; ++i) bench.push(2, 1);
  std::map<std::uint32_t, int> served;
  for (int i = 0; i < 200; ++i) ++served[bench.pop().workflow];
  CHECK(served[1] == 100);
  CHECK(served[2] == 100);
}

TEST_CASE("an agent with long tasks gets fewer of them, not more time") {
  Bench bench;
  for (int i = 0; i < 300; ++i) bench.push(1, 1, 4);
  for (int i = 0; i < 300; ++i) bench.push(1, 2, 1);
  std::map<std::uint64_t, double> work;
  for (int i = 0; i < 200; ++i) {
    const Account& account = bench.pop();
    work[account.agent] += account.agent == 1 ? 4 : 1;
  }
  CHECK(work[1] == Approx(work[2]).margin(4));
}

TEST_CASE("workflows share first, agents within them second") {
  Bench bench;
  for (std::uint64_t agent = 0; agent < 10; ++agent)
    for (int i = 0; i < 100; ++i) bench.push(1, agent);
  for (int i = 0; i < 1000; ++i) bench.push(2, 77);
  std::map<std::uint32_t, int> by_workflow;
  std::map<std::uint64_t, int> by_agent;
  for (int i = 0; i < 200; ++i) {
    const Account& account = bench.pop();
    ++by_workflow[account.workflow];
    if (account.workflow == 1) ++by_agent[account.agent];
  }
  CHECK(by_workflow[1] == 100);
  for (std::uint64_t agent = 0; agent < 10; ++agent) CHECK(by_agent[agent] == 10);
}

TEST_CASE("who comes back has saved up no claim") {
  Bench bench;
  bench.push(2, 1);
  for (int i = 0; i < 100; ++i) bench.push(1, 1);
  for (int i = 0; i < 60; ++i) bench.pop();
  for (int i = 0; i < 50; ++i) bench.push(2, 1);
  int of_the_second = 0;
  for (int i = 0; i < 20; ++i) of_the_second += bench.pop().workflow == 2 ? 1 : 0;
  CHECK(of_the_second <= 11);
  CHECK(of_the_second >= 9);
}

TEST_CASE("tasks leave from anywhere, and every task leaves once") {
  Bench bench;
  Random random(7);
  std::vector<Slot> waiting;
  std::size_t pushed = 0, left = 0;
  for (int step = 0; step < 20'000; ++step) {
    const auto choice = random.below(3);
    if (choice == 0 || waiting.empty()) {
      waiting.push_back(bench.push(static_cast<std::uint32_t>(random.below(4)), random.below(5)));
      ++pushed;
    } else if (choice == 1) {
      const auto at = random.below(waiting.size());
      bench.queue.remove(bench.entries, waiting[at]);
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(at));
      ++left;
    } else {
      const Slot slot = bench.queue.pop(bench.entries);
      CHECK(std::erase(waiting, slot) == 1);
      ++left;
    }
    REQUIRE(bench.queue.size() == waiting.size());
  }
  CHECK(pushed == left + bench.queue.size());
}
