#include "scheduler/journal.hpp"

#include "base/random.hpp"
#include "tests/catch.hpp"
#include "tests/scheduler/probe.hpp"

using namespace troupe;
using namespace troupe::scheduler;

namespace {

// Some life of a scheduler with everything in it.
std::string recording(std::uint64_t seed, std::uint64_t& hash, int calls = 3000) {
  Random random(seed);
  SchedulerOptions options;
  options.tasks_max = 8;
  JournalWriter journal(options);
  Scheduler scheduler(options);
  Actions decisions;
  std::vector<Launch> held;
  Instant now;
  const auto tell = [&](const Event* event) {
    decisions.clear();
    event != nullptr ? scheduler.handle(now, *event, decisions) : scheduler.advance(now, decisions);
    journal.note(now, event, decisions);
    for (const auto& action : decisions)
      if (const auto* launch = std::get_if<Launch>(&action)) held.push_back(*launch);
  };
  for (int call = 0; call < calls; ++call) {
    now += Duration{random.between(0, 300'000)};
    const auto worker = WorkerId{static_cast<std::uint32_t>(random.below(3))};
    Event event = TaskCanceled{{1, random.below(1000)}};
    const auto choice = random.below(21);
    if (choice < 12) {
      TaskRecord task;
      task.id = {1, static_cast<std::uint64_t>(call)};
      task.kind.operation = static_cast<Operation>(random.below(operations));
      task.kind.model = ModelId{static_cast<std::uint32_t>(random.below(2))};
      task.account = {TenantId{static_cast<std::uint32_t>(random.below(3))}, 1, random.next()};
      task.units = static_cast<std::uint32_t>(random.below(9));
      if (random.chance(0.1)) task.lane = Lane::urgent;
      if (random.chance(0.5)) task.deadline = now + Duration{random.between(-10, 9'000'000)};
      event = TaskSubmitted{task};
    } else if (choice < 16 && !held.empty()) {
      event = BatchFinished{held.back().worker, held.back().batch, held.back().predicted};
      held.pop_back();
    } else if (choice == 16) {
      event = WorkerJoined{worker,
                           2,
                           std::chrono::microseconds(200),
                           std::chrono::microseconds(20),
                           std::chrono::microseconds(20),
                           1};
    } else if (choice == 17 && random.chance(0.2)) {
      event = WorkerLeft{worker};
    } else if (choice == 18) {
      event = TaskRaised{{1, static_cast<std::uint64_t>(call) - 1}, now + Duration{1'000'000}};
    } else if (choice == 20 && random.chance(0.2)) {
      SchedulerOptions changed;
      changed.lanes = random.chance(0.8);
      changed.batching = random.chance(0.8);
      changed.tasks_max = static_cast<std::uint32_t>(1 + random.below(64));
      changed.units_max = static_cast<std::uint32_t>(1 + random.below(4096));
      changed.urgent_queue_tasks_max = static_cast<std::uint32_t>(1 + random.below(20));
      changed.ordinary_queue_tasks_max = static_cast<std::uint32_t>(1 + random.below(20));
      changed.attempts_max = static_cast<std::uint32_t>(1 + random.below(4));
      event = OptionsChanged{changed};
    } else if (choice == 19) {
      event = CostGuessed{worker, Kind{}, Duration{random.between(0, 1000)}, Duration{10}};
    }
    tell(random.chance(0.1) ? nullptr : &event);
  }
  journal.finish();
  hash = journal.hash();
  return journal.take();
}

}  // namespace

TEST_CASE("a recording replays to the same decisions") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    std::uint64_t hash = 0;
    const std::string bytes = recording(seed, hash);
    const auto replayed = replay(bytes);
    REQUIRE(replayed);
    CHECK(replayed->hash == hash);
    CHECK(replayed->complete);
    CHECK(replayed->calls == 3000);
    CHECK(replayed->checkpoints == 4);
    CHECK(replayed->decisions > 500);
    CHECK_FALSE(replayed->differs_after);
  }
}

TEST_CASE("a recording that was changed disagrees with its checkpoint") {
  std::uint64_t hash = 0;
  std::string bytes = recording(1, hash);
  bytes[bytes.size() - 1] = static_cast<char>(bytes[bytes.size() - 1] ^ 1);
  const auto replayed = replay(bytes);
  REQUIRE(replayed);
  CHECK(replayed->differs_after == 3000);
}

TEST_CASE("a recording may end anywhere") {
  std::uint64_t hash = 0;
  const std::string bytes = recording(2, hash, 300);
  for (std::size_t end = 40; end < bytes.size(); ++end) {
    const auto replayed = replay(std::string_view(bytes).substr(0, end));
    REQUIRE(replayed);
    CHECK_FALSE(replayed->complete);
  }
}

TEST_CASE("bytes that are no recording, and damaged ones, are refused or survived") {
  CHECK_FALSE(replay(""));
  CHECK_FALSE(replay("troupeJ"));
  CHECK_FALSE(replay("troupeJ2abcdef"));
  std::uint64_t hash = 0;
  const std::string good = recording(3, hash, 300);
  Random random(9);
  std::size_t refused = 0;
  for (int round = 0; round < 1000; ++round) {
    std::string bytes = good;
    for (int i = 0; i < 3; ++i)
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    const auto replayed = replay(bytes);
    if (!replayed) {
      CHECK(replayed.error().code == ErrorCode::malformed);
      ++refused;
    }
  }
  CHECK(refused > 0);
}
