// Ctrl-C and SIGTERM as something to ask for, instead of a handler that may do next to nothing.
//
// SIGHUP, for a process that wants it, means "read your file again", as to other daemons; unless it
// says that the terminal has gone, which ends the process as Ctrl-C does.
//
// Make one first thing in a verb, before any thread starts: it blocks both signals for this thread
// and all that it starts (children started by apps/processes.cpp unblock them).
#pragma once

#include <signal.h>

#include <atomic>
#include <thread>
#include <utility>

#include "base/time.hpp"

namespace troupe::apps {

// From now on, in this process and in those that it starts, a write that cannot be (nobody reads
// any more, a limit on files) fails, and does not end the process. First thing, too.
void let_writes_fail();

class Interrupts {
 public:
  enum class Hangups { end_the_process, are_told };
  explicit Interrupts(Hangups hangups = Hangups::end_the_process);
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // True once a signal has come; waits for one at most so long, or until a SIGHUP.
  bool wait(Duration limit);

  // Whether a SIGHUP came since it was last asked. On the thread that waits.
  bool take_hangup() { return std::exchange(hung_up_, false); }

  // For work that only looks now and then: starts a thread that waits, and sets the flag.
  const std::atomic<bool>& watch();

 private:
  sigset_t signals_{};
  const bool had_terminal_;
  bool hung_up_ = false;
  std::atomic<bool> interrupted_{false};
  std::atomic<bool> stop_watching_{false};
  std::thread watcher_;
};

}  // namespace troupe::apps
