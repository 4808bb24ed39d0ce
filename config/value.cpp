#include "config/value.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <type_traits>
#include <utility>

#include "base/units.hpp"
#include "base/utf8.hpp"
#include "config/words.hpp"

namespace troupe::config {
namespace {

constexpr double thousandths = 1000;  // in which the range of a double is written

template <class... Ts>
struct Match : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Match(Ts...) -> Match<Ts...>;

// The shortest text that reads back as the same number; one as "1", which is a whole number in TOML
// and fine wherever one with a point is.
std::string decimal(double number) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.begin(), text.end(), number).ptr;
  return {text.begin(), end};
}

// The value as a message shows it: 8, "8 furlongs", a list.
std::string told(const TomlValue& value) {
  return std::visit(Match{[](bool flag) { return std::string(flag ? "true" : "false"); },
                          [](std::int64_t number) { return std::to_string(number); },
                          [](double number) { return decimal(number); },
                          [](const std::string& text) { return '"' + shown(text) + '"'; },
                          [](TomlDate) { return std::string("a date"); },
                          [](const TomlArray&) { return std::string("a list"); },
                          [](const TomlTable&) { return std::string("a table"); }},
                    value.value);
}

class Storing {
 public:
  Storing(const Key& key, const TomlValue& value, const Variables& variables)
      : key_(key), value_(value), variables_(variables) {}

  std::optional<Refusal> operator()(bool* slot) const {
    const auto* flag = std::get_if<bool>(&value_.value);
    if (flag == nullptr) return refuse("must be true or false");
    *slot = *flag;
    return std::nullopt;
  }

  template <class Number>
  requires std::is_same_v<Number, std::uint16_t> || std::is_same_v<Number, std::uint32_t>
      std::optional<Refusal>
  operator()(Number* slot) const {
    const auto* number = std::get_if<std::int64_t>(&value_.value);
    if (number == nullptr) return refuse("must be a whole number");
    return store_in_range(*number, slot, [](std::int64_t n) { return static_cast<Number>(n); });
  }

  std::optional<Refusal> operator()(std::uint64_t* slot) const {
    const auto* text = std::get_if<std::string>(&value_.value);
    const auto bytes = parse_bytes(text != nullptr ? *text : "");
    if (!bytes) return refuse(R"(must be a size with its unit, as in "64MiB")");
    return store_in_range(static_cast<std::int64_t>(*bytes), slot,
                          [](std::int64_t n) { return static_cast<std::uint64_t>(n); });
  }

  std::optional<Refusal> operator()(Duration* slot) const {
    const auto* text = std::get_if<std::string>(&value_.value);
    const auto duration = parse_duration(text != nullptr ? *text : "");
    if (!duration) return refuse(R"(must be a duration with its unit, as in "8ms")");
    return store_in_range(duration->count(), slot, [](std::int64_t n) { return Duration{n}; });
  }

  std::optional<Refusal> operator()(double* slot) const {
    double number = 0;
    if (const auto* whole = std::get_if<std::int64_t>(&value_.value))
      number = static_cast<double>(*whole);
    else if (const auto* broken = std::get_if<double>(&value_.value))
      number = *broken;
    else
      return refuse("must be a number");
    const bool in_range = number >= static_cast<double>(key_.min) / thousandths &&
                          number <= static_cast<double>(key_.max) / thousandths;
    if (!in_range)  // nor is what is no number at all
      return refuse("must be from " + format_limit(slot, key_.min) + " to " +
                    format_limit(slot, key_.max));
    *slot = number;
    return std::nullopt;
  }

  std::optional<Refusal> operator()(std::string* slot) const {
    const auto* text = std::get_if<std::string>(&value_.value);
    if (text == nullptr) return refuse("must be a text in quotes");
    if (auto refusal = check_text(value_)) return refusal;
    std::string expanded = *text;
    if (auto refusal = expand(expanded, value_)) return refusal;
    *slot = std::move(expanded);
    return std::nullopt;
  }

