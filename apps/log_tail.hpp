// Reads the kept log of one node (kept_log.hpp) line by line: what was kept before, then what is
// there, then what comes, also when the file begins anew meanwhile. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/log_line.hpp"

namespace troupe::apps {

class LogTail {
 public:
  // FILE.1 and FILE, each if it is there.
  LogTail(std::string node, std::string path);
  ~LogTail();
  LogTail(LogTail&& other) noexcept;
  LogTail(const LogTail&) = delete;
  LogTail& operator=(const LogTail&) = delete;
  LogTail& operator=(LogTail&&) = delete;

  // The next whole line; nothing until there is one. A line that does not say when it was written
  // has the time of the one before.
  const LogLine* peek();
  void pop() { next_.reset(); }

  [[nodiscard]] const std::string& node() const { return node_; }
  // Whether there is a file.
  [[nodiscard]] bool any() const { return file_ >= 0; }

 private:
  std::optional<std::string> next_text();
  bool refill();
  bool go_on();

  const std::string node_;
  const std::string path_;
  int file_ = -1;
  std::string bytes_;
  std::size_t from_ = 0;
  std::string last_at_;
  std::optional<LogLine> next_;
};

// All that is there, in order of time; of equal times the first tail's first.
template <class Take>
void merge(std::vector<LogTail>& tails, Take take) {
  while (true) {
    LogTail* first = nullptr;
    for (auto& tail : tails) {
      const LogLine* line = tail.peek();
      if (line != nullptr && (first == nullptr || line->at < first->peek()->at)) first = &tail;
    }
    if (first == nullptr) return;
    if (!take(first->node(), *first->peek())) return;
    first->pop();
  }
}

}  // namespace troupe::apps
