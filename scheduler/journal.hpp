// Record and replay: everything that a scheduler was told, as bytes, and the hash of what it
// decided.
//
// The writer stands beside a live scheduler: note() takes each call and its decisions, take() gives
// the bytes since the last time, for whoever keeps them. replay() runs a recording through a fresh
// scheduler and compares the decisions' hash at every checkpoint, so that a bug seen in production
// can be run again, as often as it takes, on any machine.
//
// Format, little-endian: "troupeJ2", the options; then records, each a tag byte and its fields:
// times as nanoseconds since the record before (zigzag varints), numbers as varints. Checkpoints
// hold the hash so far. A recording may end anywhere: what is there up to the last whole record is
// replayed. Pure: files and threads are the caller's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "scheduler/event.hpp"
#include "scheduler/scheduler.hpp"

namespace troupe::scheduler {

// A number that differs, in all likelihood, when anything in the decisions differs (FNV-1a).
class DecisionHash {
 public:
  void add(Instant now, const Actions& decisions) noexcept;
  [[nodiscard]] std::uint64_t value() const noexcept { return hash_; }

 private:
  void word(std::uint64_t value) noexcept { hash_ = (hash_ ^ value) * 0x100000001b3ULL; }
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

// Not thread-safe; whoever calls the scheduler owns it.
class JournalWriter {
 public:
  explicit JournalWriter(const SchedulerOptions& options);

  // One call of the scheduler, `event` null for advance(), and what it appended.
  void note(Instant now, const Event* event, const Actions& decisions);
  // Ends the recording with a checkpoint.
  void finish();

  // The bytes since the last call; grows by some 30 bytes for each event until taken.
  [[nodiscard]] std::string take();
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_.size(); }
  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_.value(); }

 private:
  void checkpoint();

  std::string bytes_;
  Instant last_;
  std::uint64_t noted_ = 0;
  DecisionHash hash_;
};

struct Replay {
  std::uint64_t events = 0;     // calls with an event
  std::uint64_t calls = 0;      // all calls
  std::uint64_t decisions = 0;  // launches and refusals
  std::uint64_t hash = 0;
  std::uint64_t checkpoints = 0;
  std::optional<std::uint64_t> differs_after;  // calls, by the first checkpoint that disagrees
  bool complete = false;  // it ends with a checkpoint, not in the middle of something
};

// Errors: malformed (not a recording, or damaged at a byte that the message names).
Result<Replay> replay(std::string_view recording);

}  // namespace troupe::scheduler