  std::optional<Refusal> operator()(std::vector<std::string>* slot) const {
    const auto* array = std::get_if<TomlArray>(&value_.value);
    if (array == nullptr) return refuse(R"(must be a list of texts, as in ["auto"])");
    const auto size = static_cast<std::int64_t>(array->size());
    if (size < key_.min || size > key_.max)
      return Refusal{about("must have " + std::to_string(key_.min) + " to " +
                           std::to_string(key_.max) + " entries, not " + std::to_string(size)),
                     value_.place};
    std::vector<std::string> texts;
    for (const auto& entry : *array) {
      if (!std::holds_alternative<std::string>(entry.value))
        return refuse("must be a list of texts", entry);
      if (auto refusal = check_text(entry)) return refusal;
      texts.push_back(std::get<std::string>(entry.value));
      if (auto refusal = expand(texts.back(), entry)) return refusal;
    }
    *slot = std::move(texts);
    return std::nullopt;
  }

 private:
  [[nodiscard]] std::string about(const std::string& complaint) const {
    return "'" + std::string(key_.name) + "': " + complaint;
  }

  [[nodiscard]] Refusal refuse(const std::string& must, const TomlValue& value) const {
    return {"'" + std::string(key_.name) + "' " + must + ", not " + told(value), value.place};
  }
  [[nodiscard]] Refusal refuse(const std::string& must) const { return refuse(must, value_); }

  [[nodiscard]] std::optional<Refusal> check_text(const TomlValue& value) const {
    const auto& text = std::get<std::string>(value.value);
    const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (std::any_of(text.begin(), text.end(), control))
      return refuse("must not contain control characters", value);
    if (!is_utf8(text)) return refuse("must be UTF-8", value);
    if (key_.complaint == nullptr) return std::nullopt;
    if (const auto must = key_.complaint(text)) return refuse(*must, value);
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Refusal> expand(std::string& text, const TomlValue& value) const {
    if (key_.expand == nullptr) return std::nullopt;
    auto expanded = key_.expand(text, variables_);
    if (!expanded) return Refusal{about(expanded.error().what), value.place};
    if (!is_utf8(*expanded)) return Refusal{about("the folder is not UTF-8"), value.place};
    text = *std::move(expanded);
    return std::nullopt;
  }

  template <class Member, class Convert>
  std::optional<Refusal> store_in_range(std::int64_t number, Member* slot, Convert convert) const {
    if (number < key_.min || number > key_.max)
      return refuse("must be from " + format_limit(slot, key_.min) + " to " +
                    format_limit(slot, key_.max));
    *slot = convert(number);
    return std::nullopt;
  }

  const Key& key_;
  const TomlValue& value_;
  const Variables& variables_;
};

}  // namespace

std::optional<Refusal> store(const Key& key, const TomlValue& value, const Slot& slot,
                             const Variables& variables) {
  return std::visit(Storing(key, value, variables), slot);
}

TomlValue override_value(const std::string& text, const Slot& slot) {
  const bool quoted = text.starts_with('"') || text.starts_with('\'');
  const bool takes_text = std::holds_alternative<std::string*>(slot);
  if (quoted || !takes_text)
    if (auto value = read_toml_value(text)) return *std::move(value);
  return {text, {}};
}

std::string format_slot(const Slot& slot) {
  return std::visit(
      Match{[](const bool* flag) { return std::string(*flag ? "true" : "false"); },
            [](const std::uint16_t* number) { return std::to_string(*number); },
            [](const std::uint32_t* number) { return std::to_string(*number); },
            [](const std::uint64_t* bytes) { return toml_quoted(format_bytes(*bytes)); },
            [](const Duration* duration) { return toml_quoted(format_duration(*duration)); },
            [](const double* number) { return decimal(*number); },
            [](const std::string* text) { return toml_quoted(*text); },
            [](const std::vector<std::string>* texts) {
              std::string list;
              for (const auto& text : *texts)
                list += (list.empty() ? "" : ", ") + toml_quoted(text);
              return '[' + list + ']';
            }},
      slot);
}

std::string format_limit(const Slot& slot, std::int64_t limit) {
  if (std::holds_alternative<Duration*>(slot)) return toml_quoted(format_duration(Duration{limit}));
  if (std::holds_alternative<std::uint64_t*>(slot))
    return toml_quoted(format_bytes(static_cast<std::uint64_t>(limit)));
  if (std::holds_alternative<double*>(slot))
    return decimal(static_cast<double>(limit) / thousandths);
  return std::to_string(limit);
}

}  // namespace troupe::config
