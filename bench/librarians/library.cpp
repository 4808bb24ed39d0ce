#include "bench/librarians/library.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/limits.hpp"
#include "models/utf8.hpp"

namespace troupe::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t file_bytes_max = 16 * 1024 * 1024;
constexpr std::size_t files_max = 1'000'000;

bool is_text(const std::string& text) {
  return !models::first_invalid_utf8(text).has_value();
}

// Cuts at a limit in bytes, never inside a character.
void shorten(std::string& text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
}

// --- packages
// -------------------------------------------------------------------------------------

struct Package {
  std::string name;
  std::string section;
  std::string summary;
  std::string description;  // the long one, where the lists carry it
  std::string tags;
};

// "role::program, works-with::{audio,video}" -> "program audio video": the facets' names say
// little.
std::string tag_words(std::string_view tags) {
  std::string words;
  std::string word;
  const auto flush = [&] {
    if (!word.empty() && word != "TODO") words += (words.empty() ? "" : " ") + word;
    word.clear();
  };
  for (std::size_t i = 0; i < tags.size(); ++i) {
    const char c = tags[i];
    if (c == ':' && i + 1 < tags.size() && tags[i + 1] == ':') {
      word.clear();  // what stood before is the facet
      ++i;
    } else if (c == ',' || c == ' ' || c == '{' || c == '}' || c == '\n') {
      flush();
    } else {
      word += c == '-' ? ' ' : c;
    }
  }
  flush();
  return words;
}

Document to_document(const Package& package) {
  std::string text = package.name + ": " + package.summary;
  const std::string tags = tag_words(package.tags);
  if (!tags.empty()) text += ". " + tags;
  if (!package.description.empty()) text += ". " + package.description;
  shorten(text, limits::text_bytes_max);
  return {package.name, package.summary, std::move(text)};
}

// Libraries, symbols, documentation, translations and other things that nobody searches for by what
// they do.
bool is_for_people(const Document& document, const std::string& section) {
  static constexpr std::array<std::string_view, 22> dull_sections = {
      "libs",  "libdevel", "oldlibs", "debug", "doc",    "localization", "introspection", "kernel",
      "perl",  "python",   "ruby",    "rust",  "golang", "javascript",   "php",           "java",
      "ocaml", "lisp",     "haskell", "gnu-r", "fonts",  "metapackages"};
  static constexpr std::array<std::string_view, 9> dull_endings = {
      "-dev", "-dbg", "-dbgsym", "-doc", "-data", "-common", "-plugins", "-l10n", "-examples"};
  const auto ends_dull = [&](std::string_view ending) { return document.name.ends_with(ending); };
  return std::find(dull_sections.begin(), dull_sections.end(), section) == dull_sections.end() &&
         std::none_of(dull_endings.begin(), dull_endings.end(), ends_dull) &&
         !document.name.starts_with("lib");
}

// FNV-1a: the selection must not depend on the standard library at hand.
std::uint64_t name_hash(const std::string& name) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash ^ (hash >> 29);
}

struct Entry {
  Document document;
  std::string section;  // without "contrib/" or "non-free/"
};

// RFC 822 paragraphs: "Key: value", further lines of a value start with a space.
class PackageReader {
 public:
  void line(std::string_view text) {
    if (text.empty()) return end_paragraph();
    if (text.front() == ' ') {
      if (value_ != nullptr) {
        if (text != " .") value_->append(value_->empty() ? "" : " ").append(text.substr(1));
      }
      return;
    }
    const auto colon = text.find(": ");
    const std::string_view key = text.substr(0, colon);
    value_ = nullptr;
    std::string* target = nullptr;
    if (key == "Package") target = &package_.name;
    if (key == "Section") target = &package_.section;
    if (key == "Tag") target = &package_.tags;
    // "Description:" or "Description-en:": the first line is the summary, the rest the long one.
    if (key == "Description" || key == "Description-en") {
      target = &package_.summary;
      value_ = &package_.description;
    }
    if (target == nullptr || colon == std::string_view::npos) return;
    if (value_ == nullptr) value_ = target;
    *target = text.substr(colon + 2);
  }

  void end_paragraph() {
    value_ = nullptr;
    Package package = std::exchange(package_, {});
    if (package.name.empty()) return;
    Document document = to_document(package);
    if (package.summary.empty() || !is_text(document.text)) {
      ++left_out;
      return;
    }
    if (const auto slash = package.section.rfind('/'); slash != std::string::npos)
      package.section.erase(0, slash + 1);
    entries.push_back({std::move(document), std::move(package.section)});
  }

