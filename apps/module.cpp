// troupe module: writes the source of a module of agents, and says whether a node would load one.

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "actors/agent_module.hpp"
#include "actors/agent_type.hpp"
#include "actors/module_loader.hpp"
#include "apps/verbs.hpp"
#include "apps/wiring.hpp"
#include "config/words.hpp"

namespace troupe::apps {

// actors/example, embedded by CMake.
extern const std::string_view CMakeLists_txt;
extern const std::string_view README_md;
extern const std::string_view counter_cpp;
extern const std::string_view counter_test_cpp;

namespace {

constexpr std::size_t name_bytes_max = 64;

// It becomes a type of agents, the names of files and targets and, in another form, of a class.
Status check_name(const std::string& name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto allowed = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  if (name.empty() || name.size() > name_bytes_max || !letter(name.front()) ||
      !std::all_of(name.begin(), name.end(), allowed))
    return Error{ErrorCode::invalid_argument,
                 "'" + config::shown(name) + "' cannot be the name of a module",
                 "begin with a letter and use letters, digits, - and _, at most " +
                     std::to_string(name_bytes_max)};
  if (auto good = actors::check_agent_type(name); !good) return good;
  for (const auto& module : built_in_modules())
    if (module->type() == name)
      return Error{ErrorCode::invalid_argument, "this program makes '" + name + "' itself",
                   "choose another name"};
  return {};
}

// "chat-room" -> "ChatRoom".
std::string class_name(const std::string& name) {
  std::string made;
  bool begins = true;
  for (const char c : name) {
    const bool part = c != '-' && c != '_';
    if (part) made += begins ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    begins = !part;
  }
  return made;
}

std::string replaced(std::string text, std::string_view from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

std::string named(std::string_view text, const std::string& name) {
  return replaced(replaced(std::string(text), "Counter", class_name(name)), "counter", name);
}

// Never over a file that is there.
Status write_new(const std::filesystem::path& path, const std::string& text) {
  const auto failed = [&] {
    return Error{ErrorCode::io, "cannot write '" + path.string() + "': " + std::strerror(errno),
                 "choose another folder with --folder"};
  };
  std::error_code made;
  std::filesystem::create_directories(path.parent_path(), made);
  if (made)
    return Error{ErrorCode::io,
                 "cannot make '" + path.parent_path().string() + "': " + made.message(),
                 "choose another folder with --folder"};
  std::FILE* const file = std::fopen(path.c_str(), "wx");
  if (file == nullptr) return failed();
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fclose(file) != 0 || !written) return failed();
  return {};
}

}  // namespace

int run_module_new(const ModuleNewOptions& options, Output& output) {
  const auto& name = options.name;
  if (const auto good = check_name(name); !good) return output.fail(good.error());
  const std::string folder = options.folder.empty() ? name : options.folder;
  const std::array<std::pair<std::string, std::string_view>, 4> files = {
      {{"CMakeLists.txt", CMakeLists_txt},
       {"README.md", README_md},
       {"src/" + name + ".cpp", counter_cpp},
       {"test/" + name + "_test.cpp", counter_test_cpp}}};
  auto paths = nlohmann::json::array();
  for (const auto& [file, text] : files) {  // all looked at before the first is written
    std::error_code unknown;
    if (std::filesystem::exists(std::filesystem::path(folder) / file, unknown))
      return output.fail({ErrorCode::io, "'" + folder + "/" + file + "' is there already",
                          "choose another folder with --folder"});
    paths.push_back(folder + "/" + file);
  }
  for (const auto& [file, text] : files)
    if (const auto written = write_new(std::filesystem::path(folder) / file, named(text, name));
        !written)
      return output.fail(written.error());
  std::string said = "wrote a module of agents of type '" + name + "':";
  for (const auto& path : paths) said += "\n  " + path.get<std::string>();
  output.text(said + "\nhow to build, test and run it: " + folder + "/README.md");
  output.object({{"type", name}, {"folder", folder}, {"files", paths}});
  return exit_ok;
}

int run_module_check(const ModuleCheckOptions& options, Output& output) {
  const auto modules = actors::load_agent_modules({options.file}, built_in_modules());
  if (!modules) return output.fail(modules.error());
  const std::string type(modules->front()->type());
  output.text(options.file + ": agents of type '" + type + "'\n  built with " +
              actors::agent_interface + ", as this program");
  output.object({{"file", options.file}, {"type", type}, {"interface", actors::agent_interface}});
  return exit_ok;
}

}  // namespace troupe::apps
