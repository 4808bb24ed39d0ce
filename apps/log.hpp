// The log of a process, written by spdlog: one line per event on stderr, coloured words on a
// terminal, else one JSON object a line, so that a collector needs no parser of ours:
//   {"ts":"2025-01-31T12:00:00.123456Z","level":"warn","node":"a","msg":"...","peer":"b"}
//
// Whatever texts and fields contain, an event is one line: control characters are escaped.
// Thread-safe; a line reaches the file before the call returns, so nothing is lost on a crash.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.hpp"

namespace troupe::apps {

enum class LogFormat { human, json };

// "auto" of [log]: human on a terminal. `format` is one of the config's values.
LogFormat log_format(const std::string& format, std::FILE* file);

// The text of a field for people: bare where that is clear, quoted where a space would run into the
// next field.
std::string human_text(std::string_view text);

// `level` is one of the config's values ("info"); `node` stands in every line, empty for programs
// that are no node. `file` outlives the log and is not closed by it.
std::unique_ptr<Log> make_log(const std::string& level, LogFormat format, std::string node,
                              std::FILE* file);

}  // namespace troupe::apps
