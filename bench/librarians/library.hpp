// The library: real texts to put on the shelves.
//
// By default the package descriptions that this machine's apt knows (so the shelves make a semantic
// `apt search`), else every text file below a folder. Text from outside is only read, never
// trusted: what is not UTF-8 or empty is left out and counted.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace troupe::bench {

struct Document {
  std::string name;   // a package's, or a file's path below the folder
  std::string title;  // one line for people
  std::string text;   // what is embedded
};

struct Library {
  std::string source;  // "apt's package lists" or the folder
  std::vector<Document> documents;
  std::size_t available = 0;  // before the selection
  std::size_t left_out = 0;   // empty, or not UTF-8
};

// `count` packages out of all that apt knows, or all when it is 0. Those named in `always` come
// first (so that questions whose answer is known can be asked of a small library), then programs
// that a person would search for, evenly spread by a hash of their names: the same on every machine
// with the same lists. A package's text is its name, its summary, the tags that tell its purpose,
// and the first paragraph of its long description where the lists carry one. Errors: io when
// apt-cache cannot be run or knows nothing.
Result<Library> packages_library(std::size_t count, const std::set<std::string>& always);

// Every regular file below `folder` that ends in .txt, .md, .rst or .text, in order of their paths;
// what is longer than limits::text_bytes_max is cut at a character boundary.
Result<Library> folder_library(const std::string& folder);

// What packages_library() makes of apt's package lists and of its translations (which carry the
// long descriptions and may be empty): every package once, by name.
std::vector<Document> parse_packages(const std::string& lists, const std::string& translations,
                                     std::size_t& left_out);

}  // namespace troupe::bench
