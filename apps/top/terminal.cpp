#include "apps/top/terminal.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace troupe::apps {
namespace {

// The other screen, no cursor, no line that wraps; and back.
constexpr std::string_view take_over = "\033[?1049h\033[?25l\033[?7l\033[2J";
constexpr std::string_view give_back = "\033[0m\033[?7h\033[?25h\033[?1049l";

void write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // it has gone, which key() tells
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string_view sequence_of(Style style, bool colour) {
  switch (style) {
    case Style::plain:
      return "";
    case Style::dim:
      return "\033[2m";
    case Style::title:
      return "\033[1m";
    case Style::good:
      return colour ? "\033[32m" : "";
    case Style::bad:
      return colour ? "\033[1;31m" : "\033[1m";
    case Style::urgent:
      return colour ? "\033[33m" : "";
    case Style::ordinary:
      return colour ? "\033[36m" : "";
  }
  return "";
}

Key key_of(std::string_view bytes) {
  struct Known {
    std::string_view bytes;
    Key key;
  };
  static constexpr std::array<Known, 19> known = {{{"q", Key::quit},
                                                   {"Q", Key::quit},
                                                   {"\x03", Key::quit},
                                                   {"j", Key::down},
                                                   {"k", Key::up},
                                                   {" ", Key::page_down},
                                                   {"g", Key::home},
                                                   {"G", Key::end},
                                                   {"\033[A", Key::up},
                                                   {"\033OA", Key::up},
                                                   {"\033[B", Key::down},
                                                   {"\033OB", Key::down},
                                                   {"\033[5~", Key::page_up},
                                                   {"\033[6~", Key::page_down},
                                                   {"\033[H", Key::home},
                                                   {"\033OH", Key::home},
                                                   {"\033[F", Key::end},
                                                   {"\033OF", Key::end},
                                                   {"\033[1~", Key::home}}};
  // Keys that came in one go: the last word is that of who quits, otherwise the first key counts.
  if (bytes.front() != '\033' && bytes.find_first_of("qQ\x03") != std::string_view::npos)
    return Key::quit;
  for (const auto& [begin, key] : known)
    if (bytes.starts_with(begin)) return key;
  return Key::other;
}

}  // namespace

std::unique_ptr<Terminal> Terminal::open(bool colour) {
  termios before{};
  if (::isatty(STDOUT_FILENO) == 0 || ::tcgetattr(STDIN_FILENO, &before) != 0) return nullptr;
  return std::unique_ptr<Terminal>(new Terminal(colour, before));
}

Terminal::Terminal(bool colour, const termios& before) : colour_(colour), before_(before) {
  termios raw = before;
  // Ctrl-C and Ctrl-Z come as keys: nothing may stop us with the terminal in this state.
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
  raw.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
  write_all(take_over);
}

Terminal::~Terminal() {
  write_all(give_back);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
}

ScreenSize Terminal::size() const {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
    return {};
  return {size.ws_col, size.ws_row};
}

Key Terminal::key(Duration limit) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  const auto limit_ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  if (::poll(&input, 1, static_cast<int>(limit_ms)) <= 0) return Key::none;
  std::array<char, 64> bytes{};
  const auto got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (got < 0 && errno == EINTR) return Key::none;
  if (got <= 0) return Key::quit;
  return key_of({bytes.data(), static_cast<std::size_t>(got)});
}

void Terminal::draw(const std::vector<Line>& lines) {
  std::string screen = "\033[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i != 0) screen += "\r\n";
    for (const auto& span : lines[i]) {
      const auto sequence = sequence_of(span.style, colour_);
      screen += sequence;
      screen += span.text;
      if (!sequence.empty()) screen += "\033[0m";
    }
    screen += "\033[K";
  }
  screen += "\033[J";
  write_all(screen);
}

}  // namespace troupe::apps
