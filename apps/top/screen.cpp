#include "apps/top/screen.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/limits.hpp"
#include "base/units.hpp"
#include "base/utf8.hpp"

namespace troupe::apps {
namespace {

constexpr std::array<Style, 2> lane_styles = {Style::urgent, Style::ordinary};
constexpr std::array<const char*, 2> lane_names = {"urgent", "ordinary"};
constexpr std::size_t label_columns = 14;
constexpr std::size_t bar_columns = 16;

template <class... Arguments>
std::string format(const char* how, Arguments... arguments) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), how, arguments...);
  return text.data();
}

std::string rate(const std::optional<double>& per_s) {
  if (!per_s) return "-";
  return *per_s >= 100 ? format("%.0f", *per_s)
         : *per_s == 0 ? "0"
                       : format(*per_s >= 10 ? "%.1f" : "%.2f", *per_s);
}

std::string percent(const std::optional<double>& share) {
  if (!share) return "-";
  return format(*share > 0 && *share < 0.1 ? "%.1f %%" : "%.0f %%", *share * 100);
}

std::string milliseconds(const std::optional<double>& ms) {
  if (!ms) return "-";
  if (*ms >= 1000) return format("%.2f s", *ms / 1000);
  return format(*ms >= 100 ? "%.0f ms" : *ms >= 10 ? "%.1f ms" : "%.2f ms", *ms);
}

std::string uptime(double s) {
  if (s < 120) return format("%.0f s", std::floor(s));
  if (s < 7200) return format("%.0f min", std::floor(s / 60));
  return s < 172800 ? format("%.0f h", std::floor(s / 3600))
                    : format("%.0f days", std::floor(s / 86400));
}

std::string right(const std::string& text, std::size_t columns) {
  const std::size_t wide = columns_of(text);
  return wide >= columns ? " " + text : std::string(columns - wide, ' ') + text;
}

std::string left(const std::string& text, std::size_t columns) {
  const std::size_t wide = columns_of(text);
  return wide >= columns ? text + " " : text + std::string(columns - wide, ' ');
}

std::string bar(double share) {
  const auto full =
      static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * bar_columns));
  return "[" + std::string(full, '|') + std::string(bar_columns - full, ' ') + "]";
}

// The first so many columns; '~' where something is missing.
Line fit(Line line, std::size_t columns) {
  std::size_t room = columns;
  Line fitting;
  for (auto& span : line) {
    const std::size_t wide = columns_of(span.text);
    if (wide <= room) {
      room -= wide;
      fitting.push_back(std::move(span));
      continue;
    }
    std::size_t end = 0;
    for (std::size_t taken = 0; taken + 1 < room; ++taken)
      end += std::max<std::size_t>(1, character_bytes(std::string_view(span.text).substr(end)));
    if (room > 0) fitting.push_back({span.style, span.text.substr(0, end) + "~"});
    break;
  }
  return fitting;
}

class Writer {
 public:
  Writer(std::vector<Line>& lines, std::size_t columns) : lines_(lines), columns_(columns) {}

  void line(Line spans) { lines_.push_back(fit(std::move(spans), columns_)); }

  // Entries behind a label, on as many lines as they need.
  void list(const std::string& label, const std::vector<Line>& entries) {
    Line row = {{Style::dim, left("  " + label, label_columns)}};
    std::size_t used = label_columns;
    for (const Line& entry : entries) {
      std::size_t wide = 2;
      for (const auto& span : entry) wide += columns_of(span.text);
      if (used > label_columns && used + wide > columns_) {
        line(std::exchange(row, {{Style::plain, std::string(label_columns, ' ')}}));
        used = label_columns;
      }
      row.insert(row.end(), entry.begin(), entry.end());
      row.push_back({Style::plain, "  "});
      used += wide;
    }
    line(std::move(row));
  }

 private:
  std::vector<Line>& lines_;
  std::size_t columns_;
};

Span readiness(const NodeSample& now) {
  if (now.draining) return {Style::bad, "DRAINING"};
  return now.ready ? Span{Style::good, "ready"} : Span{Style::bad, "NOT READY: no device works"};
}

void write_head(Writer& out, const NodeView& node) {
  const NodeSample& now = *node.now;
  Line line = {{Style::title, shown_text(node.node)},
               {Style::plain, "  "},
               readiness(now),
               {Style::dim, "  up " + uptime(now.uptime_s)}};
  if (!now.peers_up.empty()) line.push_back({Style::dim, "  peers:"});
  for (const auto& [peer, up] : now.peers_up)
    line.push_back({up ? Style::dim : Style::bad, " " + shown_text(peer) + (up ? " up" : " DOWN")});
  if (!node.interval_s) line.push_back({Style::dim, "  (no rates yet)"});
  out.line(std::move(line));
}

