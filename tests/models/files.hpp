// Files for the tests of models/: golden data, the real model, and scratch folders.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::models::test {

// A path below tests/data/models. tools/make-goldens makes what is there.
std::string data_path(const std::string& name);

// Fails the test when the file cannot be read.
std::string read_all(const std::string& path);

// One JSON value per line; the first says what the file is and which versions made it.
std::vector<nlohmann::json> read_json_lines(const std::string& path);

// The folder of all-MiniLM-L6-v2, where tools/get-model leaves it. Fails the test when there is
// none: the real model is part of the tests.
std::string real_model_folder();

// A new folder that goes away with its owner.
class ScratchFolder {
 public:
  ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // Makes folders on the way; replaces what is there.
  void write(const std::string& name, std::string_view text) const;
  void remove(const std::string& name) const;
  void copy_from(const std::string& folder) const;

 private:
  std::string path_;
};

}  // namespace troupe::models::test
