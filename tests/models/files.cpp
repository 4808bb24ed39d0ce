#include "tests/models/files.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/catch.hpp"

namespace troupe::models::test {

namespace fs = std::filesystem;

std::string data_path(const std::string& name) {
  return std::string(TROUPE_SOURCE_DIR) + "/tests/data/models/" + name;
}

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  INFO(path);
  REQUIRE(file.good());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<nlohmann::json> read_json_lines(const std::string& path) {
  std::istringstream text(read_all(path));
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

std::string real_model_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    return std::string(value == nullptr ? "" : value);
  };
  std::string folder = variable("TROUPE_MODEL_DIR");
  if (folder.empty()) {
    std::string cache = variable("XDG_CACHE_HOME");
    if (cache.empty()) cache = variable("HOME") + "/.cache";
    folder = cache + "/troupe/models/all-MiniLM-L6-v2";
  }
  if (!fs::exists(folder + "/model.safetensors"))
    FAIL("there is no model in " << folder << ": run tools/get-model");
  return folder;
}

ScratchFolder::ScratchFolder() {
  std::string pattern = (fs::temp_directory_path() / "troupe-models-XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void ScratchFolder::write(const std::string& name, std::string_view text) const {
  const fs::path path = fs::path(path_) / name;
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  REQUIRE(file.good());
}

void ScratchFolder::remove(const std::string& name) const {
  REQUIRE(fs::remove(fs::path(path_) / name));
}

void ScratchFolder::copy_from(const std::string& folder) const {
  fs::copy(folder, path_, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
}

}  // namespace troupe::models::test
