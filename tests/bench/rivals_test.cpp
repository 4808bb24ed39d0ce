#include "bench/rivals/rivals.hpp"

#include <set>
#include <string>
#include <vector>

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::bench::rivals;
using namespace troupe::scheduler;
using namespace std::chrono_literals;

namespace {

constexpr Instant at(Duration since_start) {
  return Instant{} + since_start;
}

struct Wish {
  std::optional<Lane> lane;
  Instant deadline = never;
  std::uint32_t model = 0;
};

// One rival and a device that takes 2 ms + 0.1 ms for each task, told of events by hand.
struct Stage {
  explicit Stage(std::string_view name, RivalOptions options = {.tasks_max = 8}) {
    const Rival* rival = find_rival(name);
    REQUIRE(rival != nullptr);
    policy = rival->make(options);
    join(0);
  }

  void tell(Duration now, const Event& event) {
    actions.clear();
    policy->handle(at(now), event, actions);
  }
  void pass(Duration now) {
    actions.clear();
    policy->advance(at(now), actions);
  }
  void join(std::uint32_t worker) { tell(0ms, WorkerJoined{WorkerId{worker}, 1, 2ms, 100us}); }
  void submit(Duration now, std::uint64_t task, Wish wish = {}) {
    TaskSubmitted event;
    event.task.id = {1, task};
    event.task.kind.model = ModelId{wish.model};
    event.task.lane = wish.lane;
    event.task.submitted = at(now);
    event.task.deadline = wish.deadline;
    tell(now, event);
  }
  void finish(Duration now, std::uint64_t batch) {
    tell(now, BatchFinished{WorkerId{0}, BatchId{batch}, 1ms});
  }
  // A task that occupies the device, as batch 1.
  void occupy() {
    submit(0ms, 1000, {Lane::urgent, never, 99});
    if (launched().empty()) pass(policy->next_wakeup().value() - Instant{});
    REQUIRE(launched() == std::vector<std::uint64_t>{1000});
  }

  // The tasks of the one launch of the latest call; empty if there was none.
  [[nodiscard]] std::vector<std::uint64_t> launched() const {
    std::vector<std::uint64_t> tasks;
    for (const auto& action : actions) {
      const auto* launch = std::get_if<Launch>(&action);
      if (launch == nullptr) continue;
      CHECK(tasks.empty());
      CHECK(launch->entry == Entry::in_turn);
      for (const TaskId task : launch->tasks) tasks.push_back(task.low);
    }
    return tasks;
  }
  [[nodiscard]] std::vector<std::pair<std::uint64_t, ErrorCode>> refused() const {
    std::vector<std::pair<std::uint64_t, ErrorCode>> tasks;
    for (const auto& action : actions)
      if (const auto* refuse = std::get_if<Refuse>(&action))
        tasks.emplace_back(refuse->task.low, refuse->reason);
    return tasks;
  }

  std::unique_ptr<Policy> policy;
  Actions actions;
};

using Tasks = std::vector<std::uint64_t>;
using Refused = std::vector<std::pair<std::uint64_t, ErrorCode>>;

}  // namespace

TEST_CASE("each rival has a name of its own, and unknown names have none") {
  std::set<std::string_view> names;
  for (const Rival& rival : rivals()) {
    CHECK(names.insert(rival.name).second);
    CHECK(find_rival(rival.name) == &rival);
  }
  for (const char* name : {"immediate", "triton", "triton-2ms", "bentoml", "eager_edf", "deferral"})
    CHECK(names.contains(name));
  CHECK(find_rival("best") == nullptr);
}

TEST_CASE("immediate launches each task alone, in order of arrival, whatever is asked") {
  Stage stage("immediate");
  stage.submit(0ms, 1);
  CHECK(stage.launched() == Tasks{1});
  stage.submit(1ms, 2);
  stage.submit(1ms, 3, {Lane::urgent, at(50ms)});
  CHECK(stage.launched().empty());
  stage.finish(3ms, 1);
  CHECK(stage.launched() == Tasks{2});
  stage.finish(5ms, 2);
  CHECK(stage.launched() == Tasks{3});
}