  std::vector<Entry> entries;
  std::size_t left_out = 0;

 private:
  Package package_;
  std::string* value_ = nullptr;  // where continuation lines go
};

std::vector<Entry> read_packages(std::string_view text, std::size_t& left_out) {
  PackageReader reader;
  while (!text.empty()) {
    const auto end = text.find('\n');
    reader.line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  reader.end_paragraph();
  left_out = reader.left_out;
  // The same package stands once per suite: the first, which apt prefers, is kept.
  std::stable_sort(reader.entries.begin(), reader.entries.end(),
                   [](const auto& a, const auto& b) { return a.document.name < b.document.name; });
  const auto same = [](const auto& a, const auto& b) { return a.document.name == b.document.name; };
  reader.entries.erase(std::unique(reader.entries.begin(), reader.entries.end(), same),
                       reader.entries.end());
  return std::move(reader.entries);
}

Result<std::string> run_apt_cache() {
  std::FILE* pipe = ::popen("LC_ALL=C apt-cache dumpavail 2>/dev/null", "re");
  if (pipe == nullptr) return Error{ErrorCode::io, "cannot run apt-cache", ""};
  std::string output;
  std::array<char, 1 << 16> chunk{};
  for (std::size_t n = 0; (n = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;)
    output.append(chunk.data(), n);
  if (::pclose(pipe) != 0 || output.empty())
    return Error{ErrorCode::io, "apt-cache knows no packages on this machine",
                 "run `apt-get update`, or give a folder of text with --library DIR"};
  return output;
}

}  // namespace

std::vector<Document> parse_packages(const std::string& text, std::size_t& left_out) {
  std::vector<Document> documents;
  for (auto& entry : read_packages(text, left_out)) documents.push_back(std::move(entry.document));
  return documents;
}

Result<Library> packages_library(std::size_t count, const std::set<std::string>& always) {
  const auto output = run_apt_cache();
  if (!output) return output.error();
  Library library;
  library.source = "the package descriptions of this machine's apt";
  auto entries = read_packages(*output, library.left_out);
  library.available = entries.size();

  if (count != 0) {
    // Wanted first, then by hash: the first `count` are an even spread over what is left.
    const auto rank = [&](const Entry& entry) {
      const bool wanted = always.contains(entry.document.name);
      const bool dull = !is_for_people(entry.document, entry.section);
      return std::tuple(!wanted, dull, name_hash(entry.document.name));
    };
    std::sort(entries.begin(), entries.end(),
              [&](const Entry& a, const Entry& b) { return rank(a) < rank(b); });
    if (entries.size() > count) entries.resize(count);
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.document.name < b.document.name; });
  }
  for (auto& entry : entries) library.documents.push_back(std::move(entry.document));
  return library;
}

Result<Library> folder_library(const std::string& folder) {
  static constexpr std::array<std::string_view, 4> endings = {".txt", ".md", ".rst", ".text"};
  std::error_code failed;
  std::vector<fs::path> files;
  auto walk = fs::recursive_directory_iterator(
      folder, fs::directory_options::skip_permission_denied, failed);
  if (failed)
    return Error{ErrorCode::io, "cannot read the folder " + folder + ": " + failed.message(),
                 "give a folder of text files with --library"};
  for (; !failed && walk != fs::end(walk) && files.size() < files_max; walk.increment(failed)) {
    std::error_code ignored;
    const auto extension = walk->path().extension().string();
    if (walk->is_regular_file(ignored) &&
        std::find(endings.begin(), endings.end(), extension) != endings.end())
      files.push_back(walk->path());
  }
  std::sort(files.begin(), files.end());

  Library library;
  library.source = folder;
  library.available = files.size();
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    std::string text;
    if (fs::file_size(path, failed) <= file_bytes_max && !failed)
      text.assign(std::istreambuf_iterator<char>(file), {});
    shorten(text, limits::text_bytes_max);
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string::npos || !is_text(text)) {
      ++library.left_out;
      continue;
    }
    std::string title = text.substr(first, text.find('\n', first) - first);
    shorten(title, 120);
    library.documents.push_back(
        {fs::relative(path, folder, failed).string(), std::move(title), std::move(text)});
  }
  if (library.documents.empty())
    return Error{ErrorCode::not_found, "there is no text below " + folder,
                 "files must end in .txt, .md, .rst or .text and be UTF-8"};
  return library;
}

}  // namespace troupe::bench
