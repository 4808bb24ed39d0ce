// What a verb says: results for people or one JSON object on stdout, progress and errors on stderr,
// and the exit code that goes with them.
//
// Exactly one of text() and object() has an effect, by whether --json was given, so that a verb
// writes both without asking. Not thread-safe: the main thread owns it.
#pragma once

#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace troupe::apps {

// The same for every verb; programs may rely on them.
enum ExitCode : int {
  exit_ok = 0,
  exit_failed = 1,
  exit_usage = 2,        // the command line or the config is wrong
  exit_unreachable = 3,  // a node does not answer
  exit_slo_missed = 4,   // it worked, but not in time
  exit_restart = 5,      // of `troupe node` alone: it was asked to end so that it is started anew
};

int exit_code(ErrorCode code) noexcept;

struct OutputOptions {
  bool json = false;
  bool colour = false;            // stdout is a terminal and NO_COLOR is unset
  bool rewrite_progress = false;  // stderr is a terminal
};

// What this process's stdout, stderr and NO_COLOR call for.
OutputOptions terminal_options(bool json);

class Output {
 public:
  // The streams outlive the Output.
  Output(OutputOptions options, std::ostream& out, std::ostream& err);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  [[nodiscard]] bool json() const noexcept { return options_.json; }
  [[nodiscard]] bool colour() const noexcept { return options_.colour; }

  // One or more lines for people; a line break is added.
  void text(std::string_view lines);

  // The one object of --json, on one line. Text that is not UTF-8 is mended, never thrown on.
  void object(const nlohmann::json& object);

  // One line on stderr that tells how far the work is; on a terminal the next one replaces it.
  // Silent under --json.
  void progress(std::string_view line);

  // Whether lines of progress replace each other; where they do not, say less.
  [[nodiscard]] bool progress_is_live() const noexcept { return options_.rewrite_progress; }

  // "troupe: what" and "  next: next_step" on stderr, or {"error": {...}} on stdout. The mistakes
  // of a config stand as they are, one per line with their places, so that editors can jump to
  // them. Returns the exit code.
  int fail(const Error& error);

  // Titles, if colour is on.
  [[nodiscard]] std::string bold(std::string_view text) const;
  [[nodiscard]] std::string dim(std::string_view text) const;

  // What was said so far is on its way; false when it cannot get there. For verbs that go on.
  [[nodiscard]] bool flush();

  // Call last: `code`, or exit_failed when what was said did not reach stdout (a full disk).
  int finish(int code);

 private:
  void end_progress();

  OutputOptions options_;
  std::ostream& out_;
  std::ostream& err_;
  bool progress_shown_ = false;
};

}  // namespace troupe::apps
