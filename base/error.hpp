// Errors are values. An Error says what happened (`what`), with a code that programs may rely on,
// and what the reader can do about it (`next_step`).
//
// The numeric codes travel on the wire and in logs: never renumber one, only append.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe {

enum class ErrorCode : std::uint16_t {
  invalid_argument = 1,  // the caller asked for something that makes no sense
  malformed = 2,         // bytes that do not follow their format
  too_large = 3,         // over a stated limit
  not_found = 4,         // no such file, agent, task or node
  model_missing = 5,     // no such model here
  model_damaged = 6,     // a checkpoint that cannot be trusted
  queue_full = 7,        // a bounded queue is full: retry after the time given
  expired = 8,           // the deadline passed before the work was done
  canceled = 9,          // withdrawn by whoever asked
  draining = 10,         // the node is going away and takes no new work
  unreachable = 11,      // a peer or process does not answer
  unauthorized = 12,     // the peer's key is not on the allow-list
  handler_failed = 13,   // an agent's handler threw
  unsupported = 14,      // valid, but not something this build or device does
  io = 15,               // the operating system refused
  config = 16,           // a cluster file or an override is wrong
  internal = 17,         // a bug here: please report it
  infeasible = 18,       // the deadline is too near for what is ahead: the answer says what is not
};

// The code's stable name, as it stands in JSON and logs ("queue_full").
std::string_view name(ErrorCode code) noexcept;

// Whether a number read from outside is one of the codes above.
bool is_error_code(std::uint16_t raw) noexcept;

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string what;       // a sentence without a full stop: "port 5555 is in use"
  std::string next_step;  // an instruction, or empty: "choose another port in [node.a]"

  // "queue_full: 4096 tasks wait already (retry in 12ms)"
  [[nodiscard]] std::string to_string() const;
};

}  // namespace troupe