TEST_CASE("triton without delay takes what waits when the device is free, urgent tasks first") {
  Stage stage("triton");
  stage.occupy();
  for (std::uint64_t task = 1; task <= 9; ++task) stage.submit(1ms, task);
  stage.submit(1ms, 10, {Lane::urgent});
  stage.finish(2ms, 1);
  CHECK(stage.launched() == Tasks{10, 1, 2, 3, 4, 5, 6, 7});
  stage.finish(4ms, 2);
  CHECK(stage.launched() == Tasks{8, 9});
}

TEST_CASE("triton with a delay holds even an urgent task for it, but not a full batch") {
  Stage stage("triton-2ms");
  stage.submit(1ms, 1, {Lane::urgent});
  CHECK(stage.launched().empty());
  REQUIRE(stage.policy->next_wakeup() == at(3ms));
  stage.pass(3ms - 1ns);
  CHECK(stage.launched().empty());
  stage.pass(3ms);
  CHECK(stage.launched() == Tasks{1});
  stage.finish(5ms, 1);
  for (std::uint64_t task = 2; task <= 8; ++task) stage.submit(5ms, task);
  CHECK(stage.launched().empty());
  stage.submit(5ms, 9);
  CHECK(stage.launched() == Tasks{2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("triton launches a preferred size at once, and all that wait once the delay is over") {
  Stage stage("triton-2ms", {.tasks_max = 8, .preferred = {4}});
  stage.occupy();
  for (std::uint64_t task = 1; task <= 6; ++task) stage.submit(3ms, task);
  stage.finish(4ms, 1);
  CHECK(stage.launched() == Tasks{1, 2, 3, 4});
  stage.finish(4500us, 2);
  CHECK(stage.launched().empty());
  stage.submit(4500us, 7);
  stage.pass(5ms);
  CHECK(stage.launched() == Tasks{5, 6, 7});
}

TEST_CASE("bentoml waits for company, and the waiting dies out where none comes") {
  Stage stage("bentoml");
  Duration now = 0ms;
  Duration first_wait{};
  Duration last_wait{};
  for (std::uint64_t task = 1; task <= 400; ++task) {
    stage.submit(now, task);
    Duration wait{};
    if (stage.launched().empty()) {
      const auto wakeup = stage.policy->next_wakeup();
      REQUIRE(wakeup);
      wait = *wakeup - at(now);
      stage.pass(now + wait);
    }
    REQUIRE(stage.launched() == Tasks{task});
    if (task == 1) first_wait = wait;
    last_wait = wait;
    now += wait + 3ms;
    stage.finish(now, task);
  }
  CHECK(first_wait > 1ms);
  CHECK(last_wait < first_wait / 10);
}

TEST_CASE("bentoml sheds the oldest when all together cannot be done within its latency") {
  Stage stage("bentoml", {.tasks_max = 8, .latency_max = 10ms});
  stage.occupy();
  stage.submit(13ms, 1);
  stage.submit(14ms, 2);
  // Two tasks take 2.2 ms, and the older one came at 13 ms.
  REQUIRE(stage.policy->next_wakeup() == at(23ms - 2200us));
  stage.pass(23ms - 2200us - 1ns);
  CHECK(stage.refused().empty());
  stage.pass(23ms - 2200us);
  CHECK(stage.refused() == Refused{{1, ErrorCode::infeasible}});
  stage.pass(24ms - 1ns);
  CHECK(stage.refused().empty());
  stage.pass(24ms);  // alone it may wait for its latency
  CHECK(stage.refused() == Refused{{2, ErrorCode::infeasible}});
}

TEST_CASE("eager edf drops what cannot be in time any more, and only that") {
  Stage stage("eager_edf");
  stage.occupy();
  stage.submit(1ms, 5, {{}, at(11ms)});
  stage.submit(1ms, 6, {{}, at(5ms)});
  stage.pass(2900us);  // 2.1 ms for one
  CHECK(stage.refused().empty());
  stage.pass(2900us + 1ns);
  CHECK(stage.refused() == Refused{{6, ErrorCode::infeasible}});
}

TEST_CASE("eager edf launches at once, in order of deadlines") {
  Stage stage("eager_edf");
  stage.occupy();
  stage.submit(1ms, 1);
  stage.submit(1ms, 2, {{}, at(50ms)});
  stage.submit(1ms, 3, {{}, at(40ms)});
  stage.submit(1ms, 4, {Lane::urgent});
  stage.finish(5ms, 1);
  CHECK(stage.launched() == Tasks{4, 3, 2, 1});
  stage.finish(9ms, 2);
  stage.submit(10ms, 5, {{}, at(90ms)});
  CHECK(stage.launched() == Tasks{5});
}

TEST_CASE("deferral waits until one more task would be too late") {
  Stage stage("deferral");
  stage.submit(0ms, 1, {{}, at(20ms)});
  stage.submit(1ms, 2, {{}, at(30ms)});
  CHECK(stage.launched().empty());
  REQUIRE(stage.policy->next_wakeup() == at(20ms - 2300us));  // with three tasks
  stage.pass(20ms - 2300us - 1ns);
  CHECK(stage.launched().empty());
  stage.pass(20ms - 2300us);
  CHECK(stage.launched() == Tasks{1, 2});
}

TEST_CASE("deferral launches a full batch at once, no larger than its first deadline allows") {
  Stage stage("deferral");
  for (std::uint64_t task = 1; task <= 7; ++task) stage.submit(0ms, task, {{}, at(50ms)});
  CHECK(stage.launched().empty());
  stage.submit(0ms, 8, {{}, at(60ms)});
  CHECK(stage.launched().size() == 8);
  for (std::uint64_t task = 11; task <= 18; ++task) stage.submit(1ms, task, {{}, at(10ms)});
  stage.finish(10ms - 2350us, 1);  // time for three
  CHECK(stage.launched() == Tasks{11, 12, 13});
}

TEST_CASE("every rival answers each task once, whatever happens to it") {
  for (const Rival& rival : rivals()) {
    INFO(std::string(rival.name));
    Stage stage(rival.name, {.tasks_max = 1, .queue_tasks_max = 3});
    stage.occupy();
    stage.submit(3ms, 1, {{}, at(3ms)});
    CHECK(stage.refused() == Refused{{1, ErrorCode::expired}});
    stage.submit(3ms, 2);
    stage.submit(3ms, 2);  // a duplicate
    CHECK(stage.policy->queued() == 1);
    stage.submit(3ms, 3);
    stage.submit(3ms, 4);
    stage.submit(3ms, 5);
    CHECK(stage.refused() == Refused{{5, ErrorCode::queue_full}});
    stage.tell(4ms, TaskCanceled{{1, 3}});
    CHECK(stage.refused() == Refused{{3, ErrorCode::canceled}});
    stage.tell(4ms, TaskRaised{{1, 4}, at(30ms)});
    stage.finish(4ms, 77);  // unknown
    CHECK(stage.actions.empty());
    CHECK(stage.policy->launched() == 1);

    // Lost with its worker, the first one goes again, until it has gone three times.
    std::size_t times = 0;
    while (stage.refused().empty() && times < 10) {
      stage.tell(5ms, WorkerLeft{WorkerId{0}});
      if (!stage.refused().empty()) break;
      ++times;
      stage.join(0);
      REQUIRE(stage.policy->launched() == 1);
    }
    CHECK(times > 0);
    REQUIRE(stage.refused().size() == 1);
    CHECK(stage.refused()[0].second == ErrorCode::unreachable);

    stage.pass(30ms);  // the one that was raised, if it waits still
    CHECK(stage.policy->queued() + stage.policy->launched() <= 2);
  }
}
