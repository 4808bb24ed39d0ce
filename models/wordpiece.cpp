#include "models/wordpiece.hpp"

#include <algorithm>

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

bool is_punctuation(char32_t c) noexcept {
  if (c >= 0x80) return kind_of(c) == CharKind::punctuation;
  return (c >= 0x21 && c <= 0x2f) || (c >= 0x3a && c <= 0x40) || (c >= 0x5b && c <= 0x60) ||
         (c >= 0x7b && c <= 0x7e);
}

bool starts_character(std::string_view text, std::size_t position) noexcept {
  return position == text.size() || (static_cast<unsigned char>(text[position]) & 0xc0) != 0x80;
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
    auto& longest = continues ? made.rest_bytes_max_ : made.start_bytes_max_;
    longest = std::max(longest, piece.size());
    auto& pieces = continues ? made.rests_ : made.starts_;
    if (!pieces.emplace(piece, id).second) return damaged("repeats an earlier piece " + line());
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
    const auto found = starts_.find(std::string_view(text));
    if (found == starts_.end()) {
      if (required) return damaged(std::string("has no ") + text);
      continue;
    }
    *id = found->second;
    specials_.push_back({text, found->second});
  }
  return {};
}

Result<WordPiece::Encoded> WordPiece::encode(std::string_view text) const {
  if (const auto invalid = first_invalid_utf8(text))
    return Error{ErrorCode::malformed, "the text is not UTF-8 at byte " + std::to_string(*invalid),
                 "send UTF-8"};
  Encoded encoded;
  auto& ids = encoded.ids;
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
  if (text.empty()) return;
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

void WordPiece::encode_word(std::string_view word, std::vector<std::int32_t>& ids) const {
  if (word.empty()) return;
  if (word.size() > word_characters_max && characters_in(word) > word_characters_max) {
    ids.push_back(unknown_);
    return;
  }
  const std::size_t ids_before = ids.size();
  std::size_t begin = 0;
  while (begin < word.size()) {
    const Pieces& pieces = begin == 0 ? starts_ : rests_;
    const std::size_t longest = begin == 0 ? start_bytes_max_ : rest_bytes_max_;
    std::size_t end = std::min(word.size(), begin + longest);
    auto found = pieces.end();
    for (; end > begin; --end) {
      if (!starts_character(word, end)) continue;
      found = pieces.find(word.substr(begin, end - begin));
      if (found != pieces.end()) break;
    }
    if (found == pieces.end()) {
      // One part that no piece covers makes the whole word unknown.
      ids.resize(ids_before);
      ids.push_back(unknown_);
      return;
    }
    ids.push_back(found->second);
    begin = end;
  }
}

}  // namespace troupe::models