void write_lanes(Writer& out, const NodeView& node) {
  out.line(
      {{Style::dim, left("  lane", label_columns) + right("accepted/s", 11) + right("done/s", 9) +
                        right("waiting", 9) + right("running", 9) + right("p50", 11) +
                        right("p99", 11) + right("batches/s", 11) + right("let in/s", 10)}});
  bool since_start = false;
  for (std::size_t i = 0; i < node.lanes.size(); ++i) {
    const LaneView& lane = node.lanes[i];
    const LaneSample& now = node.now->lanes[i];
    const bool old = lane.p50_ms && !lane.percentiles_of_interval;
    since_start = since_start || old;
    const auto time = [&](const std::optional<double>& ms) {
      return right(milliseconds(ms) + (old ? "*" : ""), 11);
    };
    out.line(
        {{lane_styles[i], left(std::string("  ") + lane_names[i], label_columns)},
         {Style::plain,
          right(rate(lane.accepted_per_s), 11) + right(rate(lane.completed_per_s), 9) +
              right(std::to_string(now.queued), 9) + right(std::to_string(now.launched), 9)},
         {old ? Style::dim : Style::plain, time(lane.p50_ms) + time(lane.p99_ms)},
         {Style::plain, right(rate(lane.batches_per_s), 11) + right(rate(lane.yields_per_s), 10)}});
  }
  if (since_start)
    out.line({{Style::dim, "  * since the start: nothing was done in the interval"}});
}

// Sizes by powers of two: 1, 2, 3-4, 5-8, ...
std::vector<Line> sizes_of(const std::map<std::uint64_t, std::uint64_t>& batch_tasks) {
  std::map<std::uint64_t, std::uint64_t> groups;
  std::uint64_t all = 0;
  for (const auto& [tasks, batches] : batch_tasks) {
    std::uint64_t group = 1;
    while (group < tasks && group < limits::tasks_per_batch_max) group *= 2;
    groups[group] += batches;
    all += batches;
  }
  std::vector<Line> entries;
  for (const auto& [group, batches] : groups) {
    const std::string name = group <= 2
                                 ? std::to_string(group)
                                 : std::to_string(group / 2 + 1) + "-" + std::to_string(group);
    entries.push_back(
        {{Style::dim, name + ": "},
         {Style::plain, percent(static_cast<double>(batches) / static_cast<double>(all))}});
  }
  return entries;
}

void write_why(Writer& out, const NodeView& node) {
  std::vector<Line> waits;
  for (std::size_t i = 0; i < node.lanes.size(); ++i)
    if (node.lanes[i].company_share)
      waits.push_back({{lane_styles[i], lane_names[i]},
                       {Style::plain, " " + percent(node.lanes[i].company_share) +
                                          " of the time in the queue was for company"}});
  if (!waits.empty()) out.list("waits", waits);
  if (node.interval_s) {
    std::vector<Line> reasons;
    for (const auto& [reason, per_s] : node.launches_per_s)
      reasons.push_back({{Style::plain, shown_text(reason) + " "}, {Style::title, rate(per_s)}});
    if (reasons.empty())
      reasons.push_back({{Style::dim, "nothing in the interval"}});
    else
      reasons.push_back(
          {{Style::dim, "inside a running batch "}, {Style::title, rate(node.inside_per_s)}});
    out.list("launches/s", reasons);
  }
  for (std::size_t i = 0; i < node.lanes.size(); ++i) {
    auto sizes = sizes_of(node.lanes[i].batch_tasks);
    if (sizes.empty()) continue;
    sizes.insert(sizes.begin(), {{lane_styles[i], std::string(lane_names[i]) +
                                                      (node.lanes[i].batch_tasks_of_interval
                                                           ? " batches' tasks"
                                                           : " batches' tasks since the start")}});
    out.list(i == 0 || node.lanes[0].batch_tasks.empty() ? "fill" : "", sizes);
  }
  const LaneView& urgent = node.lanes[0];
  if (urgent.late_share)
    out.list("too late",
             {{{urgent.late == 0 ? Style::good : Style::bad, percent(urgent.late_share)},
               {Style::plain, " of urgent tasks: " + std::to_string(urgent.late) + " of " +
                                  std::to_string(urgent.ended) + " expired or infeasible"}}});
  std::vector<Line> refusals;
  for (const auto& one : node.refusals)
    refusals.push_back(
        {{Style::plain, one.lane + " "},
         {one.per_s.value_or(0) > 0 ? Style::bad : Style::plain, shown_text(one.code)},
         {Style::plain, (one.at_the_door ? " at the door " : " ") + rate(one.per_s) + "/s"},
         {Style::dim, " (" + std::to_string(one.since_start) + ")"}});
  if (!refusals.empty()) out.list("refused", refusals);
}

