#include "transport/rotation.hpp"

#include <unistd.h>

#include "transport/files.hpp"
#include "transport/secret.hpp"

namespace troupe::transport {
namespace {

// Where the files of one name stand.
struct Files {
  std::string stem;  // FOLDER/NAME
  PublicFile file;
  PublicKey own;                       // NAME.key's
  std::optional<PublicKey> next_pair;  // NAME.key.next's

  [[nodiscard]] std::string pub() const { return stem + ".pub"; }
  [[nodiscard]] std::string key() const { return stem + ".key"; }
  [[nodiscard]] std::string next_key() const { return stem + ".key.next"; }
};

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

Result<PublicKey> public_half_of(const std::string& path) {
  auto pair = read_key_file(path);
  if (!pair) return pair.error();
  wipe(pair->secret_z85);
  return pair->public_key;
}

Result<Files> look_at(const std::string& folder, const std::string& name) {
  if (auto named = check_file_name(name); !named) return named.error();
  Files files;
  files.stem = folder + "/" + name;
  auto file = read_public_file(files.pub());
  if (!file) return file.error();
  files.file = std::move(*file);
  if (!exists(files.key()))
    return Error{ErrorCode::not_found, "'" + files.key() + "' is not on this machine",
                 "rotate a key where its private file is, and copy " + name +
                     ".pub from there to the others"};
  auto own = public_half_of(files.key());
  if (!own) return own.error();
  files.own = std::move(*own);
  if (exists(files.next_key())) {
    auto next = public_half_of(files.next_key());
    if (!next) return next.error();
    files.next_pair = std::move(*next);
  }
  return files;
}

// Errors: malformed where the files do not belong together.
Result<RotationStage> stage_of(const Files& files) {
  const PublicFile& file = files.file;
  if (file.next && files.own == *file.next) return RotationStage::switched;
  if (files.own != file.key)
    return Error{ErrorCode::malformed,
                 "'" + files.key() + "' and '" + files.pub() + "' do not belong together",
                 "copy the .pub file again from where its key is in use"};
  if (!file.next) return RotationStage::none;
  if (files.next_pair == file.next) return RotationStage::begun;
  return Error{
      ErrorCode::malformed,
      "'" + files.pub() + "' has a next key, and its pair is not in '" + files.next_key() + "'",
      "bring that file back, or take the line `next` out of the .pub file and begin anew"};
}

Status begin(Files& files, const std::string& folder, const std::string& name) {
  // One that was interrupted here has its pair already.
  if (!files.next_pair) {
    auto pair = generate_keys();
    if (!pair) return pair.error();
    auto written = write_next_key(folder, name, *pair);
    wipe(pair->secret_z85);
    if (!written) return written;
    files.next_pair = pair->public_key;
  }
  files.file.next = files.next_pair;
  return replace_public_file(files.pub(), files.file);
}

}  // namespace

std::string_view name(RotationStage stage) noexcept {
  switch (stage) {
    case RotationStage::none:
      return "none";
    case RotationStage::begun:
      return "begun";
    case RotationStage::switched:
      break;
  }
  return "switched";
}

Result<Rotation> begin_rotation(const std::string& folder, const std::string& name) {
  const FolderLock lock(folder);
  auto files = look_at(folder, name);
  if (!files) return files.error();
  auto stage = stage_of(*files);
  if (!stage) return stage.error();
  if (*stage == RotationStage::none) {
    if (auto begun = begin(*files, folder, name); !begun) return begun.error();
    stage = RotationStage::begun;
  }
  return Rotation{*stage, files->file};
}

Result<Rotation> switch_rotation(const std::string& folder, const std::string& name) {
  const FolderLock lock(folder);
  const auto files = look_at(folder, name);
  if (!files) return files.error();
  const auto stage = stage_of(*files);
  if (!stage) return stage.error();
  if (*stage == RotationStage::none)
    return Error{ErrorCode::invalid_argument, "no rotation of '" + name + "' has begun",
                 "begin one: troupe keys rotate " + name + " --folder " + folder};
  if (*stage == RotationStage::begun)
    if (auto done = rename_file(files->next_key(), files->key()); !done) return done.error();
  return Rotation{RotationStage::switched, files->file};
}

Result<Rotation> finish_rotation(const std::string& folder, const std::string& name) {
  const FolderLock lock(folder);
  auto files = look_at(folder, name);
  if (!files) return files.error();
  const auto stage = stage_of(*files);
  if (!stage) return stage.error();
  if (*stage == RotationStage::begun)
    return Error{ErrorCode::invalid_argument, "'" + name + "' still has its old key",
                 "when every node admits the new one (troupe reload): troupe keys rotate " + name +
                     " --folder " + folder + " --switch"};
  if (*stage == RotationStage::switched) {
    files->file.key = *files->file.next;
    files->file.next.reset();
    if (auto done = replace_public_file(files->pub(), files->file); !done) return done.error();
  }
  return Rotation{RotationStage::none, files->file};
}

}  // namespace troupe::transport
