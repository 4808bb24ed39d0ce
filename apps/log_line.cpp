#include "apps/log_line.hpp"

#include <array>
#include <cstdio>
#include <ctime>

#include "apps/log.hpp"
#include "config/words.hpp"

namespace troupe::apps {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t text_bytes_max = 2000;
constexpr int depth_max = 8;  // what is deeper in a line is left out

std::string text_at(const ordered_json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_string() ? found->get<std::string>() : "";
}

// A time as our logs write it, to the microsecond.
bool is_time(std::string_view at) {
  constexpr std::string_view shape = "dddd-dd-ddTdd:dd:dd.ddddddZ";
  if (at.size() != shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == 'd' ? at[i] < '0' || at[i] > '9' : at[i] != shape[i]) return false;
  return true;
}

// Of one that is_time().
std::string local_time(const std::string& at, bool date) {
  const auto number = [&](std::size_t from, std::size_t digits) {
    return std::stoi(at.substr(from, digits));
  };
  std::tm utc{};
  utc.tm_year = number(0, 4) - 1900;
  utc.tm_mon = number(5, 2) - 1;
  utc.tm_mday = number(8, 2);
  utc.tm_hour = number(11, 2);
  utc.tm_min = number(14, 2);
  utc.tm_sec = number(17, 2);
  const std::time_t seconds = ::timegm(&utc);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  std::array<char, 40> text{};
  const auto size = std::strftime(text.data(), text.size(), date ? "%Y-%m-%d %T" : "%T", &local);
  return std::string(text.data(), size) + at.substr(19, 4);
}

std::string coloured(const std::string& level, std::string text, bool colour) {
  const char* start = level == "error" ? "\033[31m" : level == "warn" ? "\033[33m" : "";
  return colour && *start != '\0' ? start + text + "\033[m" : text;
}

}  // namespace

LogLine read_log_line(std::string text) {
  LogLine line;
  const auto shallow = [](int depth, ordered_json::parse_event_t, ordered_json&) {
    return depth < depth_max;
  };
  auto event = ordered_json::parse(text, shallow, false);
  if (event.is_object()) {
    if (auto at = text_at(event, "ts"); is_time(at)) line.at = std::move(at);
    line.event = std::move(event);
  }
  line.text = std::move(text);
  return line;
}

std::string for_people(const LogLine& line, std::string_view node, Shown how) {
  const std::string who = "[" + std::string(node) + "] ";
  if (!line.event) return who + config::shown(line.text, text_bytes_max);
  const std::string level = text_at(*line.event, "level");
  std::array<char, 8> word{};
  std::snprintf(word.data(), word.size(), "%-5.5s", config::shown(level).c_str());
  std::string text = line.at.empty() ? "" : local_time(line.at, how.date) + " ";
  text += coloured(level, word.data(), how.colour) + " " + who +
          config::shown(text_at(*line.event, "msg"), text_bytes_max);
  for (const auto& [key, value] : line.event->items()) {
    if (key == "ts" || key == "level" || key == "node" || key == "msg") continue;
    text += ' ' + config::shown(key) + '=' +
            human_text(value.is_string()
                           ? value.get<std::string>()
                           : value.dump(-1, ' ', true, ordered_json::error_handler_t::replace));
  }
  return text;
}

nlohmann::json as_object(const LogLine& line, const std::string& node) {
  if (line.event) return nlohmann::json(*line.event);
  return {{"node", node}, {"text", line.text}};
}

}  // namespace troupe::apps
