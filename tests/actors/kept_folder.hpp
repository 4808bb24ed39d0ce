// A folder for the memories of node "a", for tests.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "tests/catch.hpp"

namespace troupe::tests {

// A new folder that goes away with its owner.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "troupe-keep-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  // Below what is there: the node makes the rest.
  [[nodiscard]] std::string path() const { return path_ + "/kept"; }
  [[nodiscard]] std::string file() const { return path() + "/a.memories"; }

 private:
  std::string path_;
};

}  // namespace troupe::tests
