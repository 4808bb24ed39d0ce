// troupe top FILE: what the nodes of a running cluster are doing and why, live.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cluster.hpp"
#include "apps/interrupts.hpp"
#include "apps/top/poller.hpp"
#include "apps/top/screen.hpp"
#include "apps/top/terminal.hpp"
#include "apps/top/view.hpp"
#include "apps/verbs.hpp"
#include "base/units.hpp"

namespace troupe::apps {
namespace {

constexpr Duration interval_min = std::chrono::milliseconds(100);
constexpr Duration interval_max = std::chrono::hours(1);
constexpr Duration key_limit = std::chrono::milliseconds(100);  // so late a new size is seen
constexpr std::size_t columns_of_text = 120;                    // where there is no terminal

// The last looks and the ones before, as a view.
class Watch {
 public:
  Watch(std::string cluster, std::vector<std::string> nodes) : view_{std::move(cluster), {}} {
    for (auto& node : nodes)
      view_.nodes.push_back(view_between(nullptr, {std::move(node), std::nullopt, "being asked"}));
  }

  void take(std::vector<Look> looks) {
    ++rounds_;
    for (std::size_t i = 0; i < looks.size(); ++i)
      view_.nodes[i] = view_between(i < last_.size() ? &last_[i] : nullptr, looks[i]);
    last_ = std::move(looks);
  }

  [[nodiscard]] const ClusterView& view() const { return view_; }
  // Whether there are figures of an interval, where a node lets there be.
  [[nodiscard]] bool has_rates() const { return rounds_ > 1; }
  [[nodiscard]] bool all_answered() const {
    return std::all_of(view_.nodes.begin(), view_.nodes.end(),
                       [](const NodeView& node) { return node.now.has_value(); });
  }

 private:
  ClusterView view_;
  std::vector<Look> last_;
  std::size_t rounds_ = 0;
};

std::size_t scrolled(std::size_t scroll, Key key, std::size_t rows) {
  const std::size_t page = std::max<std::size_t>(2, rows) - 1;
  switch (key) {
    case Key::up:
      return scroll - std::min<std::size_t>(scroll, 1);
    case Key::down:
      return scroll + 1;
    case Key::page_up:
      return scroll - std::min(scroll, page);
    case Key::page_down:
      return scroll + page;
    case Key::home:
      return 0;
    case Key::end:
      return SIZE_MAX;
    default:
      return scroll;
  }
}

void watch_on(Terminal& terminal, Poller& poller, Watch& watch, const std::atomic<bool>& stop) {
  std::size_t scroll = 0;
  bool changed = true;
  ScreenSize size = terminal.size();
  while (!stop) {
    if (auto looks = poller.next(Duration::zero())) {
      watch.take(std::move(*looks));
      changed = true;
    }
    const ScreenSize now = terminal.size();
    changed = changed || now.columns != size.columns || now.rows != size.rows;
    size = now;
    if (changed) terminal.draw(window(render(watch.view(), size.columns), size, scroll));
    const Key key = terminal.key(key_limit);
    if (key == Key::quit) return;
    changed = key != Key::none;
    scroll = scrolled(scroll, key, size.rows);
  }
}

void print(const Watch& watch, Output& output) {
  std::string text;
  for (const Line& line : render(watch.view(), columns_of_text))
    text += (text.empty() ? "" : "\n") + plain_text(line);
  output.text(text);
  output.object(view_json(watch.view()));
}

}  // namespace

int run_top(const TopOptions& options, Output& output) {
  const auto interval = parse_duration(options.interval);
  if (!interval || *interval < interval_min || *interval > interval_max)
    return output.fail({ErrorCode::invalid_argument, "--interval " + options.interval + " is none",
                        "give it as 100ms to 1h"});
  Interrupts interrupts;
  const auto reached = reach(options.config, options.node);
  if (!reached) return output.fail(reached.error());
  const auto& stop = interrupts.watch();
  Watch watch(reached->cluster.config.cluster.name, reached->nodes);
  Poller poller(*reached->client, reached->nodes, *interval);
  if (!options.once && !output.json())
    if (const auto terminal = Terminal::open(output.colour())) {
      watch_on(*terminal, poller, watch, stop);
      return exit_ok;
    }
  const bool once = options.once || !output.json();
  while (!stop) {
    auto looks = poller.next(key_limit);
    if (!looks) continue;
    watch.take(std::move(*looks));
    if (!watch.has_rates()) continue;
    print(watch, output);
    if (once) return watch.all_answered() ? exit_ok : exit_unreachable;
    if (!output.flush()) return exit_failed;
  }
  return exit_ok;
}

}  // namespace troupe::apps
