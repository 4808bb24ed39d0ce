#include "bench/librarians/library.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/fnv1a.hpp"
#include "base/limits.hpp"
#include "base/random.hpp"
#include "base/utf8.hpp"

namespace troupe::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t file_bytes_max = 16 * 1024 * 1024;
constexpr std::size_t files_max = 1'000'000;

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
  std::string description;  // the long one's first paragraph, where the lists carry it
  std::string tags;
};

// The facets that say what a thing is for, in the words of Debian's debtags; the others (how it is
// built, what it depends on) would make strangers look alike.
bool tells_purpose(std::string_view facet) {
  static constexpr std::array<std::string_view, 8> telling = {
      "use", "works-with", "works-with-format", "game", "field", "science", "security", "mail"};
  return std::find(telling.begin(), telling.end(), facet) != telling.end();
}

// "role::program, works-with::{audio,video}" -> "audio video".
std::string tag_words(std::string_view tags) {
  std::string words;
  std::string facet;
  std::string word;
  const auto flush = [&] {
    if (!word.empty() && word != "TODO" && tells_purpose(facet))
      words += (words.empty() ? "" : " ") + word;
    word.clear();
  };
  for (std::size_t i = 0; i < tags.size(); ++i) {
    const char c = tags[i];
    if (c == ':' && i + 1 < tags.size() && tags[i + 1] == ':') {
      facet = std::exchange(word, {});
      ++i;
    } else if (c == ',' || c == ' ' || c == '{' || c == '}') {
      flush();
    } else {
      word += c;
    }
  }
  flush();
  std::replace(words.begin(), words.end(), '-', ' ');
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

template <std::size_t n>
bool any_of(const std::array<std::string_view, n>& list,
            bool (*matches)(std::string_view, std::string_view), std::string_view text) {
  return std::any_of(list.begin(), list.end(),
                     [&](std::string_view item) { return matches(text, item); });
}

// What a person would search for by what it does: programs of the everyday sections; no libraries,
// symbols, documentation, translations, placeholders.
bool is_for_people(const Package& package) {
  static constexpr std::array<std::string_view, 33> sections = {
      "admin",        "comm",      "database",    "devel",
      "editors",      "education", "electronics", "embedded",
      "games",        "gnome",     "graphics",    "hamradio",
      "httpd",        "kde",       "mail",        "math",
      "misc",         "net",       "news",        "science",
      "shells",       "sound",     "tex",         "text",
      "utils",        "vcs",       "video",       "web",
      "x11",          "xfce",      "otherosfs",   "localization-tools",
      "accessibility"};
  static constexpr std::array<std::string_view, 21> beginnings = {
      "lib",     "python-", "python3-", "ruby-",  "node-",     "golang-",       "r-cran-",
      "r-bioc-", "php-",    "elpa-",    "fonts-", "texlive",   "gir1.2-",       "linux-",
      "task-",   "gcc-",    "g++-",     "cpp-",   "binutils-", "language-pack", "ghc-"};
  static constexpr std::array<std::string_view, 17> endings = {
      "-dev",     "-doc",      "-docs",    "-dbg",     "-dbgsym", "-data",
      "-common",  "-examples", "-l10n",    "-i18n",    "-perl",   "-java",
      "-modules", "-plugin",   "-plugins", "-headers", "-source"};
  static constexpr std::array<std::string_view, 2> inner = {"-linux-gnu", "multilib"};
  static constexpr std::array<std::string_view, 4> placeholders = {"transitional", "dummy",
                                                                   "metapackage", "meta-package"};
  const auto is = [](std::string_view text, std::string_view item) { return text == item; };
  const auto begins = [](std::string_view text, std::string_view item) {
    return text.starts_with(item) && !text.starts_with("libreoffice");
  };
  const auto ends = [](std::string_view text, std::string_view item) {
    return text.ends_with(item);
  };
  const auto holds = [](std::string_view text, std::string_view item) {
    return text.find(item) != std::string_view::npos;
  };
  std::string summary = package.summary;
  std::transform(summary.begin(), summary.end(), summary.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return any_of(sections, +is, package.section) && !any_of(beginnings, +begins, package.name) &&
         !any_of(endings, +ends, package.name) && !any_of(inner, +holds, package.name) &&
         !any_of(placeholders, +holds, summary);
}

// The selection must not depend on the standard library at hand: FNV-1a, spread by SplitMix64.
std::uint64_t name_hash(const std::string& name) {
  return Random(fnv1a(name)).next();
}

struct Entry {
  Document document;
  bool for_people = false;
  bool program = false;
};

// RFC 822 paragraphs: "Key: value", further lines of a value start with a space. Both apt's package
// lists and its translations, which carry the long descriptions, are made of them.
class PackageReader {
 public:
  void read(std::string_view text) {
    while (!text.empty()) {
      const auto end = text.find('\n');
      line(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    line("");
  }

  std::vector<Package> packages;

 private:
  void line(std::string_view text) {
    if (text.empty()) {
      if (!package_.name.empty()) packages.push_back(std::move(package_));
      package_ = {};
      value_ = nullptr;
    } else if (text.front() == ' ') {
      continue_value(text);
    } else {
      start_value(text);
    }
  }

  void start_value(std::string_view text) {
    value_ = nullptr;
    const auto colon = text.find(": ");
    if (colon == std::string_view::npos) return;
    const std::string_view key = text.substr(0, colon);
    std::string* target = nullptr;
    if (key == "Package") target = &package_.name;
    if (key == "Section") target = &package_.section;
    if (key == "Tag") target = &package_.tags;
    if (key == "Description" || key == "Description-en") target = &package_.summary;
    if (target == nullptr) return;
    *target = text.substr(colon + 2);
    // What follows a summary is the long description; a folded tag list just goes on.
    value_ = target == &package_.summary ? &package_.description : target;
  }

  void continue_value(std::string_view text) {
    if (value_ == nullptr) return;
    if (text == " .") {
      value_ = nullptr;  // of a long description the first paragraph says what a thing is
      return;
    }
    value_->append(value_->empty() ? "" : " ").append(text.substr(1));
  }

  Package package_;
  std::string* value_ = nullptr;  // where continuation lines go
};

std::vector<Entry> read_packages(std::string_view lists, std::string_view translations,
                                 std::size_t& left_out) {
  PackageReader descriptions;
  descriptions.read(translations);
  std::unordered_map<std::string, std::string> long_ones;
  for (auto& package : descriptions.packages)
    long_ones.emplace(std::move(package.name), std::move(package.description));

  PackageReader reader;
  reader.read(lists);
  // The same package stands once per suite: the first, which apt prefers, is kept.
  std::stable_sort(reader.packages.begin(), reader.packages.end(),
                   [](const Package& a, const Package& b) { return a.name < b.name; });
  const auto same = [](const Package& a, const Package& b) { return a.name == b.name; };
  reader.packages.erase(std::unique(reader.packages.begin(), reader.packages.end(), same),
                        reader.packages.end());

  std::vector<Entry> entries;
  for (auto& package : reader.packages) {
    if (const auto found = long_ones.find(package.name);
        found != long_ones.end() && package.description.empty())
      package.description = found->second;
    if (const auto slash = package.section.rfind('/'); slash != std::string::npos)
      package.section.erase(0, slash + 1);
    Document document = to_document(package);
    if (package.summary.empty() || !is_utf8(document.text)) {
      ++left_out;
      continue;
    }
    const bool program = package.tags.find("role::program") != std::string::npos;
    entries.push_back({std::move(document), is_for_people(package), program});
  }
  return entries;
}

// What a command prints; nothing when it fails or is not there.
std::string output_of(const char* command) {
  std::FILE* pipe = ::popen(command, "re");
  if (pipe == nullptr) return "";
  std::string output;
  std::array<char, 1 << 16> chunk{};
  for (std::size_t n = 0; (n = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;)
    output.append(chunk.data(), n);
  return ::pclose(pipe) == 0 ? output : "";
}

constexpr const char* lists_command = "LC_ALL=C apt-cache dumpavail 2>/dev/null";
constexpr const char* translations_command =
    "LC_ALL=C apt-get indextargets --format '$(FILENAME)' 'Created-By: Translations' 2>/dev/null"
    " | grep -E 'Translation-en' | xargs -r /usr/lib/apt/apt-helper cat-file 2>/dev/null";

}  // namespace

std::vector<Document> parse_packages(const std::string& lists, const std::string& translations,
                                     std::size_t& left_out) {
  std::vector<Document> documents;
  for (auto& entry : read_packages(lists, translations, left_out))
    documents.push_back(std::move(entry.document));
  return documents;
}

Result<Library> packages_library(std::size_t count, const std::set<std::string>& always) {
  const std::string lists = output_of(lists_command);
  if (lists.empty())
    return Error{ErrorCode::io, "apt-cache knows no packages on this machine",
                 "run `apt-get update`, or give a folder of text with --library DIR"};
  Library library;
  library.source = "the package descriptions of this machine's apt";
  auto entries = read_packages(lists, output_of(translations_command), library.left_out);
  library.available = entries.size();

  if (count != 0) {
    // Wanted first, then programs, then the rest, each by hash: the first `count` are an even
    // spread.
    const auto rank = [&](const Entry& entry) {
      const bool wanted = always.contains(entry.document.name);
      return std::tuple(!wanted, !entry.for_people, !entry.program, name_hash(entry.document.name));
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
    if (first == std::string::npos || !is_utf8(text)) {
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
