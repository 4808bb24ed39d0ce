// The dispatcher with the real scheduler on devices that the test drives: exactly one outcome for
// each task, whatever the device does and however it ends.
#include "actors/dispatcher.hpp"

#include <condition_variable>
#include <map>
#include <thread>

#include "scheduler/scheduler.hpp"
#include "tests/actors/devices.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::Dispatcher;
using tests::HeldDevice;
using tests::IdentityDevice;

namespace {

constexpr Duration limit = 20s;  // nothing here takes long; this only ends a broken test

// How long a device of these tests may take. Only its end is waited for, never its length.
constexpr scheduler::Patience soon{40ms, 0};

class Sink final : public actors::ReplySink {
 public:
  void deliver(std::vector<actors::Answer> answers) override {
    const std::lock_guard lock(mutex_);
    ++messages_;
    for (auto& answer : answers) outcomes_.push_back(std::move(answer.outcome));
    changed_.notify_all();
  }

  // What has come once there are that many.
  std::vector<TaskOutcome> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [&] { return outcomes_.size() >= count; });
    return outcomes_;
  }

  std::size_t messages() {
    const std::lock_guard lock(mutex_);
    return messages_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<TaskOutcome> outcomes_;
  std::size_t messages_ = 0;
};

struct Desk {  // a dispatcher and somebody who asks it
  explicit Desk(std::shared_ptr<kernels::Device> device, scheduler::SchedulerOptions options = {})
      : Desk(std::vector{std::move(device)}, {}, options) {}
  Desk(std::vector<std::shared_ptr<kernels::Device>> devices, scheduler::Patience patience,
       scheduler::SchedulerOptions options = {})
      : dispatcher({std::move(devices),
                    1,
                    {options.urgent_queue_tasks_max, options.ordinary_queue_tasks_max},
                    {},
                    patience},
                   std::make_unique<scheduler::Scheduler>(options), stats, explanations, log) {}

  Status submit(std::uint64_t id, std::optional<Lane> lane = {}, Instant deadline = never,
                TaskId known_as = {}) {
    actors::Submission task;
    task.record.id = {1, id};
    task.record.lane = lane;
    task.record.submitted = now();
    task.record.deadline = deadline;
    task.known_as = known_as.is_none() ? task.record.id : known_as;
    task.work = kernels::Tokens{{1, 2}, false};
    task.reply = {sink, 0};
    return dispatcher.submit(std::move(task));
  }

  actors::Stats stats;
  actors::Explanations explanations;
  NullLog log;
  std::shared_ptr<Sink> sink = std::make_shared<Sink>();
  Dispatcher dispatcher;
};

std::size_t place(const std::vector<TaskOutcome>& outcomes, std::uint64_t id) {
  const auto found = std::find_if(outcomes.begin(), outcomes.end(), [&](const auto& one) {
    return one.id == TaskId{1, id};
  });
  return static_cast<std::size_t>(found - outcomes.begin());
}

ErrorCode code_of(const TaskOutcome& outcome) {
  REQUIRE_FALSE(outcome.result);
  return outcome.result.error().code;
}

}  // namespace

TEST_CASE("the policy is told what each kind of work is guessed to take") {
  struct Guessing final : IdentityDevice {
    [[nodiscard]] kernels::Cost cost(ModelId model) const noexcept override {
      return {10us, Duration(model.value + 1)};
    }
    [[nodiscard]] kernels::Cost recall_cost() const noexcept override { return {20us, 7ns}; }
    [[nodiscard]] kernels::Cost act_cost(ModelId policy) const noexcept override {
      return {30us, Duration(policy.value + 1)};
    }
  };
  using Guess = std::pair<scheduler::Kind, std::pair<Duration, Duration>>;
  std::vector<Guess> told;
  actors::Stats stats;
  actors::Explanations explanations;
  NullLog log;
  actors::DispatcherOptions options;
  options.devices = {std::make_shared<Guessing>()};
  options.models = 2;
  options.policies = 2;
  options.observe = [&](Instant, const scheduler::Event* event, const scheduler::Actions&) {
    if (event == nullptr) return;
    if (const auto* guess = std::get_if<scheduler::CostGuessed>(event))
      told.push_back({guess->kind, {guess->fixed, guess->per_unit}});
  };
  {
    Dispatcher dispatcher(std::move(options),
                          std::make_unique<scheduler::Scheduler>(scheduler::SchedulerOptions{}),
                          stats, explanations, log);
  }
  using scheduler::Operation;
  CHECK(told == std::vector<Guess>{{{Operation::encode, ModelId{0}}, {10us, 1ns}},
                                   {{Operation::encode, ModelId{1}}, {10us, 2ns}},
                                   {{Operation::act, ModelId{0}}, {30us, 1ns}},
                                   {{Operation::act, ModelId{1}}, {30us, 2ns}},
                                   {{Operation::recall, ModelId{}}, {20us, 7ns}}});
}

