#include "bench/harness/runner.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace troupe::bench::harness {
namespace {

template <class Known, class NameOf>
std::string names_of(const Known& known, NameOf name_of) {
  std::string names;
  for (const auto& one : known) names += (names.empty() ? "" : ", ") + std::string(name_of(one));
  return names;
}

// From a command line, into a message: nothing in it may move the reader's cursor.
std::string shown(std::string_view word) {
  std::string safe;
  for (const char c : word.substr(0, 60)) safe += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return safe;
}

Error unknown(const char* what, std::string_view word, const std::string& known) {
  return {ErrorCode::invalid_argument,
          std::string("there is no ") + what + " '" + shown(word) + "'",
          known.empty() ? "this build has none" : "use one of: " + known};
}

// Figures with numbers come first, by number.
unsigned long rank(const report::Figure& figure) noexcept {
  constexpr auto last = std::numeric_limits<unsigned long>::max();
  unsigned long number = 0;
  for (const char c : figure.id) {
    if (c < '0' || c > '9' || number > 1'000'000) return last;
    number = number * 10 + static_cast<unsigned long>(c - '0');
  }
  return figure.id.empty() ? last : number;
}

}  // namespace

Result<std::vector<Scenario>> choose_scenarios(std::span<const Scenario> known,
                                               const std::vector<std::string>& names) {
  if (names.empty()) return std::vector<Scenario>(known.begin(), known.end());
  std::vector<Scenario> chosen;
  for (const auto& name : names) {
    const auto is_it = [&](const Scenario& one) { return one.name == name; };
    const auto found = std::find_if(known.begin(), known.end(), is_it);
    if (found == known.end())
      return unknown("scenario", name, names_of(known, [](const Scenario& s) { return s.name; }));
    if (std::none_of(chosen.begin(), chosen.end(), is_it)) chosen.push_back(*found);
  }
  return chosen;
}

Result<std::vector<std::string>> choose_policies(std::span<const std::string_view> known,
                                                 const std::vector<std::string>& names) {
  for (const auto& name : names)
    if (std::find(known.begin(), known.end(), name) == known.end())
      return unknown("policy", name,
                     names_of(known, [](std::string_view policy) { return policy; }));
  // In the order of `known`, so that a policy looks the same whatever was asked for first.
  std::vector<std::string> chosen;
  for (const auto policy : known)
    if (names.empty() || chosen.empty() ||
        std::find(names.begin(), names.end(), policy) != names.end())
      chosen.emplace_back(policy);
  return chosen;
}

Result<report::Report> run_scenarios(const std::vector<Scenario>& scenarios,
                                     const RunOptions& options, Progress& progress) {
  report::Report report;
  auto& figures = report.set.figures;
  for (std::size_t i = 0; i < scenarios.size(); ++i) {
    if (options.is_interrupted()) return interrupted_error();
    progress.begin(scenarios[i].name, i + 1, scenarios.size());
    auto result = scenarios[i].run(options, progress);
    if (!result) {
      if (result.error().code == ErrorCode::canceled) return result.error();
      return Error{result.error().code, std::string(scenarios[i].name) + ": " + result.error().what,
                   result.error().next_step};
    }
    figures.insert(figures.end(), std::make_move_iterator(result->figures.begin()),
                   std::make_move_iterator(result->figures.end()));
    report.sections.push_back(
        {std::string(scenarios[i].name),
         result->text.empty() ? std::string(scenarios[i].summary) : std::move(result->text),
         std::move(result->charts)});
  }
  std::stable_sort(figures.begin(), figures.end(),
                   [](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return report;
}

}  // namespace troupe::bench::harness
