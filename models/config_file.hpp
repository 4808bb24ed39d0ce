// One JSON file of a model folder, its keys read one by one with their checks.
//
// The first problem is kept and reading goes on with defaults, so that a list of reads needs one
// look at status() at its end. A missing key and null are the same, as in Python's config classes.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace troupe::models {

class ConfigFile {
 public:
  static constexpr std::uint64_t bytes_max = 1024ULL * 1024;

  // Errors: those of read_file and parse_json.
  static Result<ConfigFile> open(const std::string& path);

  // Nothing if there is no such file.
  static Result<std::optional<ConfigFile>> open_if_there(const std::string& path);

  // What stands in place of a missing key comes last; without it the key must be there.
  std::uint32_t integer(const char* key, std::uint32_t min, std::uint32_t max,
                        std::optional<std::uint32_t> missing = std::nullopt);
  double number(const char* key, double above, double max, double missing);
  bool flag(const char* key, bool missing);
  std::string text(const char* key, const char* missing);

  void must_be_object();

  // Problems that the caller finds: damage, and what is sound but not done here.
  void fail(const std::string& key, const std::string& why);
  void unsupported(const std::string& why);  // of a text encoder
  void unsupported(const std::string& why, const std::string& next_step);

  [[nodiscard]] Status status() const { return error_ ? Status(*error_) : Status(); }
  [[nodiscard]] const nlohmann::json& whole() const noexcept { return json_; }

 private:
  ConfigFile(std::string path, nlohmann::json parsed)
      : path_(std::move(path)), json_(std::move(parsed)) {}

  [[nodiscard]] const nlohmann::json* find(const char* key) const;
  void keep(Error error);

  std::string path_;
  nlohmann::json json_;
  std::optional<Error> error_;
};

}  // namespace troupe::models
