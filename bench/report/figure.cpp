#include "bench/report/figure.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "bench/report/number.hpp"
#include "models/json.hpp"

namespace troupe::bench::report {
namespace {

using nlohmann::json;

constexpr std::size_t json_bytes_max = std::size_t{16} * 1024 * 1024;

bool meets(const Figure& figure, double value) noexcept {
  return figure.comparison == Comparison::at_most ? value <= figure.target : value >= figure.target;
}

// Whether `id` reads back as the same text when it has been a number.
bool is_number(const std::string& id) noexcept {
  return !id.empty() && id.size() <= 9 && (id == "0" || id[0] != '0') &&
         std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
}

json number_json(double value) {
  return std::isfinite(value) ? json(value) : json(nullptr);
}

json figure_json(const Figure& figure) {
  json rivals = json::object();
  for (const auto& rival : figure.rivals) rivals[rival.policy] = number_json(rival.value);
  json body = {{"id", is_number(figure.id) ? json(std::stoi(figure.id)) : json(figure.id)},
               {"what", figure.what},
               {"value", number_json(figure.value)},
               {"unit", figure.unit},
               {"target", number_json(figure.target)},
               {"comparison", sign(figure.comparison)},
               {"ok", figure.ok()}};
  if (!figure.detail.empty()) body["detail"] = figure.detail;
  if (!rivals.empty()) body["rivals"] = std::move(rivals);
  return body;
}

// Reads one object key by key and keeps the first thing that is wrong.
class Reader {
 public:
  Reader(const json& object, std::string where) : object_(object), where_(std::move(where)) {}

  std::string text(const char* key, bool required) {
    const auto at = object_.find(key);
    if (at == object_.end()) return absent(key, required), "";
    if (!at->is_string()) return wrong(key, "must be text"), "";
    return at->get<std::string>();
  }

  double number(const char* key) {
    const auto at = object_.find(key);
    if (at == object_.end()) return absent(key, true), 0;
    return number(key, *at);
  }

  double number(const std::string& key, const json& value) {
    if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (!value.is_number()) return wrong(key, "must be a number or null"), 0;
    return value.get<double>();
  }

  void wrong(const std::string& key, const std::string& why) {
    if (!error_)
      error_ = Error{ErrorCode::malformed, where_ + ": '" + key + "' " + why,
                     "write the file anew with --json"};
  }

  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

 private:
  void absent(const std::string& key, bool required) {
    if (required) wrong(key, "is missing");
  }

