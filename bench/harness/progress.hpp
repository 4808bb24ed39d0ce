// How far a run is. Scenarios tell it as they go, as often as they like; this says it now and then:
// on a terminal a bar that replaces itself, elsewhere a plain line every few seconds.
//
// Neither the clock nor the screen is known here: both are given. Not thread-safe; the thread that
// runs the scenarios owns it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace troupe::bench::harness {

struct ProgressView {
  std::string stage;       // "sweep"
  std::string note;        // "eager-edf at 0.7 of capacity"
  std::size_t number = 0;  // which of `count` stages, from 1; zero: do not say
  std::size_t count = 0;
  double share = 0;    // of this stage, 0 to 1
  Duration elapsed{};  // since this stage began
};

// "[2/5] sweep  [######--------------]  31 %   12 s, 27 s left   eager-edf at 0.7 of capacity", at
// most `columns` wide (20 or more). The time that is left is told once it can be guessed.
std::string progress_bar(const ProgressView& view, std::size_t columns);

// "[2/5] sweep: 31 %, 12 s, 27 s left: eager-edf at 0.7 of capacity"
std::string progress_line(const ProgressView& view);

class Progress {
 public:
  using Say = std::function<void(std::string_view)>;
  using Clock = std::function<Instant()>;

  // `live`: what is said replaces what was said before.
  Progress(Say say, Clock clock, bool live);

  // A scenario begins: the `number`th of `count`.
  void begin(std::string_view stage, std::size_t number, std::size_t count);
  // It is that far, busy with `note`.
  void at(double share, std::string_view note);

 private:
  void tell(Instant now);

  Say say_;
  Clock clock_;
  bool live_;
  ProgressView view_;
  Instant began_;
  Instant told_;
};

}  // namespace troupe::bench::harness
