// What happened, told to whoever operates the node: a level, one sentence, and fields that machines
// can filter by.
//
// This is the interface only, so that actors and links can log without knowing the library that
// writes (apps/log.hpp does). A Log is handed in by whoever wires the program; nothing reaches for
// a global one. Decisions in scheduler/ do not log: they return what they decided.
//
//   log.warn("a peer went silent", {{"peer", name}, {"missed", 3}});
//
// Thread: every method may be called from any thread. Nothing here throws. The texts need to live
// only until the call returns.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/trace.hpp"

namespace troupe {

enum class Level : std::uint8_t { trace = 0, debug = 1, info = 2, warn = 3, error = 4 };

constexpr std::string_view name(Level level) noexcept {
  constexpr std::string_view names[] = {"trace", "debug", "info", "warn", "error"};
  return names[static_cast<std::size_t>(level)];
}

// One named value. A number with a unit carries it in its key: {"waited_ms", 12.5}.
struct Field {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  Field(std::string_view field, std::string_view text) : key(field), value(text) {}
  Field(std::string_view field, const std::string& text) : key(field), value(text) {}
  Field(std::string_view field, const char* text) : key(field), value(std::string_view(text)) {}
  Field(std::string_view field, bool flag) : key(field), value(flag) {}
  Field(std::string_view field, std::floating_point auto number)
      : key(field), value(static_cast<double>(number)) {}
  Field(std::string_view field, std::signed_integral auto number)
      : key(field), value(static_cast<std::int64_t>(number)) {}
  Field(std::string_view field, std::unsigned_integral auto number)
      : key(field), value(static_cast<std::uint64_t>(number)) {}

  std::string_view key;
  Value value;
};

class Log {
 public:
  using Fields = std::initializer_list<Field>;

  virtual ~Log() = default;

  // Whether write() would do anything: ask before building costly fields.
  [[nodiscard]] virtual bool enabled(Level level) const noexcept = 0;
  virtual void write(Level level, std::string_view message,
                     std::span<const Field> fields) noexcept = 0;

  void trace(std::string_view message, Fields fields = {}) { put(Level::trace, message, fields); }
  void debug(std::string_view message, Fields fields = {}) { put(Level::debug, message, fields); }
  void info(std::string_view message, Fields fields = {}) { put(Level::info, message, fields); }
  void warn(std::string_view message, Fields fields = {}) { put(Level::warn, message, fields); }
  void error(std::string_view message, Fields fields = {}) { put(Level::error, message, fields); }

  // The same with the trace for which it happened, where there is one, as the last field.
  void debug(std::string_view message, Fields fields, const Trace& of) {
    put(Level::debug, message, fields, of);
  }
  void warn(std::string_view message, Fields fields, const Trace& of) {
    put(Level::warn, message, fields, of);
  }
  void error(std::string_view message, Fields fields, const Trace& of) {
    put(Level::error, message, fields, of);
  }

  // The same with what went wrong as fields: code, what and, where there is one, next_step.
  void warn(std::string_view message, const Error& why) { put(Level::warn, message, why); }
  void error(std::string_view message, const Error& why) { put(Level::error, message, why); }

 private:
  void put(Level level, std::string_view message, Fields fields) {
    write(level, message, {fields.begin(), fields.size()});
  }
  void put(Level level, std::string_view message, Fields fields, const Trace& of) {
    if (of.is_none() || !enabled(level)) return put(level, message, fields);
    const std::string id = trace_id(of);
    std::vector<Field> all(fields);
    all.emplace_back("trace", id);
    write(level, message, all);
  }
  void put(Level level, std::string_view message, const Error& why) {
    const Field fields[] = {
        {"code", name(why.code)}, {"what", why.what}, {"next_step", why.next_step}};
    write(level, message, std::span(fields).first(why.next_step.empty() ? 2 : 3));
  }
};

// Says nothing: for tests, and for programs that only print a result.
class NullLog final : public Log {
 public:
  [[nodiscard]] bool enabled(Level) const noexcept override { return false; }
  void write(Level, std::string_view, std::span<const Field>) noexcept override {}
};

}  // namespace troupe