  const json& object_;
  std::string where_;
  std::optional<Error> error_;
};

Result<Figure> read_figure(const json& body, std::size_t index) {
  const std::string where = "figure " + std::to_string(index + 1);
  if (!body.is_object())
    return Error{ErrorCode::malformed, where + " is not an object", "write the file anew"};
  Reader reader(body, where);
  Figure figure;
  const auto id = body.find("id");
  if (id != body.end() && id->is_number_unsigned())
    figure.id = std::to_string(id->get<std::uint64_t>());
  else
    figure.id = reader.text("id", true);
  figure.what = reader.text("what", false);
  figure.value = reader.number("value");
  figure.unit = reader.text("unit", false);
  figure.target = reader.number("target");
  const std::string comparison = reader.text("comparison", true);
  if (comparison != "<=" && comparison != ">=") reader.wrong("comparison", "must be <= or >=");
  figure.comparison = comparison == "<=" ? Comparison::at_most : Comparison::at_least;
  figure.detail = reader.text("detail", false);
  if (const auto rivals = body.find("rivals"); rivals != body.end()) {
    if (!rivals->is_object()) reader.wrong("rivals", "must be an object");
    if (rivals->is_object())
      for (const auto& [policy, value] : rivals->items())
        figure.rivals.push_back({policy, reader.number(policy, value)});
  }
  if (reader.error()) return *reader.error();
  return figure;
}

// How many columns a terminal gives to `text`: one for each character, wide ones aside.
std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::string padded(const std::string& text, std::size_t columns, bool right = false) {
  const std::size_t width = columns_of(text);
  const std::string gap(columns > width ? columns - width : 0, ' ');
  return right ? gap + text : text + gap;
}

std::string cut(const std::string& text, std::size_t columns) {
  if (columns_of(text) <= columns) return text;
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end)
    if ((static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80U && ++seen > columns - 3) break;
  return text.substr(0, end) + "...";
}

struct Row {
  std::string id, what, value, target, mark, rival;
};

std::string with_unit(double value, const std::string& unit) {
  return number_text(value) + (unit.empty() ? "" : " " + unit);
}

Row row_of(const Figure& figure) {
  const RivalValue* rival = best_rival(figure);
  return {figure.id,
          figure.what,
          with_unit(figure.value, figure.unit),
          target_text(figure),
          figure.ok() ? "ok" : "MISSED",
          rival == nullptr ? "" : rival->policy + " " + number_text(rival->value)};
}

}  // namespace

std::string_view sign(Comparison comparison) noexcept {
  return comparison == Comparison::at_most ? "<=" : ">=";
}

bool Figure::ok() const noexcept {
  return meets(*this, value);  // false for NaN
}

Figure figure(std::string id, std::string what, Comparison comparison, double target,
              std::string unit) {
  Figure made;
  made.id = std::move(id);
  made.what = std::move(what);
  made.comparison = comparison;
  made.target = target;
  made.unit = std::move(unit);
  return made;
}

Figure unmeasured(Figure figure, std::string why) {
  figure.value = std::numeric_limits<double>::quiet_NaN();
  figure.detail = std::move(why);
  return figure;
}

std::string target_text(const Figure& figure) {
  std::string number = number_text(figure.target);
  if (number.find('.') != std::string::npos && number.find('e') == std::string::npos) {
    number.erase(number.find_last_not_of('0') + 1);
    if (number.back() == '.') number.pop_back();
  }
  return std::string(sign(figure.comparison)) + " " + number;
}

const RivalValue* best_rival(const Figure& figure) noexcept {
  const RivalValue* best = nullptr;
  for (const auto& rival : figure.rivals) {
    if (std::isnan(rival.value)) continue;
    const bool better =
        best == nullptr || (figure.comparison == Comparison::at_most ? rival.value < best->value
                                                                     : rival.value > best->value);
    if (better) best = &rival;
  }
  return best;
}

std::size_t FigureSet::missed() const noexcept {
  return static_cast<std::size_t>(std::count_if(figures.begin(), figures.end(),
                                                [](const Figure& figure) { return !figure.ok(); }));
}

json to_json(const FigureSet& set) {
  json figures = json::array();
  for (const auto& figure : set.figures) figures.push_back(figure_json(figure));
  json body = {{"figures", std::move(figures)}, {"machine", set.machine}, {"command", set.command}};
  if (set.date) body["date"] = *set.date;
  return body;
}

Result<FigureSet> read_figures(std::string_view text) {
  if (text.size() > json_bytes_max)
    return Error{ErrorCode::too_large, "more than 16 MiB of figures", "pass one run's figures"};
  const auto parsed = models::parse_json(text, "the figures");
  if (!parsed)
    return Error{ErrorCode::malformed, parsed.error().what, "write the file anew with --json"};
  const json& body = *parsed;
  if (!body.is_object() || !body.contains("figures") || !body["figures"].is_array())
    return Error{ErrorCode::malformed, "not a JSON object with an array of figures",
                 "write the file with troupe bench sim --json"};
  FigureSet set;
  for (std::size_t i = 0; i < body["figures"].size(); ++i) {
    auto figure = read_figure(body["figures"][i], i);
    if (!figure) return figure.error();
    set.figures.push_back(std::move(*figure));
  }
  Reader reader(body, "the run");
  set.machine = reader.text("machine", false);
  set.command = reader.text("command", false);
  if (body.contains("date")) set.date = reader.text("date", true);
  if (reader.error()) return *reader.error();
  return set;
}

std::string to_screen(const FigureSet& set, std::size_t columns) {
  if (set.figures.empty()) return "no figures";
  std::vector<Row> rows = {{"#", "figure", "measured", "target", "", "best rival"}};
  for (const auto& figure : set.figures) rows.push_back(row_of(figure));
  const auto widest = [&](std::string Row::*cell) {
    std::size_t width = 0;
    for (const auto& row : rows) width = std::max(width, columns_of(row.*cell));
    return width;
  };
  const std::size_t numbers = widest(&Row::id) + widest(&Row::value) + widest(&Row::target) +
                              widest(&Row::mark) + widest(&Row::rival) + 12;
  constexpr std::size_t what_columns_min = 24;
  const std::size_t room = columns > numbers ? columns - numbers : 0;
  const std::size_t what = std::min(widest(&Row::what), std::max(what_columns_min, room));
  std::string screen;
  for (const auto& row : rows) {
    std::string line = "  " + padded(row.id, widest(&Row::id), true) + "  " +
                       padded(cut(row.what, what), what) + "  " +
                       padded(row.value, widest(&Row::value), true) + "  " +
                       padded(row.target, widest(&Row::target)) + "  " +
                       padded(row.mark, widest(&Row::mark)) + "  " + row.rival;
    line.erase(line.find_last_not_of(' ') + 1);
    screen += line + "\n";
  }
  for (const auto& figure : set.figures)
    if (std::isnan(figure.value) && !figure.detail.empty())
      screen += "\n  not measured: " + figure.what + ": " + figure.detail + "\n";
  const std::size_t missed = set.missed();
  screen += "\n  " + std::to_string(set.figures.size() - missed) + " of " +
            std::to_string(set.figures.size()) + " figures reached" +
            (missed == 0 ? "" : ", " + std::to_string(missed) + " MISSED");
  return screen;
}

}  // namespace troupe::bench::report
