#include "models/bert_normalizer.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/utf8.hpp"
#include "models/unicode.hpp"

namespace troupe::models {
namespace {

// ASCII needs no tables: what each byte becomes, NUL meaning dropped.
constexpr std::array<char, 128> ascii_map(bool folding) {
  std::array<char, 128> map{};
  for (unsigned c = 0; c < 128; ++c) {
    const auto byte = static_cast<char>(c);
    if (byte == '\t' || byte == '\n' || byte == '\r')
      map[c] = ' ';
    else if (c < 0x20 || c == 0x7f)
      map[c] = '\0';
    else if (folding && byte >= 'A' && byte <= 'Z')
      map[c] = static_cast<char>(byte - 'A' + 'a');
    else
      map[c] = byte;
  }
  return map;
}

constexpr auto ascii_kept = ascii_map(false);
constexpr auto ascii_folded = ascii_map(true);

// Writes folded characters, the marks among them in canonical order.
class FoldingWriter {
 public:
  explicit FoldingWriter(std::string& out) : out_(out) {}

  void ascii(char c) {
    settle();
    out_.push_back(c);
  }

  void write(char32_t c, CharKind kind) {
    if (kind == CharKind::mark) return;
    if (kind == CharKind::mark_starter) return settle();
    const Folded folded = fold(c);
    for (const char32_t part : folded.span()) {
      if (const std::uint8_t order = order_of(part); order != 0) {
        marks_.push_back({part, order});
      } else {
        settle();
        append_utf8(out_, part);
      }
    }
  }

  // Nothing may move across what comes next.
  void settle() {
    if (marks_.empty()) return;
    std::ranges::stable_sort(marks_, {}, &Mark::order);
    for (const Mark& mark : marks_) append_utf8(out_, mark.character);
    marks_.clear();
  }

 private:
  struct Mark {
    char32_t character;
    std::uint8_t order;
  };

  std::string& out_;
  std::vector<Mark> marks_;
};

template <class Ascii, class Other>
void walk(std::string_view text, const std::array<char, 128>& map, Ascii ascii, Other other) {
  std::size_t position = 0;
  while (position < text.size()) {
    const auto byte = static_cast<unsigned char>(text[position]);
    if (byte < 0x80) {
      ++position;
      if (map[byte] != '\0') ascii(map[byte]);
      continue;
    }
    const char32_t c = next_character(text, position);
    const CharKind kind = kind_of(c);
    if (kind == CharKind::drop) continue;
    if (kind == CharKind::space || kind == CharKind::cjk) ascii(' ');
    if (kind != CharKind::space) other(c, kind);
    if (kind == CharKind::cjk) ascii(' ');
  }
}

}  // namespace

std::string normalize_for_bert(std::string_view text, bool folding) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  if (folding) {
    FoldingWriter writer(out);
    walk(
        text, ascii_folded, [&](char c) { writer.ascii(c); },
        [&](char32_t c, CharKind kind) { writer.write(c, kind); });
    writer.settle();
  } else {
    walk(
        text, ascii_kept, [&](char c) { out.push_back(c); },
        [&](char32_t c, CharKind) { append_utf8(out, c); });
  }
  return out;
}

const std::array<char, 128>& normalized_ascii(bool folding) noexcept {
  return folding ? ascii_folded : ascii_kept;
}

}  // namespace troupe::models
