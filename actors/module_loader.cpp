#include "actors/module_loader.hpp"

#include <dlfcn.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include "actors/agent_module.hpp"
#include "actors/agent_type.hpp"

namespace troupe::actors {
namespace {

struct Door {
  decltype(&troupe_agent_module) open = nullptr;
};

Result<Door> open(const std::string& file) {
  std::error_code failed;
  const auto path = std::filesystem::absolute(file, failed);
  if (failed || !std::filesystem::exists(path, failed))
    return Error{ErrorCode::not_found, "there is no module of agents at '" + file + "'",
                 "build it, or correct the path"};
  // NOW: a symbol that is missing is an error here and not in a handler. LOCAL: two modules may
  // have classes of one name.
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* const why = ::dlerror();  // NOLINT(concurrency-mt-unsafe): of this thread in glibc
    return Error{
        ErrorCode::malformed,
        "'" + file + "' cannot be loaded: " + (why != nullptr ? why : "no reason is given"),
        "a module is a shared library that links troupe::agents; 'troupe module new' "
        "writes one"};
  }
  const Door door{
      reinterpret_cast<decltype(&troupe_agent_module)>(::dlsym(library, "troupe_agent_module"))};
  if (door.open == nullptr)
    return Error{
        ErrorCode::malformed, "'" + file + "' is a shared library, but no module of agents",
        "its source needs TROUPE_AGENT_MODULE(ITS_CLASS); 'troupe module new' shows where"};
  return door;
}

Result<const ModuleEntry*> enter(const std::string& file, Door door) {
  const ModuleEntry* const entry = door.open();
  if (entry == nullptr || entry->interface == nullptr)
    return Error{ErrorCode::malformed, "'" + file + "' does not say what it was built with",
                 "let TROUPE_AGENT_MODULE write its entry"};
  if (std::strcmp(entry->interface, agent_interface) != 0)
    return Error{ErrorCode::unsupported,
                 "'" + file + "' was built for another troupe: it has [" + entry->interface +
                     "], this program has [" + agent_interface + "]",
                 "build it again, with this program's troupe-agents package and compiler"};
  return entry;
}

Result<std::shared_ptr<AgentModule>> make(const std::string& file, const ModuleEntry& entry) {
  const auto failed = [&](const std::string& what) {
    return Error{ErrorCode::handler_failed, "the module '" + file + "' cannot be made: " + what,
                 "see its author's notes, or take it out of 'modules' in [agents]"};
  };
  try {
    std::shared_ptr<AgentModule> module = entry.make();
    if (module == nullptr) return failed("its entry made none");
    if (const auto good = check_agent_type(std::string(module->type())); !good)
      return Error{ErrorCode::unsupported, "the module '" + file + "': " + good.error().what,
                   good.error().next_step};
    return module;
  } catch (const std::exception& failure) {
    return failed(failure.what());
  } catch (...) {
    return failed("it threw something that is not an exception");
  }
}

}  // namespace

Result<std::shared_ptr<AgentModule>> load_agent_module(const std::string& file) {
  const auto door = open(file);
  if (!door) return door.error();
  const auto entry = enter(file, *door);
  if (!entry) return entry.error();
  return make(file, **entry);
}

Result<std::vector<std::shared_ptr<AgentModule>>> load_agent_modules(
    const std::vector<std::string>& files,
    const std::vector<std::shared_ptr<AgentModule>>& built_in) {
  std::map<std::string, std::string> makers;
  for (const auto& module : built_in) makers.emplace(module->type(), "this program makes itself");
  std::vector<std::shared_ptr<AgentModule>> modules;
  for (const auto& file : files) {
    auto module = load_agent_module(file);
    if (!module) return module.error();
    const std::string type((*module)->type());
    const auto [maker, is_new] = makers.emplace(type, "'" + file + "' makes already");
    if (!is_new)
      return Error{
          ErrorCode::unsupported,
          "the module '" + file + "' makes agents of type '" + type + "', which " + maker->second,
          "give it another type, or name it once"};
    modules.push_back(std::move(*module));
  }
  return modules;
}

}  // namespace troupe::actors
