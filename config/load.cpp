#include "config/load.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/units.hpp"
#include "config/layers.hpp"
#include "config/value.hpp"
#include "config/words.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to us

namespace troupe::config {
namespace {

Error unreadable(const std::string& path, const std::string& why) {
  return {ErrorCode::io, "cannot read the config " + path + ": " + why,
          "give the path of a cluster file, such as configs/quickstart.toml"};
}

Error mistakes(std::string text) {
  return {ErrorCode::config, std::move(text), "docs/configuration.md describes every key"};
}

class File {
 public:
  explicit File(const std::string& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

// Reads at most one byte over the limit, so that a device without an end is no danger.
Result<std::string> read_text(const std::string& path) {
  const auto system_error = [&] {
    return unreadable(path, std::generic_category().message(errno));
  };
  const File file(path);
  if (file.descriptor() < 0) return system_error();
  struct stat about {};
  if (::fstat(file.descriptor(), &about) == 0 && S_ISDIR(about.st_mode))
    return unreadable(path, "it is a folder");
  std::string text;
  std::array<char, 16384> block{};
  while (text.size() <= config_bytes_max) {
    const auto count = ::read(file.descriptor(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error();
    if (count == 0) return text;
    text.append(block.data(), static_cast<std::size_t>(count));
  }
  return unreadable(path, "it is longer than " + format_bytes(config_bytes_max));
}

LoadedConfig finished(Draft& draft) {
  LoadedConfig loaded;
  for (const auto& bound : draft.settings) {
    const auto source = bound.origin.layer == Layer::flag ? "--set" : to_string(bound.origin);
    loaded.settings.push_back({bound.path(), format_slot(draft.slot(bound)), source});
  }
  loaded.config = std::move(draft.config);
  return loaded;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> config_environment() {
  constexpr std::string_view prefix = "TROUPE_";
  std::vector<std::pair<std::string, std::string>> settings;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto name = text.substr(0, text.find('='));
    if (name.size() == text.size() || !name.starts_with(prefix)) continue;
    if (name.find("__", prefix.size()) == std::string_view::npos) continue;
    settings.emplace_back(name, text.substr(name.size() + 1));
  }
  return settings;
}

Result<LoadedConfig> parse_config(const std::string& text, const std::string& name,
                                  const Overrides& overrides) {
  Draft draft;
  draft.file = name;
  const auto document = read_toml(text);
  if (const auto* mistake = std::get_if<TomlMistake>(&document)) {
    draft.mistakes.add(draft.in_file(mistake->place), shown(mistake->what, 200));
    return mistakes(draft.mistakes.text());
  }
  read_file_layer(draft, std::get<TomlTable>(document), overrides.variables);
  apply_overrides(draft, overrides);
  check_together(draft);
  if (!draft.mistakes.empty()) return mistakes(draft.mistakes.text());
  return finished(draft);
}

Result<LoadedConfig> load_config(const std::string& path, const Overrides& overrides) {
  const auto text = read_text(path);
  if (!text) return text.error();
  return parse_config(*text, path, overrides);
}

}  // namespace troupe::config
