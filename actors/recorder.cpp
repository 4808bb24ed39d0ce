#include "actors/recorder.hpp"

#include <filesystem>
#include <utility>

#include "actors/wakeup.hpp"

namespace troupe::actors {
namespace {

constexpr std::size_t chunk_bytes = std::size_t{64} << 10;
constexpr std::size_t waiting_bytes_max = std::size_t{16} << 20;

}  // namespace

Result<std::unique_ptr<Recorder>> Recorder::open(const std::string& folder, const std::string& node,
                                                 const scheduler::SchedulerOptions& options,
                                                 Log& log) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  const std::string path = folder + "/" + node + ".journal";
  std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "wb"));
  if (!file)
    return Error{ErrorCode::io, "cannot write the recording " + path,
                 "name a folder that can be written in [scheduling] record"};
  log.info("the scheduler is recorded", {{"file", path}});
  return std::unique_ptr<Recorder>(new Recorder(std::move(file), path, options, log));
}

Recorder::Recorder(std::unique_ptr<std::FILE, Close> file, std::string path,
                   const scheduler::SchedulerOptions& options, Log& log)
    : file_(std::move(file)), path_(std::move(path)), log_(log), journal_(options), thread_([this] {
        run();
      }) {}

Recorder::~Recorder() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Recorder::note(Instant at, const scheduler::Event* event, const scheduler::Actions& decided) {
  if (ended_) return;
  journal_.note(at, event, decided);
  if (journal_.bytes() >= chunk_bytes) hand_over();
}

void Recorder::finish() {
  if (std::exchange(ended_, true)) return;
  journal_.finish();
  hand_over();
}

void Recorder::hand_over() {
  {
    const std::lock_guard lock(mutex_);
    if (failed_ || waiting_.size() > waiting_bytes_max) {
      if (!failed_) log_.warn("the disk is too slow: the recording ends here", {{"file", path_}});
      failed_ = ended_ = true;
    } else {
      waiting_ += journal_.take();
    }
  }
  changed_.notify_one();
}

void Recorder::run() {
  name_thread("recorder");
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    const std::string bytes = std::exchange(waiting_, {});
    if (bytes.empty()) return;  // stopping, and all is written
    lock.unlock();
    const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) == bytes.size() &&
                         std::fflush(file_.get()) == 0;
    lock.lock();
    if (written) continue;
    if (!failed_) log_.warn("the recording cannot be written and ends here", {{"file", path_}});
    failed_ = true;
    waiting_.clear();
  }
}

}  // namespace troupe::actors