TEST_CASE("tasks from many threads, in both lanes, with cancels, have one outcome each") {
  Desk desk(std::make_shared<IdentityDevice>());
  constexpr std::uint64_t each = 5000;
  std::vector<std::thread> threads;
  std::atomic<int> refused{0};
  for (std::uint64_t thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (std::uint64_t i = 0; i < each; ++i) {
        const std::uint64_t id = thread * each + i + 1;
        // The urgent lane may be full: then the submit says so, and no outcome follows.
        if (!desk.submit(id, i % 5 == 0 ? Lane::urgent : Lane::ordinary)) ++refused;
        if (i % 7 == 0) desk.dispatcher.cancel({1, id});
      }
    });
  for (auto& thread : threads) thread.join();
  const std::size_t expected = 4 * each - static_cast<std::size_t>(refused.load());
  CHECK(desk.sink->wait(expected).size() == expected);
  desk.dispatcher.stop();
  std::map<TaskId, int> seen;
  for (const auto& outcome : desk.sink->wait(expected)) ++seen[outcome.id];
  CHECK(seen.size() == expected);
  CHECK(desk.sink->wait(expected).size() == expected);
}

TEST_CASE("what one batch has for somebody goes out as one message") {
  const auto device = std::make_shared<HeldDevice>();
  Desk desk(device);
  REQUIRE(desk.submit(1, Lane::ordinary));
  device->wait_held(1);
  for (std::uint64_t id = 2; id <= 11; ++id) REQUIRE(desk.submit(id, Lane::ordinary));
  device->release();
  desk.sink->wait(11);
  CHECK(desk.sink->messages() < 6);
}

TEST_CASE("a device that refuses a batch costs its tasks, not the dispatcher") {
  const auto device = std::make_shared<HeldDevice>();
  device->refuse(true);
  Desk desk(device);
  REQUIRE(desk.submit(1));
  CHECK(code_of(desk.sink->wait(1).at(0)) == ErrorCode::queue_full);
  device->refuse(false);
  REQUIRE(desk.submit(2));
  device->wait_held(1);
  device->complete_one();
  CHECK(desk.sink->wait(2).at(1).result);
}

TEST_CASE("a batch that is reported twice, or without results, still answers each task once") {
  const auto device = std::make_shared<HeldDevice>();
  Desk desk(device);
  REQUIRE(desk.submit(1));
  device->wait_held(1);
  device->complete_one(HeldDevice::Manner::without_results);
  CHECK(code_of(desk.sink->wait(1).at(0)) == ErrorCode::internal);
  REQUIRE(desk.submit(2));
  device->wait_held(1);
  device->complete_one(HeldDevice::Manner::twice);
  REQUIRE(desk.submit(3));
  device->wait_held(1);
  device->complete_one();
  CHECK(desk.sink->wait(3).size() == 3);
}

TEST_CASE("a full lane refuses, the other does not, and an outcome makes room") {
  const auto device = std::make_shared<HeldDevice>();
  scheduler::SchedulerOptions options;
  options.ordinary_queue_tasks_max = 2;
  Desk desk(device, options);
  REQUIRE(desk.submit(1));
  REQUIRE(desk.submit(2));
  const auto third = desk.submit(3);
  REQUIRE_FALSE(third);
  CHECK(third.error().code == ErrorCode::queue_full);
  CHECK(desk.submit(4, Lane::urgent));
  device->release();
  desk.sink->wait(3);
  CHECK(desk.submit(5));
}

TEST_CASE("a lane's oldest task is one that waits, and what is left of time limits is counted") {
  const auto device = std::make_shared<HeldDevice>();
  Desk desk(device);
  const auto counts = [&] { return desk.stats.read().of(Lane::ordinary); };
  REQUIRE(desk.submit(1, Lane::ordinary));
  device->wait_held(1);
  const Instant before = now();
  REQUIRE(desk.submit(2, Lane::ordinary, later(before, 1h)));
  REQUIRE(desk.submit(3, Lane::ordinary));
  desk.dispatcher.cancel({1, 3});  // its outcome says that the counts are those of now
  REQUIRE(desk.sink->wait(1).size() == 1);
  CHECK(counts().queued == 1);
  CHECK(counts().oldest >= before);
  CHECK(counts().oldest <= now());
  device->complete_one();
  device->wait_held(1);
  device->complete_one();
  REQUIRE(desk.sink->wait(3).size() == 3);
  CHECK(counts().oldest == never);
  CHECK(counts().slack.count() == 1);
  CHECK(counts().slack.quantile(1) > 50min);
  CHECK(counts().late == 0);

  const Instant deadline = later(now(), 1s);
  REQUIRE(desk.submit(4, Lane::ordinary, deadline));
  device->wait_held(1);
  while (now() <= deadline) std::this_thread::yield();  // it runs, so it is not refused
  device->complete_one();
  REQUIRE(desk.sink->wait(4).at(3).result);
  CHECK(counts().late == 1);
  CHECK(counts().slack.count() == 1);
}

