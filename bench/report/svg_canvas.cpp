#include "bench/report/svg_canvas.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "bench/report/markup.hpp"

namespace troupe::bench::report {
namespace {

constexpr double width = 760;
constexpr double height = 440;
constexpr double plot_left = 66;
constexpr double plot_right = width - 22;
constexpr double plot_bottom = height - 58;
constexpr double legend_row = 20;
constexpr double letter = 7.1;  // the mean width of one at 12.5 px, rather too much than too little

struct Colour {
  const char* light;
  const char* dark;
};
constexpr std::array<Colour, 8> colours = {{{"#0067a8", "#56b4e9"},
                                            {"#d55e00", "#ff8f4a"},
                                            {"#00835f", "#2fc796"},
                                            {"#b4538b", "#e79ac8"},
                                            {"#946c00", "#f0c24b"},
                                            {"#6a4fc3", "#b3a1f7"},
                                            {"#5c636b", "#b4bac2"},
                                            {"#a4161a", "#ff7b72"}}};

constexpr std::string_view style_light =
    ".troupe-chart .paper{fill:#fff}.troupe-chart text{font-family:system-ui,-apple-system,"
    "'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:12.5px;fill:#50565e}"
    ".troupe-chart .title{font-size:16px;font-weight:600;fill:#191b1e}"
    ".troupe-chart .strong{fill:#191b1e}"
    ".troupe-chart .grid{stroke:#e4e7ea;stroke-width:1;fill:none}"
    ".troupe-chart .fine{stroke:#f1f3f5;stroke-width:1;fill:none}"
    ".troupe-chart .frame{stroke:#9aa1a9;stroke-width:1;fill:none}"
    ".troupe-chart .mark{stroke:#50565e;stroke-width:1.2;stroke-dasharray:2 4;fill:none}"
    ".troupe-chart .line{stroke-width:2;fill:none;stroke-linejoin:round;stroke-linecap:round}"
    ".troupe-chart .dashed{stroke-dasharray:7 5}"
    ".troupe-chart .dot{stroke:#fff;stroke-width:1}";
constexpr std::string_view style_dark =
    ".troupe-chart .paper{fill:#16181b}.troupe-chart text{fill:#aab1b9}"
    ".troupe-chart .title,.troupe-chart .strong{fill:#eef0f2}"
    ".troupe-chart .grid{stroke:#2d3136}.troupe-chart .fine{stroke:#22252a}"
    ".troupe-chart .frame{stroke:#6b727a}.troupe-chart .mark{stroke:#aab1b9}"
    ".troupe-chart .dot{stroke:#16181b}";

// Colours stand in the rules as they are, because not every viewer knows CSS variables.
std::string style() {
  const auto paint = [](bool dark) {
    std::string rules;
    for (std::size_t i = 0; i < colours.size(); ++i) {
      const char* colour = dark ? colours[i].dark : colours[i].light;
      for (const char* property : {"stroke", "fill"})
        rules.append(".troupe-chart .")
            .append(property)
            .append(std::to_string(i))
            .append("{")
            .append(property)
            .append(":")
            .append(colour)
            .append("}");
    }
    return rules;
  };
  return std::string(style_light) + paint(false) + "@media (prefers-color-scheme:dark){" +
         std::string(style_dark) + paint(true) + "}";
}

std::string look_class(std::string_view kind, std::size_t look) {
  return std::string(kind) + std::to_string(look % colours.size());
}

// What series are told apart by when colour is not enough.
std::string marker_path(double x, double y, std::size_t look) {
  const auto at = [&](double dx, double dy) {
    return coordinate(x + dx) + " " + coordinate(y + dy);
  };
  switch (look % colours.size()) {
    case 1:
      return "M" + at(-4, -4) + "H" + coordinate(x + 4) + "V" + coordinate(y + 4) + "H" +
             coordinate(x - 4) + "Z";
    case 2:
      return "M" + at(0, -5.2) + "L" + at(5, 3.8) + "L" + at(-5, 3.8) + "Z";
    case 3:
      return "M" + at(0, -5.5) + "L" + at(5.5, 0) + "L" + at(0, 5.5) + "L" + at(-5.5, 0) + "Z";
    case 4:
      return "M" + at(0, 5.2) + "L" + at(5, -3.8) + "L" + at(-5, -3.8) + "Z";
    case 5:
      return "M" + at(-5, -2) + "H" + coordinate(x - 2) + "V" + coordinate(y - 5) + "H" +
             coordinate(x + 2) + "V" + coordinate(y - 2) + "H" + coordinate(x + 5) + "V" +
             coordinate(y + 2) + "H" + coordinate(x + 2) + "V" + coordinate(y + 5) + "H" +
             coordinate(x - 2) + "V" + coordinate(y + 2) + "H" + coordinate(x - 5) + "Z";
    case 6:
      return "M" + at(-5.5, -2.6) + "H" + coordinate(x + 5.5) + "V" + coordinate(y + 2.6) + "H" +
             coordinate(x - 5.5) + "Z";
    case 7:
      return "M" + at(-2.6, -5.5) + "H" + coordinate(x + 2.6) + "V" + coordinate(y + 5.5) + "H" +
             coordinate(x - 2.6) + "Z";
    default:
      return "M" + at(-4.4, 0) + "A4.4 4.4 0 1 1 " + at(4.4, 0) + "A4.4 4.4 0 1 1 " + at(-4.4, 0) +
             "Z";
  }
}

// Of what stands before a name in the legend, gap included.
double sample_width(const LegendEntry& entry) {
  return entry.bar ? 18 : 34;
}

double text_width(std::string_view text) {
  return letter * static_cast<double>(std::count_if(text.begin(), text.end(), [](char c) {
           return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
         }));
}

}  // namespace

std::string coordinate(double value) {
  std::array<char, 40> text{};
  const double finite = std::isfinite(value) ? std::clamp(value, -1e6, 1e6) : 0;
  std::snprintf(text.data(), text.size(), "%.2f", finite);
  std::string digits = text.data();
  while (digits.back() == '0') digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
  return digits == "-0" ? "0" : digits;
}

Canvas::Canvas(const Chart& chart, const std::vector<LegendEntry>& legend)
    : name_(escaped(chart.name)), title_(chart.title), note_(chart.note) {
  double y = 28;
  text(plot_left, y, chart.title, "title", Align::left);
  if (!chart.note.empty()) text(plot_left, y += 20, chart.note, "", Align::left);
  double x = plot_left;
  if (!legend.empty()) y += 24;
  for (const auto& entry : legend) {
    const double taken = sample_width(entry) + text_width(entry.name) + 14;
    if (x > plot_left && x + taken > plot_right) {
      x = plot_left;
      y += legend_row;
    }
    legend_line(x, y, entry);
    x += taken;
  }
  plot_ = {plot_left, plot_right, std::min(y + 18, plot_bottom - 120), plot_bottom};
}

void Canvas::legend_line(double x, double y, const LegendEntry& entry) {
  const double middle = y - 4;
  if (entry.bar) {
    labels_ += "<rect class=\"" + look_class("fill", entry.look) + "\" x=\"" + coordinate(x) +
               "\" y=\"" + coordinate(middle - 6) + "\" width=\"12\" height=\"12\" rx=\"2\"/>";
  } else {
    labels_ += "<path class=\"line " + look_class("stroke", entry.look) +
               (entry.dashed ? " dashed" : "") + "\" d=\"M" + coordinate(x) + " " +
               coordinate(middle) + "h28\"/>";
    labels_ += "<path class=\"dot " + look_class("fill", entry.look) + "\" d=\"" +
               marker_path(x + 14, middle, entry.look) + "\"/>";
  }
  text(x + sample_width(entry), y, entry.name, "strong", Align::left);
}

void Canvas::text(double x, double y, std::string_view words, std::string_view look, Align align) {
  labels_ += "<text x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\"";
  if (!look.empty()) labels_ += " class=\"" + std::string(look) + "\"";
  if (align != Align::left)
    labels_ += std::string(" text-anchor=\"") + (align == Align::middle ? "middle" : "end") + "\"";
  labels_ += ">" + escaped(words) + "</text>";
}

void Canvas::x_axis(const Ruler& ruler, std::string_view label) {
  for (const auto& tick : ruler.ticks()) {
    const double x = ruler.place(tick.value);
    grid_ += std::string("<path class=\"") + (tick.label.empty() ? "fine" : "grid") + "\" d=\"M" +
             coordinate(x) + " " + coordinate(plot_.top) + "V" + coordinate(plot_.bottom) + "\"/>";
    x_tick_label(x, tick.label);
  }
  x_label(label);
}

void Canvas::x_tick_label(double x, std::string_view label) {
  if (!label.empty()) text(x, plot_.bottom + 19, label, "", Align::middle);
}

void Canvas::x_label(std::string_view label) {
  text((plot_.left + plot_.right) / 2, plot_.bottom + 42, label, "strong", Align::middle);
}

void Canvas::y_axis(const Ruler& ruler, std::string_view label) {
  for (const auto& tick : ruler.ticks()) {
    const double y = ruler.place(tick.value);
    grid_ += std::string("<path class=\"") + (tick.label.empty() ? "fine" : "grid") + "\" d=\"M" +
             coordinate(plot_.left) + " " + coordinate(y) + "H" + coordinate(plot_.right) + "\"/>";
    if (!tick.label.empty()) text(plot_.left - 8, y + 4.4, tick.label, "", Align::right);
  }
  const double y = (plot_.top + plot_.bottom) / 2;
  labels_ += "<text class=\"strong\" text-anchor=\"middle\" transform=\"translate(17 " +
             coordinate(y) + ") rotate(-90)\">" + escaped(label) + "</text>";
}

void Canvas::path(const std::string& commands, std::size_t look, bool dashed) {
  data_ += "<path class=\"line " + look_class("stroke", look) + (dashed ? " dashed" : "") +
           "\" d=\"" + commands + "\"/>";
}

void Canvas::marker(double x, double y, std::size_t look, std::string_view says) {
  data_ += "<path class=\"dot " + look_class("fill", look) + "\" d=\"" + marker_path(x, y, look) +
           "\"><title>" + escaped(says) + "</title></path>";
}

void Canvas::bar(double x, double y, double bar_width, double bar_height, std::size_t look,
                 std::string_view says) {
  data_ += "<rect class=\"" + look_class("fill", look) + "\" x=\"" + coordinate(x) + "\" y=\"" +
           coordinate(y) + "\" width=\"" + coordinate(bar_width) + "\" height=\"" +
           coordinate(bar_height) + "\" rx=\"1.5\"><title>" + escaped(says) + "</title></rect>";
}

void Canvas::mark(double at, bool vertical, std::string_view label) {
  if (vertical) {
    grid_ += "<path class=\"mark\" d=\"M" + coordinate(at) + " " + coordinate(plot_.top) + "V" +
             coordinate(plot_.bottom) + "\"/>";
    const bool left_of_it = at > (plot_.left + plot_.right) / 2;
    text(at + (left_of_it ? -6 : 6), plot_.top + 14, label, "",
         left_of_it ? Align::right : Align::left);
  } else {
    grid_ += "<path class=\"mark\" d=\"M" + coordinate(plot_.left) + " " + coordinate(at) + "H" +
             coordinate(plot_.right) + "\"/>";
    text(plot_.right - 4, at < plot_.top + 24 ? at + 15 : at - 6, label, "", Align::right);
  }
}

void Canvas::nothing_to_show() {
  text((plot_.left + plot_.right) / 2, (plot_.top + plot_.bottom) / 2, "nothing was measured", "",
       Align::middle);
}

std::string Canvas::svg() const {
  const std::string size = coordinate(width) + "\" height=\"" + coordinate(height);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"troupe-chart\" role=\"img\" "
         "aria-labelledby=\"" +
         name_ + "-title " + name_ + "-note\" width=\"" + size + "\" viewBox=\"0 0 " +
         coordinate(width) + " " + coordinate(height) + "\"><title id=\"" + name_ + "-title\">" +
         escaped(title_) + "</title><desc id=\"" + name_ + "-note\">" + escaped(note_) +
         "</desc><style>" + style() + "</style><rect class=\"paper\" width=\"" + size +
         "\" rx=\"6\"/>" + grid_ + "<path class=\"frame\" d=\"M" + coordinate(plot_.left) + " " +
         coordinate(plot_.bottom) + "H" + coordinate(plot_.right) + "\"/>" + data_ + labels_ +
         "</svg>\n";
}

}  // namespace troupe::bench::report
