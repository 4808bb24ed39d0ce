// Loads the door for gRPC, which the program itself never links.
#include <dlfcn.h>

#include <filesystem>

#include "gateway/grpc/grpc_door.hpp"

namespace troupe::gateway {
namespace {

std::string plugin_path() {
  std::error_code failed;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
  return (program.parent_path() / "door_grpc.so").string();
}

struct Opener {
  decltype(&troupe_open_grpc_door) call;
};

Result<Opener> find_opener() {
  const std::string path = plugin_path();
  const auto unsupported = [](std::string what) {
    return Error{
        ErrorCode::unsupported, std::move(what),
        "leave `listen` of [grpc] and `grpc` of the node empty, or build the program where "
        "gRPC's libraries are (docs/grpc.md)"};
  };
  if (!has_grpc()) return unsupported("this program was built without gRPC: there is no " + path);
  // Never unloaded: gRPC has threads of its own until the process ends.
  void* const plugin = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (plugin == nullptr) {
    const char* const why = ::dlerror();  // NOLINT(concurrency-mt-unsafe): of this thread
    return unsupported(std::string("gRPC cannot be loaded: ") + (why == nullptr ? path : why));
  }
  const auto open =
      reinterpret_cast<decltype(&troupe_open_grpc_door)>(::dlsym(plugin, "troupe_open_grpc_door"));
  if (open == nullptr) return unsupported(path + " is of another version");
  return Opener{open};
}

}  // namespace

bool has_grpc() {
  std::error_code failed;
  return std::filesystem::exists(plugin_path(), failed);
}

Status load_grpc() {
  const auto opener = find_opener();
  return opener ? Status() : Status(opener.error());
}

Result<std::unique_ptr<GrpcDoor>> open_grpc_door(const GrpcOptions& options, Desks& desks) {
  const auto opener = find_opener();
  if (!opener) return opener.error();
  Error why;
  std::unique_ptr<GrpcDoor> door(opener->call(options, desks, why));
  if (door == nullptr) return why;
  return door;
}

}  // namespace troupe::gateway
