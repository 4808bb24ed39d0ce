#include "apps/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/words.hpp"

namespace troupe::apps {
namespace {

constexpr std::size_t human_text_bytes_max = 2000;

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::trace:
      return spdlog::level::trace;
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

Level level_named(const std::string& text) {
  for (const auto level : {Level::trace, Level::debug, Level::warn, Level::error})
    if (name(level) == text) return level;
  return Level::info;
}

// A JSON string. nlohmann escapes what JSON wants escaped and mends what is not UTF-8.
std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Numbers that are not finite become null, as JSON knows none.
std::string json_value(const Field::Value& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) return json_string(*text);
  return std::visit([](const auto& plain) { return nlohmann::json(plain).dump(); }, value);
}

std::string human_value(const Field::Value& value) {
  const auto* text = std::get_if<std::string_view>(&value);
  return text == nullptr ? json_value(value) : human_text(*text);
}

class SpdLog final : public Log {
 public:
  SpdLog(Level level, LogFormat format, std::string node, std::FILE* file)
      : least_(level), format_(format), node_(std::move(node)) {
    if (format == LogFormat::human)
      sink_ = std::make_shared<spdlog::sinks::ansicolor_sink<spdlog::details::console_mutex>>(
          file, spdlog::color_mode::automatic);
    else
      sink_ =
          std::make_shared<spdlog::sinks::stdout_sink_base<spdlog::details::console_mutex>>(file);
    // JSON lines are made whole below, so the pattern adds nothing to them but the time in UTC.
    sink_->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        format == LogFormat::human ? "%H:%M:%S.%e %^%-5l%$ %v"
                                   : "{\"ts\":\"%Y-%m-%dT%H:%M:%S.%fZ\",%v",
        format == LogFormat::human ? spdlog::pattern_time_type::local
                                   : spdlog::pattern_time_type::utc));
  }

  [[nodiscard]] bool enabled(Level level) const noexcept override { return level >= least_; }

  void write(Level level, std::string_view message,
             std::span<const Field> fields) noexcept override {
    if (!enabled(level)) return;
    try {
      const auto line = format_ == LogFormat::human ? human_line(message, fields)
                                                    : json_line(level, message, fields);
      sink_->log({"", spdlog_level(level), line});
      sink_->flush();
    } catch (const std::exception&) {
      // A log that cannot be written has nobody to tell.
    }
  }

 private:
  [[nodiscard]] std::string human_line(std::string_view message,
                                       std::span<const Field> fields) const {
    std::string line;
    if (!node_.empty()) line += "[" + node_ + "] ";
    line += config::shown(message, human_text_bytes_max);
    for (const auto& field : fields)
      line += ' ' + config::shown(field.key) + '=' + human_value(field.value);
    return line;
  }

  [[nodiscard]] std::string json_line(Level level, std::string_view message,
                                      std::span<const Field> fields) const {
    std::string line = "\"level\":" + json_string(name(level));
    if (!node_.empty()) line += ",\"node\":" + json_string(node_);
    line += ",\"msg\":" + json_string(message);
    for (const auto& field : fields)
      line += ',' + json_string(field.key) + ':' + json_value(field.value);
    return line + '}';
  }

  Level least_;
  LogFormat format_;
  std::string node_;
  spdlog::sink_ptr sink_;
};

}  // namespace

std::string human_text(std::string_view text) {
  const auto safe = config::shown(text, human_text_bytes_max);
  const bool clear = !safe.empty() && safe.find_first_of(" =\"") == std::string::npos;
  return clear ? safe : '"' + safe + '"';
}

LogFormat log_format(const std::string& format, std::FILE* file) {
  if (format == "json") return LogFormat::json;
  if (format == "human") return LogFormat::human;
  return ::isatty(::fileno(file)) == 1 ? LogFormat::human : LogFormat::json;
}

std::unique_ptr<Log> make_log(const std::string& level, LogFormat format, std::string node,
                              std::FILE* file) {
  return std::make_unique<SpdLog>(level_named(level), format, std::move(node), file);
}

}  // namespace troupe::apps
