// The log of one node in a file, kept within a limit: when it is full it becomes FILE.1, in place
// of the one before, and a new one begins. A disk that is full, or a folder that is gone, costs
// lines and nothing else; whoever writes is told once, until it can be written again.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace troupe::apps {

class KeptLog {
 public:
  KeptLog(std::string path, std::uint64_t bytes_max)
      : path_(std::move(path)), bytes_max_(bytes_max) {}
  ~KeptLog();
  KeptLog(const KeptLog&) = delete;
  KeptLog& operator=(const KeptLog&) = delete;

  // A line without its line break. An error (io) for the first that is lost.
  std::optional<Error> write(std::string_view line);

 private:
  [[nodiscard]] bool try_to_write(std::string_view line);
  [[nodiscard]] bool open();
  [[nodiscard]] bool begin_anew();

  const std::string path_;
  const std::uint64_t bytes_max_;
  int file_ = -1;
  bool regular_ = false;
  std::uint64_t bytes_ = 0;
  bool torn_ = false;  // a line was written in part
  bool lost_ = false;  // and somebody knows
};

}  // namespace troupe::apps
