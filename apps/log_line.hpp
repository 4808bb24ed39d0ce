// A line of a node's log (log.hpp) as it is read back: when, which node, and what for people. Lines
// that are no JSON are there too: what a library or a crash wrote.
//
// Pure functions. Whatever a line contains, what is shown is one line and steers no terminal.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::apps {

struct LogLine {
  std::string at;  // "2025-01-31T12:00:00.123456Z", which sorts by time; empty: it does not say
  std::optional<nlohmann::ordered_json> event;  // none: not JSON, only text
  std::string text;                             // as it was read
};

LogLine read_log_line(std::string text);

struct Shown {
  bool date = false;    // beside the time of day; both are local
  bool colour = false;  // for a terminal
};
// "12:00:00.123 INFO  [a] started port=7100", without a line break.
std::string for_people(const LogLine& line, std::string_view node, Shown how);

// {"ts", "level", "node", "msg", ...}; of a text {"node", "text"}.
nlohmann::json as_object(const LogLine& line, const std::string& node);

}  // namespace troupe::apps
