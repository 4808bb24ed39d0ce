// What the scenario, its librarians and its readers write to each other: topics, and bodies in
// JSON.
//
//   scenario -> librarian  "shelve"    Shelve      -> "shelved" Shelved
//   scenario -> reader     "read"      Read        -> "answered" Answered, once per question
//   scenario -> reader     "rest"      (empty)        ends what "read" began
//
// Every agent answers a body that it cannot read with an "error" message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"

namespace troupe::bench {

inline constexpr std::string_view librarian_type = "librarian";
inline constexpr std::string_view reader_type = "reader";

// Put this text on your shelf under this number.
struct Shelve {
  std::uint64_t document = 0;
  std::string model;
  std::string text;
};

// It is there; or it is not, and why.
struct Shelved {
  std::uint64_t document = 0;
  bool ok = false;
  std::string error;  // a code's name, when not ok
  std::string what;
  std::uint32_t tokens = 0;
  bool truncated = false;
  Duration took{};  // from the submission to the outcome
};

// Ask these questions, one every `period`, starting after `first`, beginning with the
// `offset`-th and going round until told to rest; or each once, when `rounds` is 1.
struct Read {
  std::string model;
  Duration period{};
  Duration first{};
  Duration time_limit{};  // for a whole answer
  std::uint32_t k = 10;
  std::uint64_t offset = 0;
  std::uint32_t rounds = 0;  // 0: until "rest"
  std::vector<std::string> questions;
};

// One question's end. Latency counts from the moment the question was due, not from when the reader
// got round to it.
struct Answered {
  std::uint64_t question = 0;  // index into Read::questions
  Duration latency{};
  bool ok = false;  // answered, by all nodes; whether in time, the latency tells
  std::string error;
  std::vector<Hit> hits;  // best first
};

std::string to_json(const Shelve& message);
std::string to_json(const Shelved& message);
std::string to_json(const Read& message);
std::string to_json(const Answered& message);

// Errors: malformed.
template <class Message>
Result<Message> from_json(std::string_view body);
template <>
Result<Shelve> from_json(std::string_view body);
template <>
Result<Shelved> from_json(std::string_view body);
template <>
Result<Read> from_json(std::string_view body);
template <>
Result<Answered> from_json(std::string_view body);

}  // namespace troupe::bench