TEST_CASE("a canceled task is answered as canceled, whether it waits or runs") {
  const auto device = std::make_shared<HeldDevice>();
  Desk desk(device);
  REQUIRE(desk.submit(1, Lane::ordinary));
  device->wait_held(1);
  REQUIRE(desk.submit(2, Lane::ordinary));
  desk.dispatcher.cancel({1, 2});
  auto outcomes = desk.sink->wait(1);
  REQUIRE(outcomes.size() == 1);
  CHECK(outcomes[0].id == TaskId{1, 2});  // while the first still runs
  CHECK(code_of(outcomes[0]) == ErrorCode::canceled);
  desk.dispatcher.cancel({1, 1});
  // Once what came after it has been followed, so has that.
  REQUIRE(desk.submit(3, Lane::ordinary));
  desk.dispatcher.cancel({1, 3});
  REQUIRE(desk.sink->wait(2).size() == 2);
  device->complete_one();
  outcomes = desk.sink->wait(3);
  REQUIRE(outcomes.size() == 3);
  CHECK(outcomes[2].id == TaskId{1, 1});
  CHECK(code_of(outcomes[2]) == ErrorCode::canceled);
}

TEST_CASE("a raised task passes those that waited before it") {
  const auto device = std::make_shared<HeldDevice>();
  scheduler::SchedulerOptions options;
  options.batching = false;
  Desk desk(device, options);
  for (std::uint64_t id = 1; id <= 6; ++id) REQUIRE(desk.submit(id, Lane::ordinary));
  device->wait_held(1);
  desk.dispatcher.raise({1, 6}, never);
  device->release();
  desk.sink->wait(6);
  const auto outcomes = desk.sink->wait(6);
  CHECK(place(outcomes, 6) < place(outcomes, 3));
  CHECK(outcomes[place(outcomes, 6)].timing.lane == Lane::urgent);
  CHECK(desk.explanations.find({1, 6})->raised);
  CHECK_FALSE(desk.explanations.find({1, 5})->raised);
}

TEST_CASE("a deadline is answered in time while the device is busy, without any other event") {
  const auto device = std::make_shared<HeldDevice>();
  Desk desk(device);
  REQUIRE(desk.submit(1, Lane::ordinary));
  device->wait_held(1);
  const Instant begin = now();
  REQUIRE(desk.submit(2, Lane::ordinary, begin + 30ms));
  const auto outcomes = desk.sink->wait(1);
  REQUIRE(outcomes.size() == 1);
  const ErrorCode code = code_of(outcomes[0]);
  CHECK((code == ErrorCode::expired || code == ErrorCode::infeasible));
}

TEST_CASE("what a stuck device held is done by another one, and it may come back") {
  const auto stuck = std::make_shared<HeldDevice>();
  const auto well = std::make_shared<HeldDevice>();
  well->release();
  Desk desk({stuck, well}, soon);
  std::uint64_t id = 0;
  for (; id < 40; ++id) REQUIRE(desk.submit(id + 1, id % 4 == 0 ? Lane::urgent : Lane::ordinary));
  stuck->wait_held(1);
  auto outcomes = desk.sink->wait(id);
  REQUIRE(outcomes.size() == id);
  for (const auto& outcome : outcomes) CHECK(outcome.result);
  CHECK(desk.stats.read().workers.at(0).lost);

  stuck->release();  // reports all that was answered long ago
  REQUIRE(desk.submit(++id));
  outcomes = desk.sink->wait(id);
  REQUIRE(outcomes.size() == id);
  CHECK(outcomes.back().result);
  CHECK_FALSE(desk.stats.read().workers.at(0).lost);
  desk.dispatcher.stop();
  CHECK_FALSE(desk.dispatcher.is_stuck(WorkerId{0}));
  CHECK(desk.sink->wait(id).size() == id);
}

