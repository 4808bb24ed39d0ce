#include "bench/report/html.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "bench/report/markup.hpp"
#include "bench/report/number.hpp"
#include "bench/report/svg.hpp"

namespace troupe::bench::report {
namespace {

constexpr std::string_view style = R"(
:root{color-scheme:light dark;--paper:#f6f7f8;--card:#fff;--ink:#191b1e;--soft:#50565e;
--line:#dde1e5;--good:#00663f;--good-paper:#e0f4ea;--bad:#a32a00;--bad-paper:#fdeae2;--link:#0067a8}
@media (prefers-color-scheme:dark){:root{--paper:#0f1113;--card:#16181b;--ink:#eef0f2;
--soft:#aab1b9;--line:#2d3136;--good:#5fdcae;--good-paper:#12322a;--bad:#ffa27a;--bad-paper:#402016;
--link:#56b4e9}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,
"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1180px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:30px;line-height:1.2;margin:0 0 8px}
h2{font-size:21px;margin:44px 0 6px}
p{margin:0 0 12px;max-width:76ch}
.soft,caption,dt{color:var(--soft)}
.verdict{display:inline-block;padding:1px 9px;border-radius:10px;font-size:14px;font-weight:600;
white-space:nowrap}
.ok{color:var(--good);background:var(--good-paper)}
.missed{color:var(--bad);background:var(--bad-paper)}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:8px;
margin:16px 0}
table{border-collapse:collapse;width:100%;font-size:14.5px}
caption{text-align:left;padding:12px 14px 6px;font-size:14.5px}
th,td{padding:8px 14px;border-top:1px solid var(--line);text-align:left;vertical-align:top}
thead th{border-top:0;color:var(--soft);font-weight:600;white-space:nowrap}
tbody th{font-weight:600;min-width:17em}
td.number,th.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
td.ours{font-weight:600}
.detail{display:block;font-weight:400;font-size:13.5px;color:var(--soft)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,520px),1fr));gap:16px;
margin-top:14px}
figure{margin:0;max-width:780px;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:4px}
figure svg{display:block;width:100%;height:auto}
dl{display:grid;grid-template-columns:max-content 1fr;gap:6px 18px;margin:16px 0}
dd{margin:0;overflow-wrap:anywhere}
code{font:13.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media print{body{background:#fff}.charts{display:block}figure{margin-bottom:12px;
break-inside:avoid}}
)";

std::string verdict(bool ok) {
  return ok ? R"(<span class="verdict ok">reached</span>)"
            : R"(<span class="verdict missed">missed</span>)";
}

// The policies of all figures, each once, in the order in which they come up.
std::vector<std::string> policies_of(const FigureSet& set) {
  std::vector<std::string> policies;
  for (const auto& figure : set.figures)
    for (const auto& rival : figure.rivals)
      if (std::find(policies.begin(), policies.end(), rival.policy) == policies.end())
        policies.push_back(rival.policy);
  return policies;
}

std::string head_cell(std::string_view name, bool number) {
  return std::string("<th scope=\"col\"") + (number ? " class=\"number\"" : "") + ">" +
         escaped(name) + "</th>";
}

std::string number_cell(const std::string& text, bool ours = false) {
  return std::string("<td class=\"number") + (ours ? " ours" : "") + "\">" + escaped(text) +
         "</td>";
}

// A page has the signs that a terminal may lack.
std::string target_cell(const Figure& figure) {
  const std::string text = target_text(figure);
  return (figure.comparison == Comparison::at_most ? "\u2264" : "\u2265") + text.substr(2);
}

std::string figure_row(const Figure& figure, const std::vector<std::string>& policies) {
  std::string row =
      "<tr><td>" + escaped(figure.id) + "</td><th scope=\"row\">" + escaped(figure.what);
  if (!figure.detail.empty()) row += "<span class=\"detail\">" + escaped(figure.detail) + "</span>";
  const std::string unit = figure.unit.empty() ? "" : " " + figure.unit;
  row += "</th>" + number_cell(number_text(figure.value) + unit, true) +
         number_cell(target_cell(figure)) + "<td>" + verdict(figure.ok()) + "</td>";
  for (const auto& policy : policies) {
    const auto rival = std::find_if(figure.rivals.begin(), figure.rivals.end(),
                                    [&](const RivalValue& r) { return r.policy == policy; });
    row += number_cell(rival == figure.rivals.end() ? "" : number_text(rival->value));
  }
  return row + "</tr>\n";
}

std::string figures_table(const FigureSet& set) {
  if (set.figures.empty()) return "<p class=\"soft\">This run has no figures.</p>\n";
  const auto policies = policies_of(set);
  // Focusable, so that the keyboard can scroll it as well.
  std::string table =
      "<div class=\"wide\" role=\"region\" aria-label=\"Figures\" tabindex=\"0\"><table>\n"
      "<caption>Each figure with its target" +
      std::string(policies.empty() ? "" : " and what the rival policies reach in the same run") +
      "</caption>\n<thead><tr>" + head_cell("#", false) + head_cell("figure", false) +
      head_cell("measured", true) + head_cell("target", true) + head_cell("verdict", false);
  for (const auto& policy : policies) table += head_cell(policy, true);
  table += "</tr></thead>\n<tbody>\n";
  for (const auto& figure : set.figures) table += figure_row(figure, policies);
  return table + "</tbody></table></div>\n";
}

std::string sum_up(const FigureSet& set) {
  if (set.figures.empty()) return "";
  const std::size_t missed = set.missed();
  return "<p>" + verdict(missed == 0) + " " + std::to_string(set.figures.size() - missed) + " of " +
         std::to_string(set.figures.size()) + " figures are reached.</p>\n";
}

std::string repeat_it(const FigureSet& set) {
  std::string facts;
  const auto fact = [&](std::string_view name, const std::string& value) {
    facts += "<dt>" + std::string(name) + "</dt><dd>" + value + "</dd>\n";
  };
  if (!set.command.empty()) fact("command", "<code>" + escaped(set.command) + "</code>");
  if (!set.machine.empty()) fact("machine", escaped(set.machine));
  if (set.date) fact("date", escaped(*set.date));
  return "<h2>How to repeat it</h2>\n<dl>\n" + facts + "</dl>\n";
}

std::string section_html(const Section& section) {
  std::string html = "<section>\n<h2>" + escaped(section.title) + "</h2>\n";
  if (!section.text.empty()) html += "<p class=\"soft\">" + escaped(section.text) + "</p>\n";
  if (!section.charts.empty()) {
    html += "<div class=\"charts\">\n";
    for (const auto& chart : section.charts) html += "<figure>" + to_svg(chart) + "</figure>\n";
    html += "</div>\n";
  }
  return html + "</section>\n";
}

}  // namespace

std::string to_html(const Report& report) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
      escaped(report.title) + "</title>\n<style>" + std::string(style) +
      "</style>\n</head>\n<body>\n<main>\n<h1>" + escaped(report.title) + "</h1>\n";
  if (!report.text.empty()) html += "<p class=\"soft\">" + escaped(report.text) + "</p>\n";
  html += sum_up(report.set) + figures_table(report.set);
  for (const auto& section : report.sections) html += section_html(section);
  return html + repeat_it(report.set) + "</main>\n</body>\n</html>\n";
}

}  // namespace troupe::bench::report
