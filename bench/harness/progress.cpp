#include "bench/harness/progress.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::bench::harness {
namespace {

constexpr std::size_t columns_max = 79;
constexpr std::size_t bar_columns = 20;
constexpr Duration live_pace = std::chrono::milliseconds(100);
constexpr Duration plain_pace = std::chrono::seconds(5);
// Before that a guess of the time that is left says nothing.
constexpr double share_guessable = 0.05;

double sound_share(double share) {
  return std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0;
}

std::string name_of(const ProgressView& view) {
  if (view.number == 0) return view.stage;
  return "[" + std::to_string(view.number) + "/" + std::to_string(view.count) + "] " + view.stage;
}

std::string percent(const ProgressView& view) {
  // Cut off, not rounded: 100 % is said when it is done.
  return std::to_string(static_cast<int>(sound_share(view.share) * 100)) + " %";
}

std::string whole_seconds(Duration time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  if (seconds < 100) return std::to_string(seconds) + " s";
  return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
}

std::string times(const ProgressView& view) {
  const double share = sound_share(view.share);
  std::string text = whole_seconds(view.elapsed);
  if (share >= share_guessable && share < 1 && view.elapsed >= std::chrono::seconds(1)) {
    const double left = static_cast<double>(view.elapsed.count()) * (1 - share) / share;
    text += ", " + whole_seconds(Duration{static_cast<Duration::rep>(left)}) + " left";
  }
  return text;
}

}  // namespace

std::string progress_bar(const ProgressView& view, std::size_t columns) {
  const auto filled =
      static_cast<std::size_t>(sound_share(view.share) * static_cast<double>(bar_columns));
  std::string share = percent(view);
  if (share.size() < 5) share.insert(0, 5 - share.size(), ' ');
  std::string line = name_of(view) + "  [" + std::string(filled, '#') +
                     std::string(bar_columns - filled, '-') + "] " + share + "  " + times(view) +
                     (view.note.empty() ? "" : "  " + view.note);
  if (line.size() <= columns) return line;
  // Not in the middle of a character.
  std::size_t end = columns - 3;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80U) --end;
  return line.substr(0, end) + "...";
}

std::string progress_line(const ProgressView& view) {
  return name_of(view) + ": " + percent(view) + ", " + times(view) +
         (view.note.empty() ? "" : ": " + view.note);
}

Progress::Progress(Say say, Clock clock, bool live)
    : say_(std::move(say)), clock_(std::move(clock)), live_(live) {}

void Progress::begin(std::string_view stage, std::size_t number, std::size_t count) {
  view_ = {std::string(stage), "", number, count, 0, {}};
  began_ = clock_();
  tell(began_);
}

void Progress::at(double share, std::string_view note) {
  view_.share = share;
  view_.note = note;
  const Instant now = clock_();
  if (now - told_ >= (live_ ? live_pace : plain_pace)) tell(now);
}

void Progress::tell(Instant now) {
  told_ = now;
  view_.elapsed = now - began_;
  say_(live_ ? progress_bar(view_, columns_max) : progress_line(view_));
}

}  // namespace troupe::bench::harness
