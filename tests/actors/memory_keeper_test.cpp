// The keeper of memories: when it saves, and what becomes of what is in its way.
#include "actors/memory_keeper.hpp"

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "tests/actors/kept_folder.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using actors::MemoryKeeper;
using tests::Folder;

namespace {

namespace fs = std::filesystem;
constexpr Duration limit = 20s;
constexpr Duration seldom = 1h;

// Hears when memories are saved.
class SavingsLog final : public Log {
 public:
  [[nodiscard]] bool enabled(Level) const noexcept override { return true; }
  void write(Level, std::string_view message, std::span<const Field>) noexcept override {
    const std::lock_guard lock(mutex_);
    if (message == "memories are saved") ++savings_;
    if (message == "memories cannot be saved") ++failures_;
    heard_.notify_all();
  }
  bool wait_for_savings(int count) {
    std::unique_lock lock(mutex_);
    return heard_.wait_for(lock, limit, [&] { return savings_ >= count; });
  }
  int savings() {
    const std::lock_guard lock(mutex_);
    return savings_;
  }
  int failures() {
    const std::lock_guard lock(mutex_);
    return failures_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable heard_;
  int savings_ = 0;
  int failures_ = 0;
};

std::shared_ptr<kernels::MemoryStore> store_of(int documents) {
  auto store = std::make_shared<kernels::MemoryStore>(1 << 20);
  for (int i = 0; i < documents; ++i)
    REQUIRE(store->append({"keeper", std::to_string(i)}, 1, std::vector<float>{1, 2, 3}));
  return store;
}

std::unique_ptr<MemoryKeeper> open(const Folder& folder,
                                   std::shared_ptr<kernels::MemoryStore> store, Log& log,
                                   Duration interval = seldom) {
  auto keeper = MemoryKeeper::open({folder.path(), interval}, "a", std::move(store), log);
  REQUIRE(keeper);
  return std::move(*keeper);
}

}  // namespace

TEST_CASE("memories that do not fit into the node's bound keep it from starting") {
  const Folder folder;
  NullLog log;
  open(folder, store_of(50), log)->stop();
  const auto small = std::make_shared<kernels::MemoryStore>(4096);
  const auto keeper = MemoryKeeper::open({folder.path(), seldom}, "a", small, log);
  REQUIRE_FALSE(keeper);
  CHECK(keeper.error().code == ErrorCode::queue_full);
  CHECK(keeper.error().next_step.find("bytes_max") != std::string::npos);
}

TEST_CASE("a folder that cannot be made is an error that names it") {
  const Folder folder;
  std::ofstream(folder.path()) << "no folder";
  NullLog log;
  const auto keeper = MemoryKeeper::open({folder.path(), seldom}, "a", store_of(0), log);
  REQUIRE_FALSE(keeper);
  CHECK(keeper.error().code == ErrorCode::io);
  CHECK(keeper.error().what.find(folder.path()) != std::string::npos);
}

TEST_CASE("memories are saved at intervals where something changed, and at the end") {
  const Folder folder;
  SavingsLog log;
  const auto store = store_of(0);
  auto keeper = open(folder, store, log, 1ms);
  for (int round = 1; round <= 3; ++round) {
    REQUIRE(store->append({"keeper", "x"}, static_cast<std::uint64_t>(round),
                          std::vector<float>{1, 2, 3}));
    REQUIRE(log.wait_for_savings(round));
  }
  keeper->stop();
  const int savings = log.savings();
  keeper->stop();
  CHECK(log.savings() == savings);
  // Nothing changed: nothing is written.
  open(folder, store_of(0), log)->stop();
  CHECK(log.savings() == savings);
  // The last change is saved at the end.
  const auto known = store_of(0);
  keeper = open(folder, known, log);
  CHECK(known->documents() == 3);
  known->forget({"keeper", "x"});
  keeper->stop();
  const auto empty = store_of(0);
  open(folder, empty, log)->stop();
  CHECK(empty->documents() == 0);
}

TEST_CASE("a saving that fails is told, and the next one may succeed") {
  const Folder folder;
  SavingsLog log;
  const auto store = store_of(2);
  auto keeper = open(folder, store, log);
  // In the way of the file that is written first.
  fs::create_directory(folder.file() + ".partial");
  const auto save = [&] {
    Status answer;
    std::mutex mutex;
    std::condition_variable answered;
    bool done = false;
    keeper->save([&](const Status& saved) {
      const std::lock_guard lock(mutex);
      answer = saved;
      done = true;
      answered.notify_one();
    });
    std::unique_lock lock(mutex);
    REQUIRE(answered.wait_for(lock, limit, [&] { return done; }));
    return answer;
  };
  const auto failed = save();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == ErrorCode::io);
  CHECK(keeper->facts().error == failed.error().what);
  CHECK(keeper->facts().changed);
  fs::remove(folder.file() + ".partial");
  CHECK(save());
  CHECK_FALSE(keeper->facts().error);
  CHECK_FALSE(keeper->facts().changed);
  keeper->stop();
  CHECK(log.failures() == 1);
  const auto late = save();
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::draining);
}
