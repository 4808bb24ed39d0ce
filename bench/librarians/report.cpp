#include "bench/librarians/report.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/units.hpp"

namespace troupe::bench {
namespace {

using nlohmann::json;

constexpr std::size_t hits_shown = 3;
constexpr std::size_t title_columns = 62;
constexpr std::size_t bar_columns = 40;

template <class... Values>
std::string format(const char* pattern, Values... values) {
  std::array<char, 256> text{};
  std::snprintf(text.data(), text.size(), pattern, values...);
  return text.data();
}

// "63440" -> "63,440"
std::string thousands(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string cut(const std::string& text, std::size_t columns) {
  if (text.size() <= columns) return text;
  std::size_t end = columns - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

double per_second(const LoadReport& load) {
  const double seconds = std::chrono::duration<double>(load.took).count();
  return seconds > 0 ? static_cast<double>(load.documents) / seconds : 0;
}

double mean_batch(const LoadReport& load) {
  std::uint64_t batches = 0;
  std::uint64_t tasks = 0;
  for (const auto& [size, count] : load.batch_tasks) {
    batches += count;
    tasks += size * count;
  }
  return batches == 0 ? 0 : static_cast<double>(tasks) / static_cast<double>(batches);
}

double missed_percent(const LoadReport& load) {
  return load.questions == 0
             ? 0
             : 100.0 * static_cast<double>(load.missed) / static_cast<double>(load.questions);
}

std::string answers_screen(const ScenarioReport& report, std::size_t shown) {
  std::string text;
  for (std::size_t i = 0; i < std::min(shown, report.answers.size()); ++i) {
    const auto& answer = report.answers[i];
    text += "\n  " + cut((*report.questions)[answer.question].text, 90) + "\n";
    if (answer.hits.empty()) text += "      no answer (" + answer.error + ")\n";
    for (std::size_t k = 0; k < std::min(hits_shown, answer.hits.size()); ++k) {
      const auto& document = report.library->documents[answer.hits[k].first];
      text += format("    %s %-22s %-64s %.2f\n", k == 0 ? "->" : "  ",
                     cut(document.name, 22).c_str(), cut(document.title, title_columns).c_str(),
                     static_cast<double>(answer.hits[k].second));
    }
  }
  const auto found = score(report);
  if (found.known != 0)
    text += format("\n  The right one is among the first %u for %zu of %zu questions.\n",
                   report.options->hits, found.found, found.known);
  return text;
}

// One row per measure, one column per load.
class Table {
 public:
  void row(const std::string& name, const std::vector<std::string>& cells) {
    text_ += format("  %-26s", name.c_str());
    for (const auto& cell : cells) text_ += format("%22s", cell.c_str());
    text_ += '\n';
  }
  template <class Cell>
  void row(const std::string& name, const std::vector<NamedLoad>& loads, Cell cell) {
    std::vector<std::string> cells;
    for (const auto& load : loads) cells.push_back(cell(load.load));
    row(name, cells);
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string loads_screen(const ScenarioReport& report) {
  Table table;
  std::vector<std::string> names;
  for (const auto& load : report.loads) names.push_back(load.name);
  table.row("", names);
  const auto time = [](const DurationHistogram& histogram, double q) {
    return histogram.count() == 0 ? std::string("-") : human_duration(histogram.quantile(q));
  };
  table.row("urgent    p50", report.loads, [&](const auto& l) { return time(l.urgent, 0.5); });
  table.row("          p99", report.loads, [&](const auto& l) { return time(l.urgent, 0.99); });
  const std::string missed = "          later than " + format_duration(report.options->time_limit);
  table.row(missed, report.loads, [](const auto& l) {
    return format("%s of %s (%.1f %%)", thousands(l.missed).c_str(), thousands(l.questions).c_str(),
                  missed_percent(l));
  });
  table.row("ordinary  p50", report.loads, [&](const auto& l) { return time(l.ordinary, 0.5); });
  table.row("          p99", report.loads, [&](const auto& l) { return time(l.ordinary, 0.99); });
  table.row("documents per second", report.loads,
            [](const auto& l) { return format("%.0f", per_second(l)); });
  table.row("tasks per batch, mean", report.loads,
            [](const auto& l) { return format("%.1f", mean_batch(l)); });
  table.row("times urgent work got in", report.loads,
            [](const auto& l) { return thousands(l.yields); });
  return table.text();
}

std::string histogram_screen(const LoadReport& load) {
  std::map<unsigned, std::uint64_t> octaves;  // 1, 2-3, 4-7, ...
  std::uint64_t most = 1;
  for (const auto& [size, count] : load.batch_tasks)
    most = std::max(most, octaves[static_cast<unsigned>(std::bit_width(size))] += count);
  std::string text;
  for (const auto& [octave, count] : octaves) {
    const unsigned low = 1U << (octave - 1);
    const unsigned high = std::min(2 * low - 1, load.batch_tasks.rbegin()->first);
    const std::string range =
        low == high ? std::to_string(low) : std::to_string(low) + "-" + std::to_string(high);
    const auto bar = static_cast<std::size_t>((count * bar_columns + most - 1) / most);
    text += format("  %8s tasks  %-40s %s\n", range.c_str(), std::string(bar, '#').c_str(),
                   thousands(count).c_str());
  }
  return text;
}

json histogram_json(const DurationHistogram& histogram) {
  const auto ms = [&](double q) {
    return static_cast<double>(histogram.quantile(q).count()) / 1e6;
  };
  return {{"count", histogram.count()},
          {"p50_ms", ms(0.5)},
          {"p90_ms", ms(0.9)},
          {"p99_ms", ms(0.99)},
          {"max_ms", ms(1.0)}};
}

json load_json(const NamedLoad& named) {
  const LoadReport& load = named.load;
  json sizes = json::object();
  for (const auto& [size, count] : load.batch_tasks) sizes[std::to_string(size)] = count;
  return {{"name", named.name},
          {"documents", load.documents},
          {"failed", load.failed},
          {"truncated", load.truncated},
          {"resent", load.resent},
          {"tokens", load.tokens},
          {"took_s", std::chrono::duration<double>(load.took).count()},
          {"documents_per_second", per_second(load)},
          {"ordinary", histogram_json(load.ordinary)},
          {"urgent", histogram_json(load.urgent)},
          {"questions", load.questions},
          {"missed", load.missed},
          {"batch_tasks", sizes},
          {"batch_tasks_mean", mean_batch(load)},
          {"yields", load.yields},
          {"errors", load.first_errors}};
}

}  // namespace

AnswerScore score(const ScenarioReport& report) {
  AnswerScore result;
  for (const auto& answer : report.answers) {
    if ((*report.questions)[answer.question].expected.empty()) continue;
    ++result.known;
    if (answer.rank != 0) ++result.found;
  }
  return result;
}

std::string to_screen(const ScenarioReport& report, std::size_t shown) {
  const auto& first = report.loads.front().load;
  std::string text = "\nThe librarians: " + thousands(report.library->documents.size()) + " of " +
                     thousands(report.library->available) + " texts (" + report.library->source +
                     "),\n" +
                     format("%u librarians, %u readers, %zu nodes.\n", report.options->librarians,
                            report.options->readers, report.options->nodes.size());
  text += answers_screen(report, shown);
  text += "\n" + loads_screen(report);
  text += "\n  Ordinary batches, " + report.loads.front().name + ":\n" + histogram_screen(first);
  if (first.truncated != 0)
    text += "\n  " + thousands(first.truncated) +
            " texts were longer than the model reads and were cut.\n";
  for (const auto& load : report.loads)
    for (const auto& [code, what] : load.load.first_errors)
      text += "\n  " + load.name + ": " + thousands(load.load.failed) +
              " texts failed, for example " + code + ": " + what + "\n";
  return text;
}

std::string to_json(const ScenarioReport& report) {
  json loads = json::array();
  for (const auto& load : report.loads) loads.push_back(load_json(load));
  json answers = json::array();
  for (const auto& answer : report.answers) {
    json hits = json::array();
    for (const auto& [document, similarity] : answer.hits)
      hits.push_back({{"name", report.library->documents[document].name},
                      {"title", report.library->documents[document].title},
                      {"score", similarity}});
    const auto& question = (*report.questions)[answer.question];
    answers.push_back({{"question", question.text},
                       {"expected", question.expected},
                       {"rank", answer.rank},
                       {"error", answer.error},
                       {"hits", hits}});
  }
  const auto found = score(report);
  const json body = {
      {"scenario", "librarians"},
      {"library",
       {{"source", report.library->source},
        {"documents", report.library->documents.size()},
        {"available", report.library->available},
        {"left_out", report.library->left_out}}},
      {"librarians", report.options->librarians},
      {"readers", report.options->readers},
      {"nodes", report.options->nodes},
      {"time_limit_ms", static_cast<double>(report.options->time_limit.count()) / 1e6},
      {"loads", loads},
      {"answers", answers},
      {"score", {{"known", found.known}, {"found", found.found}, {"first", report.options->hits}}}};
  return body.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace troupe::bench
