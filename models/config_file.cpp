#include "models/config_file.hpp"

#include "models/file.hpp"
#include "models/json.hpp"

namespace troupe::models {
namespace {

std::string shown(const nlohmann::json& value) {
  return value.is_structured() ? std::string("an ") + value.type_name() : quoted(value.dump());
}

}  // namespace

Result<ConfigFile> ConfigFile::open(const std::string& path) {
  const auto text = read_file(path, bytes_max);
  if (!text) return text.error();
  auto parsed = parse_json(*text, path);
  if (!parsed) return parsed.error();
  return ConfigFile(path, std::move(*parsed));
}

Result<std::optional<ConfigFile>> ConfigFile::open_if_there(const std::string& path) {
  if (!file_exists(path)) return std::optional<ConfigFile>{};
  auto file = open(path);
  if (!file) return file.error();
  return std::optional<ConfigFile>(std::move(*file));
}

std::uint32_t ConfigFile::integer(const char* key, std::uint32_t min, std::uint32_t max,
                                  std::optional<std::uint32_t> missing) {
  const auto* value = find(key);
  if (value == nullptr) {
    if (!missing) fail(key, "it is missing");
    return missing.value_or(min);
  }
  const auto number = value->is_number_unsigned() ? value->get<std::uint64_t>() : 0;
  if (!value->is_number_unsigned() || number < min || number > max) {
    fail(key, shown(*value) + " is no whole number from " + std::to_string(min) + " to " +
                  std::to_string(max));
    return min;
  }
  return static_cast<std::uint32_t>(number);
}

double ConfigFile::number(const char* key, double above, double max, double missing) {
  const auto* value = find(key);
  if (value == nullptr) return missing;
  const double number = value->is_number() ? value->get<double>() : above;
  if (number > above && number <= max) return number;
  fail(key, shown(*value) + " is no number above " + nlohmann::json(above).dump() + " and up to " +
                nlohmann::json(max).dump());
  return missing;
}

bool ConfigFile::flag(const char* key, bool missing) {
  const auto* value = find(key);
  if (value == nullptr) return missing;
  if (value->is_boolean()) return value->get<bool>();
  fail(key, shown(*value) + " is neither true nor false");
  return missing;
}

std::string ConfigFile::text(const char* key, const char* missing) {
  const auto* value = find(key);
  if (value == nullptr) return missing;
  if (value->is_string()) return value->get<std::string>();
  fail(key, shown(*value) + " is not a string");
  return missing;
}

void ConfigFile::must_be_object() {
  if (!json_.is_object()) fail("", "it is not a JSON object");
}

void ConfigFile::fail(const std::string& key, const std::string& why) {
  keep({ErrorCode::model_damaged, path_ + ": " + (key.empty() ? "" : quoted(key) + ": ") + why,
        "fetch the model again"});
}

void ConfigFile::unsupported(const std::string& why) {
  unsupported(why, "choose a BERT-class encoder with GELU and mean pooling, like all-MiniLM-L6-v2");
}

void ConfigFile::unsupported(const std::string& why, const std::string& next_step) {
  keep({ErrorCode::unsupported, path_ + ": " + why, next_step});
}

const nlohmann::json* ConfigFile::find(const char* key) const {
  if (!json_.is_object()) return nullptr;
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

void ConfigFile::keep(Error error) {
  if (!error_) error_ = std::move(error);
}

}  // namespace troupe::models
