// Runs something in a child process and returns what it printed before it aborted: the way to see
// that a broken invariant ends the process and says why. Empty when it did not abort.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

namespace troupe::tests {

template <class Action>
std::string words_of_abort(Action action) {
  std::array<int, 2> pipe_ends{};
  if (pipe(pipe_ends.data()) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    // The test framework must not take the signal for its own failure.
    std::signal(SIGABRT, SIG_DFL);
    dup2(pipe_ends[1], STDERR_FILENO);
    action();
    _exit(0);
  }
  close(pipe_ends[1]);
  std::string words;
  std::array<char, 512> chunk{};
  for (ssize_t got = 0; (got = read(pipe_ends[0], chunk.data(), chunk.size())) > 0;)
    words.append(chunk.data(), static_cast<std::size_t>(got));
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? words : std::string();
}

}  // namespace troupe::tests
