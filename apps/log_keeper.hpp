// Takes in what the nodes that `troupe up` starts write to their standard output and error: shows
// it, and keeps each node's in a file of its own (kept_log.hpp) for `troupe logs`.
//
// One thread reads, whatever becomes of the files: a node never waits for a disk. Thread-safe.
#pragma once

#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "apps/kept_log.hpp"
#include "apps/log.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

namespace troupe::apps {

class LogKeeper {
 public:
  struct Options {
    std::string folder;  // NODE.log in it; empty: nothing is kept
    LogFormat shown = LogFormat::json;
    std::FILE* out = nullptr;                            // where; outlives the keeper
    std::uint64_t bytes_max = std::uint64_t{64} << 20;   // of each file, of which there are two
    std::size_t line_bytes_max = std::size_t{64} << 10;  // longer ones are cut into several
  };

  // `log` outlives it: hears of files that cannot be written. Errors: io.
  static Result<std::unique_ptr<LogKeeper>> start(Options options, Log& log);
  ~LogKeeper();  // takes in what has been written so far
  LogKeeper(const LogKeeper&) = delete;
  LogKeeper& operator=(const LogKeeper&) = delete;

  // A file descriptor for a node to write to. The caller closes it when the node has it. Errors:
  // io.
  Result<int> attach(const std::string& node);

  // All that has been written until now.
  void take_in();

 private:
  struct Source {
    std::string node;
    int from = -1;
    std::string rest;  // of a line that has not ended
  };

  LogKeeper(Options options, Log& log, int wake_from, int wake_to);
  void run();
  bool read_from(Source& source);  // false: it has ended
  void take_line(const std::string& node, std::string line);
  void wake() const;

  const Options options_;
  Log& log_;
  const int wake_from_;
  const int wake_to_;
  std::mutex mutex_;  // guards the rest
  std::vector<Source> sources_;
  std::map<std::string, std::unique_ptr<KeptLog>> kept_;  // by node
  bool stopping_ = false;
  std::thread thread_;  // last
};

}  // namespace troupe::apps
