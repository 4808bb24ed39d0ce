#include "apps/log_keeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "apps/log_line.hpp"

namespace troupe::apps {
namespace {

Error no_pipe() {
  return {ErrorCode::io, std::string("no pipe can be made: ") + std::strerror(errno),
          "are too many files open? ulimit -n says how many may be"};
}

// Ours is read without waiting; a node waits while its pipe is full.
Result<std::array<int, 2>> new_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return no_pipe();
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return ends;
}

}  // namespace

Result<std::unique_ptr<LogKeeper>> LogKeeper::start(Options options, Log& log) {
  const auto wake = new_pipe();
  if (!wake) return wake.error();
  ::fcntl((*wake)[1], F_SETFL, O_NONBLOCK);
  return std::unique_ptr<LogKeeper>(new LogKeeper(std::move(options), log, (*wake)[0], (*wake)[1]));
}

LogKeeper::LogKeeper(Options options, Log& log, int wake_from, int wake_to)
    : options_(std::move(options)),
      log_(log),
      wake_from_(wake_from),
      wake_to_(wake_to),
      thread_([this] { run(); }) {}

LogKeeper::~LogKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
  take_in();
  for (auto& source : sources_) {
    if (!source.rest.empty()) take_line(source.node, std::move(source.rest));
    ::close(source.from);
  }
  ::close(wake_from_);
  ::close(wake_to_);
}

Result<int> LogKeeper::attach(const std::string& node) {
  const auto ends = new_pipe();
  if (!ends) return ends.error();
  {
    const std::lock_guard lock(mutex_);
    sources_.push_back({node, (*ends)[0], ""});
    auto& kept = kept_[node];
    if (!kept && !options_.folder.empty())
      kept = std::make_unique<KeptLog>(options_.folder + "/" + node + ".log", options_.bytes_max);
  }
  wake();
  return (*ends)[1];
}

void LogKeeper::wake() const {
  const char any = 0;
  (void)!::write(wake_to_, &any, 1);  // full: it is about to wake anyway
}

void LogKeeper::run() {
  ::pthread_setname_np(::pthread_self(), "logs");
  std::vector<pollfd> watched;
  while (true) {
    watched.assign(1, {wake_from_, POLLIN, 0});
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      for (const auto& source : sources_) watched.push_back({source.from, POLLIN, 0});
    }
    ::poll(watched.data(), watched.size(), -1);
    std::array<char, 64> woken{};
    while (::read(wake_from_, woken.data(), woken.size()) > 0) {
    }
    take_in();
  }
}

void LogKeeper::take_in() {
  const std::lock_guard lock(mutex_);
  std::erase_if(sources_, [this](Source& source) {
    if (read_from(source)) return false;
    if (!source.rest.empty()) take_line(source.node, std::move(source.rest));
    ::close(source.from);
    return true;
  });
  std::fflush(options_.out);
}

// No more at once than a pipe holds, so that no node keeps the others waiting.
bool LogKeeper::read_from(Source& source) {
  std::array<char, 65536> bytes;
  const auto count = ::read(source.from, bytes.data(), bytes.size());
  if (count == 0) return false;
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  source.rest.append(bytes.data(), static_cast<std::size_t>(count));
  std::size_t from = 0;
  while (true) {
    const auto end = source.rest.find('\n', from);
    const auto size = std::min(end, source.rest.size()) - from;
    if (size > options_.line_bytes_max) {
      take_line(source.node, source.rest.substr(from, options_.line_bytes_max));
      from += options_.line_bytes_max;
    } else if (end != std::string::npos) {
      take_line(source.node, source.rest.substr(from, size));
      from = end + 1;
    } else {
      break;
    }
  }
  source.rest.erase(0, from);
  return true;
}

void LogKeeper::take_line(const std::string& node, std::string line) {
  if (auto& kept = kept_[node])
    if (const auto failed = kept->write(line)) log_.error("a log is not kept", *failed);
  if (options_.shown == LogFormat::human)
    line = for_people(read_log_line(std::move(line)), node, {false, true});
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), options_.out);
}

}  // namespace troupe::apps
