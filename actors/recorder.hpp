// Writes what the dispatcher told its scheduler into a file (scheduler/journal.hpp), for `troupe
// replay`. The dispatcher only appends to memory; a thread of the recorder's own writes. If the
// disk does not keep up, the recording ends there and says so in the log: it must not slow the
// node down, and a recording with a hole would be worth nothing. Some MiB of events wait at most.
//
// note() and finish() belong to the dispatcher's thread. The file is complete once it is destroyed.
#pragma once

#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/log.hpp"
#include "base/result.hpp"
#include "scheduler/journal.hpp"

namespace troupe::actors {

class Recorder {
 public:
  // Makes the folder and replaces FOLDER/NODE.journal. `log` outlives it. Errors: io.
  static Result<std::unique_ptr<Recorder>> open(const std::string& folder, const std::string& node,
                                                const scheduler::SchedulerOptions& options,
                                                Log& log);
  ~Recorder();

  void note(Instant at, const scheduler::Event* event, const scheduler::Actions& decided);
  void finish();  // nothing is noted after it

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  Recorder(std::unique_ptr<std::FILE, Close> file, std::string path,
           const scheduler::SchedulerOptions& options, Log& log);
  void run();
  void hand_over();

  std::unique_ptr<std::FILE, Close> file_;
  const std::string path_;
  Log& log_;
  scheduler::JournalWriter journal_;
  bool ended_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string waiting_;    // guarded by mutex_
  bool failed_ = false;    // the writer gave up; guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace troupe::actors
