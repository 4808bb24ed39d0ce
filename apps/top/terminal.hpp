// The terminal that `troupe top` takes over: its other screen, keys one by one, and all as it was
// before once this ends. One thread. Escape sequences are those of ECMA-48 and xterm, which every
// terminal of today knows.
#pragma once

#include <termios.h>

#include <memory>
#include <string>
#include <vector>

#include "apps/top/screen.hpp"
#include "base/time.hpp"

namespace troupe::apps {

enum class Key { none, other, quit, up, down, page_up, page_down, home, end };

class Terminal {
 public:
  // Nothing where stdin or stdout is no terminal.
  static std::unique_ptr<Terminal> open(bool colour);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] ScreenSize size() const;

  // The next key; none after `limit`. A terminal that has gone is Key::quit, Ctrl-C is as well.
  Key key(Duration limit);

  // The whole screen.
  void draw(const std::vector<Line>& lines);

 private:
  Terminal(bool colour, const termios& before);

  bool colour_;
  termios before_;
};

}  // namespace troupe::apps