TEST_CASE("without another device everybody is told, until the stuck one is back") {
  const auto device = std::make_shared<HeldDevice>();
  Desk desk({device}, soon);
  for (std::uint64_t id = 1; id <= 5; ++id) REQUIRE(desk.submit(id));
  const auto outcomes = desk.sink->wait(5);
  REQUIRE(outcomes.size() == 5);
  for (const auto& outcome : outcomes) CHECK(code_of(outcome) == ErrorCode::unreachable);
  REQUIRE(desk.submit(6));
  CHECK(code_of(desk.sink->wait(6).at(5)) == ErrorCode::unreachable);
  device->release();
  REQUIRE(desk.submit(7));
  CHECK(desk.sink->wait(7).at(6).result);
}

TEST_CASE("a device that says that it is gone costs no task while another one works") {
  const auto gone = std::make_shared<HeldDevice>();
  const auto well = std::make_shared<HeldDevice>();
  well->release();
  SECTION("when it is given a batch") {
    gone->refuse(true, ErrorCode::unreachable);
  }
  SECTION("in a batch") {}
  Desk desk({gone, well}, {});
  for (std::uint64_t id = 1; id <= 10; ++id) REQUIRE(desk.submit(id, Lane::ordinary));
  // Where it refuses there is nothing to complete, and nothing to wait for.
  gone->refuse(true, ErrorCode::unreachable);
  while (gone->complete_one(HeldDevice::Manner::gone)) continue;
  const auto outcomes = desk.sink->wait(10);
  REQUIRE(outcomes.size() == 10);
  for (const auto& outcome : outcomes) CHECK(outcome.result);
  desk.dispatcher.stop();
  CHECK_FALSE(desk.dispatcher.is_stuck(WorkerId{0}));
}

TEST_CASE("a task that loses one device after the other is given up after its attempts") {
  std::vector<std::shared_ptr<kernels::Device>> devices;
  for (int i = 0; i < 5; ++i) devices.push_back(std::make_shared<HeldDevice>());
  scheduler::SchedulerOptions options;
  options.attempts_max = 2;
  Desk desk(devices, soon, options);
  REQUIRE(desk.submit(1, Lane::ordinary));
  CHECK(code_of(desk.sink->wait(1).at(0)) == ErrorCode::unreachable);
  std::size_t lost = 0;
  for (const auto& worker : desk.stats.read().workers) lost += worker.lost ? 1 : 0;
  CHECK(lost == 2);
}

TEST_CASE("a device may report to a dispatcher that has been destroyed") {
  const auto device = std::make_shared<HeldDevice>();
  {
    Desk desk({device}, soon);
    REQUIRE(desk.submit(1));
    CHECK(code_of(desk.sink->wait(1).at(0)) == ErrorCode::unreachable);
    desk.dispatcher.stop();
    CHECK(desk.dispatcher.is_stuck(WorkerId{0}));
  }
  CHECK(device->complete_one());
}

TEST_CASE("stop answers what waits and what runs, and refuses what comes") {
  const auto device = std::make_shared<HeldDevice>();
  Desk desk(device);
  for (std::uint64_t id = 1; id <= 20; ++id) REQUIRE(desk.submit(id));
  device->wait_held(1);
  desk.dispatcher.stop();
  const auto outcomes = desk.sink->wait(20);
  REQUIRE(outcomes.size() == 20);
  for (const auto& outcome : outcomes) CHECK(code_of(outcome) == ErrorCode::draining);
  const auto late = desk.submit(21);
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::draining);
  device->stop();  // reports to a dispatcher that has ended
  CHECK(desk.sink->wait(20).size() == 20);
}

TEST_CASE("a task is explained by the id that its asker knows, until 4096 others are") {
  Desk desk(std::make_shared<IdentityDevice>());
  REQUIRE(desk.submit(1, Lane::urgent, never, {9, 9}));
  const auto outcome = desk.sink->wait(1).at(0);
  const auto why = desk.explanations.find({9, 9});
  REQUIRE(why);
  CHECK(why->ok);
  CHECK(why->record.id == TaskId{1, 1});
  CHECK(why->timing == outcome.timing);
  CHECK(why->timing.reason != LaunchReason::none);
  CHECK(why->timing.batch_tasks == 1);
  CHECK(why->timing.predicted > 0ns);
  CHECK(desk.explanations.find({1, 1}));
  CHECK_FALSE(desk.explanations.find({9, 8}));
  for (std::uint64_t id = 2; id <= actors::Explanations::tasks_max; ++id) REQUIRE(desk.submit(id));
  desk.sink->wait(actors::Explanations::tasks_max);
  CHECK(desk.explanations.find({9, 9}));
  REQUIRE(desk.submit(actors::Explanations::tasks_max + 1));
  desk.sink->wait(actors::Explanations::tasks_max + 1);
  CHECK_FALSE(desk.explanations.find({9, 9}));
}