void write_rest(Writer& out, const NodeView& node) {
  const NodeSample& now = *node.now;
  std::vector<Line> devices;
  for (std::size_t i = 0; i < now.devices.size(); ++i) {
    const auto& device = now.devices[i];
    devices.push_back(
        {{Style::plain, shown_text(device.name) + " "},
         {device.state == "working" ? Style::good : Style::bad, shown_text(device.state)},
         {Style::plain,
          node.busy[i] ? " " + bar(*node.busy[i]) + " " + percent(node.busy[i]) + " busy" : ""},
         {Style::dim, " " + shown_text(device.description)}});
  }
  out.list("devices", devices);
  std::vector<Line> models;
  for (const auto& model : now.models) {
    models.push_back(
        {{Style::plain, shown_text(model.name) + " "},
         {!model.error.empty()      ? Style::bad
          : model.state == "loaded" ? Style::good
                                    : Style::dim,
          shown_text(model.error.empty() ? model.state : model.state + ": " + model.error)}});
  }
  for (const auto& policy : now.policies)
    models.push_back({{Style::plain, shown_text(policy)}, {Style::dim, " policy"}});
  if (!models.empty()) out.list("models", models);
  std::vector<Line> agents;
  for (const auto& [type, count] : now.agents)
    agents.push_back({{Style::plain, shown_text(type) + " " + std::to_string(count)}});
  if (!agents.empty()) out.list("agents", agents);
  std::vector<Line> tenants;
  for (std::size_t i = 0; i < now.tenants.size(); ++i)
    tenants.push_back(
        {{Style::plain, shown_text(now.tenants[i].name) + " " + rate(node.tenants_per_s[i]) + "/s"},
         {Style::dim, " (" + std::to_string(now.tenants[i].completed) + ")"}});
  if (!tenants.empty()) out.list("tenants", tenants);
  Line memory = {{Style::plain, std::to_string(now.memory_documents) + " documents in " +
                                    format_bytes(now.memory_bytes) + " of " +
                                    format_bytes(now.memory_bytes_max)}};
  if (!now.memory_error.empty())
    memory.push_back({Style::bad, "  NOT SAVED: " + shown_text(now.memory_error)});
  out.list("memory", {memory});
  std::vector<Line> link = {{{Style::plain, rate(node.received_per_s) + "/s in"}},
                            {{Style::plain, rate(node.sent_per_s) + "/s out"}},
                            {{Style::plain, "moved " + std::to_string(now.tasks_moved)}}};
  for (const auto& [what, count] : now.link)
    if (what != "messages_sent" && what != "messages_received")
      link.push_back(
          {{count == 0 ? Style::dim : Style::bad, shown_text(what) + " " + std::to_string(count)}});
  out.list("link", link);
}

}  // namespace

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::string shown_text(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    std::size_t position = 0;
    const char32_t character = bytes == 0 ? 0 : next_character(text, position);
    const bool steers = character < 0x20 || (character >= 0x7F && character < 0xA0) ||
                        (character >= 0x200B && character <= 0x200F) ||
                        (character >= 0x2028 && character <= 0x202E) ||
                        (character >= 0x2060 && character <= 0x206F) || character == 0xFEFF;
    if (steers)
      shown += '?';
    else
      shown += text.substr(0, bytes);
    text.remove_prefix(std::max<std::size_t>(1, bytes));
  }
  return shown;
}

std::vector<Line> render(const ClusterView& view, std::size_t columns) {
  std::vector<Line> lines;
  Writer out(lines, columns);
  const auto silent = std::count_if(view.nodes.begin(), view.nodes.end(),
                                    [](const NodeView& node) { return !node.now; });
  Line head = {{Style::title, shown_text(view.cluster)},
               {Style::dim, "  " + std::to_string(view.nodes.size()) +
                                (view.nodes.size() == 1 ? " node" : " nodes")}};
  if (silent != 0) head.push_back({Style::bad, ", " + std::to_string(silent) + " unreachable"});
  out.line(std::move(head));
  for (const NodeView& node : view.nodes) {
    out.line({});
    if (!node.now) {
      out.line({{Style::title, shown_text(node.node)},
                {Style::bad, "  UNREACHABLE"},
                {Style::dim, "  " + shown_text(node.error)}});
      continue;
    }
    write_head(out, node);
    write_lanes(out, node);
    write_why(out, node);
    write_rest(out, node);
  }
  return lines;
}

std::vector<Line> window(const std::vector<Line>& lines, ScreenSize size, std::size_t& scroll) {
  const std::size_t room = size.rows > 0 ? size.rows - 1 : 0;
  scroll = std::min(scroll, lines.size() > room ? lines.size() - room : 0);
  std::vector<Line> seen;
  for (std::size_t i = 0; i < room; ++i)
    seen.push_back(scroll + i < lines.size() ? lines[scroll + i] : Line{});
  if (size.rows > 0) {
    const std::size_t below = lines.size() - std::min(lines.size(), scroll + room);
    Line keys = {{Style::dim, "q quit"}};
    if (lines.size() > room)
      keys.push_back(
          {Style::dim, "   arrows, j, k scroll   " + std::to_string(below) + " lines below"});
    seen.push_back(fit(std::move(keys), size.columns));
  }
  return seen;
}

std::string plain_text(const Line& line) {
  std::string text;
  for (const auto& span : line) text += span.text;
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace troupe::apps
