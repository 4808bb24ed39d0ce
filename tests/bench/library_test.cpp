#include "bench/librarians/library.hpp"

#include <filesystem>
#include <fstream>

#include "base/limits.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::bench;

namespace {

std::vector<Document> parse(const std::string& lists, const std::string& translations = "") {
  std::size_t left_out = 0;
  auto documents = parse_packages(lists, translations, left_out);
  CHECK(left_out == 0);
  return documents;
}

class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "troupe-library-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(path + "/" + name).parent_path());
    std::ofstream(path + "/" + name, std::ios::binary) << content;
  }
  std::string path;
};

}  // namespace

TEST_CASE("a package becomes its name, its summary and what its tags say of its purpose") {
  const auto documents = parse(
      "Package: ffmpeg\n"
      "Section: video\n"
      "Description: Tools for transcoding\n"
      "Tag: role::program, works-with::{audio,video-file},\n"
      " use::converting, implemented-in::c, works-with::TODO\n"
      "Priority: optional\n");
  REQUIRE(documents.size() == 1);
  CHECK(documents[0].name == "ffmpeg");
  CHECK(documents[0].title == "Tools for transcoding");
  CHECK(documents[0].text == "ffmpeg: Tools for transcoding. audio video file converting");
}

TEST_CASE("the first paragraph of a long description is taken where there is one") {
  const std::string lists = "Package: a\nDescription: short\n\nPackage: b\nDescription: brief\n";
  const std::string translations =
      "Package: a\nDescription-md5: 0\nDescription-en: short\n It does\n this.\n .\n And that.\n";
  const auto documents = parse(lists, translations);
  REQUIRE(documents.size() == 2);
  CHECK(documents[0].text == "a: short. It does this.");
  CHECK(documents[1].text == "b: brief");
}

TEST_CASE("a package that stands in several suites is taken once, the first that apt names") {
  const auto documents = parse("Package: a\nDescription: new\n\nPackage: a\nDescription: old\n\n");
  REQUIRE(documents.size() == 1);
  CHECK(documents[0].title == "new");
}

TEST_CASE("lists that are damaged give what can be read of them") {
  std::size_t left_out = 0;
  const auto documents = parse_packages(
      "Package\nPackage: \n\n continued from nothing\nPackage: fine\nDescription: yes\n\n"
      "Package: bytes\nDescription: \xff\xfe\n\nPackage: mute\n\n:::\n\n",
      "garbage\n\n \n", left_out);
  REQUIRE(documents.size() == 1);
  CHECK(documents[0].name == "fine");
  CHECK(left_out == 2);
}

TEST_CASE("a folder gives its text files by path, cut at the limit, without what is no text") {
  const Folder folder;
  folder.write("b.txt", "second\nline");
  folder.write("a/deep.md", "  \n first of all\n more");
  folder.write("empty.txt", " \n");
  folder.write("latin1.txt", "caf\xe9");
  folder.write("picture.png", "not looked at");
  std::string big(limits::text_bytes_max - 1, 'x');
  folder.write("big.txt", big + "\xc3\xa9 and more");  // the limit falls inside a character
  const auto library = folder_library(folder.path);
  REQUIRE(library);
  CHECK(library->left_out == 2);
  REQUIRE(library->documents.size() == 3);
  CHECK(library->documents[0].name == "a/deep.md");
  CHECK(library->documents[0].title == "first of all");
  CHECK(library->documents[1].title == "second");
  CHECK((library->documents[2].text == big));
}

TEST_CASE("a folder that is not there or holds no text is an error that says so") {
  CHECK(folder_library("/nonexistent").error().code == ErrorCode::io);
  const Folder folder;
  CHECK(folder_library(folder.path).error().code == ErrorCode::not_found);
}
