// Keeps what the agents of a node remember in a file (kernels/memory_file.hpp), so that they know
// after a crash what they knew at the last saving: loads it before the first agent, and saves it at
// intervals, when somebody asks, and when the node stops. Nothing is written where nothing changed.
//
// A thread of its own reads and writes; everything here may be called from any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "kernels/memory.hpp"

namespace troupe::actors {

struct MemoryKeeping {
  std::string folder;  // empty: nothing is kept
  Duration save_interval = std::chrono::minutes(1);
  // Go on with what is whole in a damaged file, and keep the file beside; otherwise damage is an
  // error.
  bool salvage = false;
};

struct KeptMemories {
  std::string file;
  std::uint64_t file_bytes = 0;      // 0: there is none yet
  std::optional<Duration> saved;     // how long ago, by this process
  bool changed = false;              // since the file was loaded or saved
  std::optional<std::string> error;  // why the last saving failed
};

class MemoryKeeper {
 public:
  // Makes the folder and loads FOLDER/NODE.memories, where it is there, into `store`; `log`
  // outlives the keeper. Errors: io, unsupported (a later version); malformed and queue_full, with
  // the file as it was, unless `salvage` is set.
  static Result<std::unique_ptr<MemoryKeeper>> open(const MemoryKeeping& keeping,
                                                    const std::string& node,
                                                    std::shared_ptr<kernels::MemoryStore> store,
                                                    Log& log);

  // Stops.
  ~MemoryKeeper();

  // Saves now, changed or not. `done` is called once, on the keeper's thread, or on the caller's
  // with `draining` after stop().
  using Done = std::function<void(const Status&)>;
  void save(Done done);

  // Saves what has changed and ends the thread. Idempotent.
  void stop();

  [[nodiscard]] KeptMemories facts() const;

 private:
  MemoryKeeper(std::string file, Duration interval, std::shared_ptr<kernels::MemoryStore> store,
               Log& log);
  Status load(bool salvage);
  Status keep_damaged();
  void start();
  void run();
  Status write();

  const std::string file_;
  const Duration interval_;
  const std::shared_ptr<kernels::MemoryStore> store_;
  Log& log_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Done> waiting_;        // guarded by mutex_, as the rest
  std::uint64_t saved_changes_ = 0;  // what the store's count was when the file was read or written
  std::optional<Instant> saved_;
  std::optional<std::string> error_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace troupe::actors
