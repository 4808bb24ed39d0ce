#include "transport/key_files.hpp"

#include <algorithm>
#include <filesystem>

#include "base/limits.hpp"
#include "transport/files.hpp"
#include "transport/secret.hpp"

namespace troupe::transport {
namespace {

constexpr std::size_t z85_chars = 40;

Error damaged(const std::string& path, const std::string& why) {
  return {ErrorCode::malformed, "'" + path + "' is not a key file: " + why,
          "make new keys with 'troupe keys', or copy the file again"};
}

// What may stand in a key file: comments, empty lines, and each of these at most once.
struct Entries {
  std::string public_z85;
  std::string next_z85;
  std::string secret_z85;
  std::optional<Role> role;

  Entries() = default;
  Entries(Entries&&) = default;
  Entries& operator=(Entries&&) = default;
  ~Entries() { wipe(secret_z85); }
};

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

// `name = "value"`; the value without its quotes, or none.
struct Line {
  std::string_view name;
  std::optional<std::string_view> value;
};

Line split(std::string_view line) {
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) return {};
  const std::string_view value = trim(line.substr(equals + 1));
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return {trim(line.substr(0, equals)),
          quoted ? std::optional(value.substr(1, value.size() - 2)) : std::nullopt};
}

// Calls `take` with each line, trimmed; stops at the first error.
template <class Take>
Status each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (auto taken = take(trim(text.substr(0, end))); !taken) return taken;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

// The messages never quote the line: it may hold half of a secret.
Status read_line(std::string_view text, Entries& entries, const std::string& path) {
  if (text.empty() || text.front() == '#') return {};
  const Line line = split(text);
  if (line.name == "role") {
    if (entries.role) return damaged(path, "role stands in it twice");
    const auto role = parse_role(line.value.value_or(""));
    if (!role)
      return Error{ErrorCode::config, "'" + path + "' gives a role that there is not",
                   role.error().next_step};
    entries.role = *role;
    return {};
  }
  std::string* entry = line.name == "public"   ? &entries.public_z85
                       : line.name == "next"   ? &entries.next_z85
                       : line.name == "secret" ? &entries.secret_z85
                                               : nullptr;
  if (entry == nullptr)
    return damaged(path,
                   "a line is none of public = \"...\", next = \"...\", role = \"...\" and "
                   "secret = \"...\"");
  if (!entry->empty()) return damaged(path, std::string(line.name) + " stands in it twice");
  if (!line.value || !parse_public_key(*line.value))
    return damaged(path, std::string(line.name) + " is not a key of 40 Z85 characters in quotes");
  *entry = *line.value;
  return {};
}

Result<Entries> parse(std::string_view text, const std::string& path) {
  Entries entries;
  const auto read =
      each_line(text, [&](std::string_view line) { return read_line(line, entries, path); });
  if (!read) return read.error();
  if (entries.public_z85.empty()) return damaged(path, "it has no public key");
  return entries;
}

std::string entry(std::string_view name, std::string_view value) {
  return std::string(name) + " = \"" + std::string(value) + "\"\n";
}

std::string text_of(const PublicFile& file) {
  std::string text = entry("public", file.key.z85);
  if (file.next) text += entry("next", file.next->z85);
  if (file.role) text += entry("role", name(*file.role));
  return text;
}

Status write_private(const std::string& path, const std::string& name, const KeyPair& keys) {
  std::string text = "# The key pair of " + name + ". Keep it secret; give away " + name +
                     ".pub instead.\n" + entry("public", keys.public_key.z85) +
                     entry("secret", keys.secret_z85);
  auto written = write_new_file(path, text, 0600);
  wipe(text);
  return written;
}

Status check_pair(const std::string& folder, const std::string& name, const KeyPair& keys) {
  if (auto named = check_file_name(name); !named) return named;
  if (auto valid = check_keys(keys); !valid) return valid;
  return make_private_folder(folder);
}

}  // namespace

Result<std::vector<std::string>> public_files(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed))
    if (entry->path().extension() == ".pub") files.push_back(entry->path().string());
  if (failed)
    return Error{ErrorCode::io, "cannot read the folder " + folder + ": " + failed.message(),
                 "set cluster.keys, or --folder, to a folder that holds keys"};
  std::sort(files.begin(), files.end());
  return files;
}

Status check_file_name(const std::string& name) {
  constexpr std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (!name.empty() && name.size() <= limits::name_bytes_max && name.front() != '.' &&
      name.find_first_not_of(allowed) == std::string::npos)
    return {};
  return Error{ErrorCode::invalid_argument, "'" + name + "' cannot name a key file",
               "use letters, digits, '-', '_' and '.', not first a '.'"};
}

std::vector<PublicKey> PublicFile::halves() const {
  std::vector<PublicKey> halves{key};
  if (next) halves.push_back(*next);
  return halves;
}

Status write_keys(const std::string& folder, const std::string& name, const KeyPair& keys,
                  std::optional<Role> role) {
  if (auto good = check_pair(folder, name, keys); !good) return good;
  const std::string key_path = folder + "/" + name + ".key";
  if (auto written = write_private(key_path, name, keys); !written) return written;
  auto published =
      write_new_file(folder + "/" + name + ".pub",
                     "# The public key of " + name + ", for whoever should admit it.\n" +
                         text_of({keys.public_key, {}, role}),
                     0644);
  // Half a pair would be in the way of the next attempt.
  if (!published) remove_file(key_path);
  return published;
}

Status write_next_key(const std::string& folder, const std::string& name, const KeyPair& keys) {
  if (auto good = check_pair(folder, name, keys); !good) return good;
  return write_private(folder + "/" + name + ".key.next", name, keys);
}

Status replace_public_file(const std::string& path, const PublicFile& file) {
  const auto before = read_public_text(path);
  if (!before) return before.error();
  std::string text;
  (void)each_line(*before, [&](std::string_view line) -> Status {
    if (line.starts_with('#')) text += std::string(line) + "\n";
    return {};
  });
  return replace_file(path, text + text_of(file), 0644);
}

Result<KeyPair> read_key_file(const std::string& path) {
  auto text = read_private_file(path);
  if (!text) return text.error();
  auto entries = parse(*text, path);
  wipe(*text);
  if (!entries) return entries.error();
  if (entries->secret_z85.empty()) return damaged(path, "it has no secret key");
  if (entries->role || !entries->next_z85.empty())
    return damaged(path, "role and next are said in the .pub file");
  KeyPair keys{{entries->public_z85}, entries->secret_z85};
  if (auto valid = check_keys(keys); !valid) {
    wipe(keys.secret_z85);
    return damaged(path, "its public and its secret key do not belong together");
  }
  return keys;
}

Result<PublicFile> read_public_file(const std::string& path) {
  auto text = read_public_text(path);
  if (!text) return text.error();
  auto entries = parse(*text, path);
  wipe(*text);
  if (!entries) return entries.error();
  if (!entries->secret_z85.empty())
    return damaged(path, "it holds a secret key, which does not belong into a .pub file");
  if (entries->next_z85 == entries->public_z85)
    return damaged(path, "public and next are the same key");
  PublicFile file{{entries->public_z85}, {}, entries->role};
  if (!entries->next_z85.empty()) file.next = PublicKey{entries->next_z85};
  return file;
}

}  // namespace troupe::transport
