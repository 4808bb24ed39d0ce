// A key that is replaced while everything runs. For a while the name has two public halves, in
// NAME.pub, and is admitted with either:
//
//   begin    makes the next pair (NAME.key.next) and writes its public half into NAME.pub, which
//            then goes to all machines; every node admits both
//   switch   NAME.key is the next pair from now on; whoever starts has it
//   finish   NAME.pub holds the next half alone; when that has gone to all machines, the old one is
//            refused
//
// Each step is one file that is made or replaced whole, so one that was interrupted is begun again
// by asking for it again. Where a rotation stands is seen from the files alone.
#pragma once

#include <optional>
#include <string>

#include "transport/key_files.hpp"

namespace troupe::transport {

enum class RotationStage {
  none,      // one half
  begun,     // two, and NAME.key is the old one
  switched,  // two, and NAME.key is the new one
};
std::string_view name(RotationStage stage) noexcept;

struct Rotation {
  RotationStage stage = RotationStage::none;
  PublicFile file;
};

// Each does its step unless it is done already, and says where the rotation stands then. Errors: io
// and malformed from the files, with what to do; invalid_argument for a step whose turn it is not.
Result<Rotation> begin_rotation(const std::string& folder, const std::string& name);
Result<Rotation> switch_rotation(const std::string& folder, const std::string& name);
Result<Rotation> finish_rotation(const std::string& folder, const std::string& name);

}  // namespace troupe::transport
