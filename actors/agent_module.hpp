// The door of a module of agents that is a shared library: what a node finds in it, and the macro
// that puts it there.
//
//   class CounterModule final : public troupe::actors::AgentModule { ... };
//   TROUPE_AGENT_MODULE(CounterModule);
//
// A module is compiled apart from the node that loads it, so both may mean different things by
// `Agent`. Each says in `interface` what it was built with, in words; the node compares them before
// it calls or reads anything else, and refuses a module whose words are not its own
// (actors/module_loader.hpp). No CAF or ZeroMQ type appears here.
//
// Lifetime: a node never unloads a module.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "actors/agent.hpp"

namespace troupe::actors {

// To be raised with every change of what crosses the door: the classes of actors/agent.hpp and the
// types of base/ that they speak in. Sizes that change are noticed without it.
inline constexpr std::uint64_t agent_interface_version = 3;

namespace detail {

class InterfaceWords {
 public:
  constexpr InterfaceWords& operator<<(std::string_view words) {
    for (const char c : words) text_[size_++] = c;
    return *this;
  }
  constexpr InterfaceWords& operator<<(std::uint64_t number) {
    if (number >= 10) *this << number / 10;
    text_[size_++] = static_cast<char>('0' + number % 10);
    return *this;
  }
  [[nodiscard]] constexpr const char* c_str() const { return text_.data(); }

 private:
  std::array<char, 192> text_{};  // ends with a zero: what does not fit is no constant expression
  std::size_t size_ = 0;
};

// The version, how the compiler lays classes out, whose strings and containers these are, and what
// came of it.
constexpr InterfaceWords interface_words() {
  InterfaceWords words;
  words << "agents " << agent_interface_version;
#ifdef __GXX_ABI_VERSION
  words << ", C++ ABI " << __GXX_ABI_VERSION;
#endif
#ifdef _GLIBCXX_USE_CXX11_ABI
  words << ", libstdc++ strings " << std::uint64_t{_GLIBCXX_USE_CXX11_ABI};
#endif
#ifdef _GLIBCXX_DEBUG
  words << " debug";
#endif
#ifdef _LIBCPP_ABI_VERSION
  words << ", libc++ ABI " << std::uint64_t{_LIBCPP_ABI_VERSION};
#endif
  words << ", sizes " << sizeof(Sender) << " " << sizeof(AgentMail) << " " << sizeof(TaskRequest)
        << " " << sizeof(TaskOutcome) << " " << sizeof(Error) << " " << sizeof(Field);
  return words;
}

inline constexpr InterfaceWords agent_interface_words = interface_words();

}  // namespace detail

// What this code was built with, as "agents 3, C++ ABI 1017, ...".
inline constexpr const char* agent_interface = detail::agent_interface_words.c_str();

// What a module shows first. The pointer to the words stays where it is in every version.
struct ModuleEntry {
  const char* interface = nullptr;
  std::unique_ptr<AgentModule> (*make)() = nullptr;  // once for each node; may throw
};

}  // namespace troupe::actors

// The one symbol that a module exports.
extern "C" __attribute__((visibility("default"))) const troupe::actors::ModuleEntry*
troupe_agent_module();

// Once in a module, outside of every namespace. `Class` is an AgentModule that is made without
// arguments.
#define TROUPE_AGENT_MODULE(Class)                                                              \
  const troupe::actors::ModuleEntry* troupe_agent_module() {                                    \
    static constexpr troupe::actors::ModuleEntry entry{                                         \
        troupe::actors::agent_interface, []() -> std::unique_ptr<troupe::actors::AgentModule> { \
          return std::make_unique<Class>();                                                     \
        }};                                                                                     \
    return &entry;                                                                              \
  }                                                                                             \
  static_assert(true, "so that a semicolon follows")
