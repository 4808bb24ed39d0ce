#include "actors/memory_keeper.hpp"

#include <filesystem>
#include <utility>

#include "actors/wakeup.hpp"
#include "base/clock.hpp"
#include "kernels/memory_file.hpp"

namespace troupe::actors {
namespace {

std::uint64_t size_of(const std::string& file) {
  std::error_code failed;
  const auto bytes = std::filesystem::file_size(file, failed);
  return failed ? 0 : bytes;
}

double ms_since(Instant begin) {
  return static_cast<double>((now() - begin).count()) / 1e6;
}

// Of a file that is not in the store as it should be: the first problem tells, the rest is counted.
Error incomplete(const std::string& file, const kernels::LoadedMemories& loaded) {
  Error error = loaded.problems.front();
  if (error.what.find(file) == std::string::npos) error.what = file + ": " + error.what;
  if (loaded.problems.size() > 1)
    error.what += " (and " + std::to_string(loaded.problems.size() - 1) + " more)";
  error.what += "; " + std::to_string(loaded.memories) + " memories with " +
                std::to_string(loaded.documents) + " documents are whole";
  error.next_step =
      error.code == ErrorCode::queue_full
          ? "raise bytes_max in [memory]"
          : "put a good copy in its place, or set salvage = true in [memory] to go on "
            "with what is whole";
  return error;
}

}  // namespace

Result<std::unique_ptr<MemoryKeeper>> MemoryKeeper::open(
    const MemoryKeeping& keeping, const std::string& node,
    std::shared_ptr<kernels::MemoryStore> store, Log& log) {
  std::error_code failed;
  std::filesystem::create_directories(keeping.folder, failed);
  if (failed)
    return Error{ErrorCode::io,
                 "cannot make the folder " + keeping.folder + ": " + failed.message(),
                 "name a folder that can be written in [memory] folder"};
  std::unique_ptr<MemoryKeeper> keeper(new MemoryKeeper(
      keeping.folder + "/" + node + ".memories", keeping.save_interval, std::move(store), log));
  if (auto loaded = keeper->load(keeping.salvage); !loaded) return loaded.error();
  keeper->start();
  return keeper;
}

MemoryKeeper::MemoryKeeper(std::string file, Duration interval,
                           std::shared_ptr<kernels::MemoryStore> store, Log& log)
    : file_(std::move(file)), interval_(interval), store_(std::move(store)), log_(log) {}

MemoryKeeper::~MemoryKeeper() {
  stop();
}

Status MemoryKeeper::load(bool salvage) {
  const Instant begin = now();
  const auto loaded = kernels::load_memories(*store_, file_);
  if (!loaded) {
    if (loaded.error().code == ErrorCode::not_found) return {};  // the first time
    return loaded.error();
  }
  saved_changes_ = store_->changes();
  log_.info("memories are loaded", {{"file", file_},
                                    {"memories", loaded->memories},
                                    {"documents", loaded->documents},
                                    {"took_ms", ms_since(begin)}});
  if (loaded->problems.empty()) return {};
  if (!salvage) return incomplete(file_, *loaded);
  log_.error("the memory file is not whole", incomplete(file_, *loaded));
  return keep_damaged();
}

// A second name for the damaged file first, then the whole part in its place: nothing is lost
// whenever this ends.
Status MemoryKeeper::keep_damaged() {
  std::error_code failed;
  std::string kept;
  for (int number = 1;; ++number) {
    kept = file_ + ".damaged-" + std::to_string(number);
    std::filesystem::create_hard_link(file_, kept, failed);
    if (failed != std::errc::file_exists) break;
  }
  if (failed)
    return Error{ErrorCode::io, "cannot keep " + file_ + " as " + kept + ": " + failed.message(),
                 "move the file away by hand"};
  log_.warn("the damaged memory file is kept", {{"file", kept}});
  return write();
}

void MemoryKeeper::start() {
  thread_ = std::thread([this] { run(); });
}

void MemoryKeeper::save(Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      waiting_.push_back(std::move(done));
      wake_.notify_one();
      return;
    }
  }
  done(Error{ErrorCode::draining, "the node is shutting down and saves by itself", ""});
}

void MemoryKeeper::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void MemoryKeeper::run() {
  name_thread("memories");
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait_for(lock, interval_, [this] { return stopping_ || !waiting_.empty(); });
    const bool last = stopping_;
    const auto waiting = std::exchange(waiting_, {});
    const bool changed = store_->changes() != saved_changes_;
    lock.unlock();
    if (changed || !waiting.empty()) {
      const auto written = write();
      for (const auto& done : waiting) done(written);
    }
    if (last) return;
    lock.lock();
  }
}

Status MemoryKeeper::write() {
  const Instant begin = now();
  const auto changes = store_->changes();  // before: what comes meanwhile may be left out
  auto written = kernels::save_memories(*store_, file_);
  if (written)
    log_.debug("memories are saved", {{"file", file_},
                                      {"documents", store_->documents()},
                                      {"bytes", size_of(file_)},
                                      {"took_ms", ms_since(begin)}});
  else
    log_.error("memories cannot be saved", written.error());
  const std::lock_guard lock(mutex_);
  if (written) {
    saved_changes_ = changes;
    saved_ = now();
    error_.reset();
  } else {
    error_ = written.error().what;
  }
  return written;
}

KeptMemories MemoryKeeper::facts() const {
  KeptMemories facts;
  facts.file = file_;
  facts.file_bytes = size_of(file_);
  const std::lock_guard lock(mutex_);
  if (saved_) facts.saved = now() - *saved_;
  facts.changed = store_->changes() != saved_changes_;
  facts.error = error_;
  return facts;
}

}  // namespace troupe::actors
