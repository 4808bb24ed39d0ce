// Goes through the bytes of one memory file and puts what is sound into a store; the format and
// what becomes of damage stand in kernels/memory_file.hpp.
//
// For one pass on one thread. File and store outlive it; beside the store it holds one memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kernels/disk_file.hpp"
#include "kernels/memory.hpp"
#include "kernels/memory_file.hpp"
#include "kernels/memory_format.hpp"

namespace troupe::kernels {

class MemoryReader {
 public:
  // `path` stands in messages.
  MemoryReader(MemoryStore& store, std::string path, const DiskFile& file, std::uint64_t size);

  // Once. Errors and problems are those of load_memories().
  Result<LoadedMemories> run();

 private:
  Status check_file_header();
  Result<std::uint64_t> step(std::uint64_t at);
  Result<std::uint64_t> load_record(std::uint64_t at, const memory_format::RecordHeader& header);
  void restore(const memory_format::RecordHeader& header, std::span<const std::byte> body);
  Result<std::uint64_t> find_next(std::uint64_t at) const;
  template <class Header>
  Result<bool> read(std::uint64_t at, Header& header) const;
  void problem(Error error);
  void damage(const std::string& what);

  MemoryStore& store_;
  const std::string path_;
  const DiskFile& file_;
  const std::uint64_t size_;
  bool ended_ = false;  // the end's own record was there
  std::uint64_t memories_seen_ = 0;
  std::uint64_t documents_seen_ = 0;
  LoadedMemories loaded_;
};

}  // namespace troupe::kernels
