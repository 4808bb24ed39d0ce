#include "models/wordpiece.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "base/utf8.hpp"
#include "models/bert_normalizer.hpp"
#include "models/unicode.hpp"

namespace troupe::models {
namespace {

constexpr std::size_t word_characters_max = 100;  // the reference's max_input_chars_per_word
constexpr std::string_view continuation = "##";

Error damaged(std::string what) {
  return {ErrorCode::model_damaged, "the vocabulary " + std::move(what),
          "fetch the model again, or set its folder right"};
}

// Whether each ASCII character is a word of its own.
constexpr auto ascii_punctuation = [] {
  std::array<bool, 128> marked{};
  for (unsigned c = 0x21; c < 0x7f; ++c)
    marked[c] = !((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
  return marked;
}();

bool is_punctuation(char32_t c) noexcept {
  return c < 0x80 ? ascii_punctuation[c] : kind_of(c) == CharKind::punctuation;
}

bool is_ascii(std::string_view text) noexcept {
  unsigned char all = 0;
  for (const char c : text) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

std::size_t characters_in(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

Result<WordPiece> WordPiece::make(std::string_view vocabulary, const WordPieceOptions& options) {
  TROUPE_ASSERT(options.tokens_max >= 2, "[CLS] and [SEP] need room");
  WordPiece made;
  made.options_ = options;
  std::int32_t id = 0;
  while (!vocabulary.empty()) {
    const std::size_t end = std::min(vocabulary.find('\n'), vocabulary.size());
    std::string_view piece = vocabulary.substr(0, end);
    vocabulary.remove_prefix(std::min(end + 1, vocabulary.size()));
    if (piece.ends_with('\r')) piece.remove_suffix(1);
    const auto line = [id] { return "in line " + std::to_string(id + 1); };
    if (piece.empty()) return damaged("has nothing " + line());
    if (id == static_cast<std::int32_t>(vocabulary_max))
      return damaged("is over the limit of " + std::to_string(vocabulary_max) + " pieces");
    const bool continues = piece.starts_with(continuation) && piece.size() > continuation.size();
    if (continues) piece.remove_prefix(continuation.size());
    auto& pieces = continues ? made.rests_ : made.starts_;
    if (!pieces.insert(piece, id)) return damaged("repeats an earlier piece " + line());
    ++id;
  }
  if (auto status = made.read_specials(); !status) return status.error();
  return made;
}

Status WordPiece::read_specials() {
  struct Wanted {
    const char* text;
    std::int32_t* id;
    bool required;
  };
  std::int32_t ignored = 0;
  for (const auto& [text, id, required] :
       {Wanted{"[CLS]", &cls_, true}, Wanted{"[SEP]", &sep_, true},
        Wanted{"[UNK]", &unknown_, true}, Wanted{"[PAD]", &ignored, true},
        Wanted{"[MASK]", &ignored, false}}) {
    const auto found = starts_.find(text);
    if (!found) {
      if (required) return damaged(std::string("has no ") + text);
      continue;
    }
    *id = *found;
    specials_.push_back({text, *found});
  }
  return {};
}

Result<WordPiece::Encoded> WordPiece::encode(std::string_view text) const {
  if (const auto invalid = first_invalid_utf8(text))
    return Error{ErrorCode::malformed, "the text is not UTF-8 at byte " + std::to_string(*invalid),
                 "send UTF-8"};
  Encoded encoded;
  auto& ids = encoded.ids;
  // English has some four bytes a piece.
  ids.reserve(std::min<std::size_t>(options_.tokens_max, 2 + text.size() / 3));
  ids.push_back(cls_);
  const std::size_t room = options_.tokens_max - 1;  // [SEP] comes last
  std::size_t section = 0;
  std::size_t position = 0;
  while (ids.size() <= room) {
    position = std::min(text.find('[', position), text.size());
    const Special* special = special_at(text.substr(position));
    if (special == nullptr && position < text.size()) {
      ++position;
      continue;
    }
    encode_section(text.substr(section, position - section), ids);
    if (special == nullptr) break;
    ids.push_back(special->id);
    position += special->text.size();
    section = position;
  }
  encoded.truncated = ids.size() > room;
  if (encoded.truncated) ids.resize(room);
  ids.push_back(sep_);
  return encoded;
}

const WordPiece::Special* WordPiece::special_at(std::string_view text) const noexcept {
  const auto found = std::ranges::find_if(
      specials_, [&](const Special& special) { return text.starts_with(special.text); });
  return found == specials_.end() ? nullptr : &*found;
}

// Between two special tokens: normalize, then a word at a time, until the text ends or the limit is
// passed.
void WordPiece::encode_section(std::string_view text, std::vector<std::int32_t>& ids) const {
  if (is_ascii(text)) return encode_ascii(text, ids);
  const std::string plain = normalize_for_bert(text, options_.lower_case);
  const std::string_view view = plain;
  std::size_t word = 0;
  std::size_t position = 0;
  while (position < view.size() && ids.size() < options_.tokens_max) {
    const std::size_t here = position;
    const char32_t c = next_character(view, position);
    const bool punctuation = is_punctuation(c);
    if (c != U' ' && !punctuation) continue;
    encode_word(view.substr(word, here - word), ids);
    if (punctuation) encode_word(view.substr(here, position - here), ids);
    word = position;
  }
  encode_word(view.substr(word, position - word), ids);
}

// The same in one pass: each word is put together on its way past.
void WordPiece::encode_ascii(std::string_view text, std::vector<std::int32_t>& ids) const {
  const auto& normalized = normalized_ascii(options_.lower_case);
  std::array<char, word_characters_max> word;
  std::size_t length = 0;  // beyond the limit too
  const auto end_word = [&] {
    if (length > word.size())
      ids.push_back(unknown_);
    else
      encode_word({word.data(), length}, ids);
    length = 0;
  };
  for (std::size_t i = 0; i < text.size() && ids.size() < options_.tokens_max; ++i) {
    const char c = normalized[static_cast<unsigned char>(text[i])];
    const bool punctuation = ascii_punctuation[static_cast<unsigned char>(c)];
    if (punctuation || c == ' ') {
      end_word();
      if (punctuation) encode_word({&c, 1}, ids);
    } else if (c != '\0') {
      if (length < word.size()) word[length] = c;
      ++length;
    }
  }
  end_word();
}

void WordPiece::encode_word(std::string_view word, std::vector<std::int32_t>& ids) const {
  if (word.empty()) return;
  if (word.size() > word_characters_max && characters_in(word) > word_characters_max) {
    ids.push_back(unknown_);
    return;
  }
  const std::size_t ids_before = ids.size();
  for (std::size_t begin = 0; begin < word.size();) {
    const auto found = (begin == 0 ? starts_ : rests_).longest_prefix(word.substr(begin));
    if (found.bytes == 0) {
      // One part that no piece covers makes the whole word unknown.
      ids.resize(ids_before);
      ids.push_back(unknown_);
      return;
    }
    ids.push_back(found.id);
    begin += found.bytes;
  }
}

}  // namespace troupe::models
