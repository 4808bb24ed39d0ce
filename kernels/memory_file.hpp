// A store's memories in one file, so that agents still know after a restart what they knew before.
//
// Saving writes beside the file (path + ".partial"), syncs, and renames over it: after a crash at
// any moment the path holds the old file or the new one, whole. Each memory is written as it is at
// one moment; agents may append meanwhile, which the next saving will hold.
//
// Loading believes nothing. Each memory is a record with checksums of its own, so damage costs the
// memories it touches and no others: the reader reports it and looks for the next record.
//
// Format, version 1, little-endian, everything at multiples of 8 bytes:
//   file     "trupmem\x1a", version u32, CRC-32C of these 12 bytes u32
//   record   marker u64, name bytes u32, width u32, row format u32, CRC-32C of the body u32,
//            documents u64, zero u32, CRC-32C of these 36 bytes u32; then the body: the agent's
//            name, the document numbers u64 in the order in which they make room, the rows, each of
//            the three padded with zeros
//   end      marker u64, memories u64, documents u64, zero u32, CRC-32C of these 28 bytes u32
//
// Any thread; one saving to the same path at a time. Beside the store one memory's record is held.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kernels/memory.hpp"

namespace troupe::kernels {

// Errors: io, with what the system said; the file that was there stays as it was.
Status save_memories(const MemoryStore& store, const std::string& path);

struct LoadedMemories {
  std::uint64_t memories = 0;
  std::uint64_t documents = 0;
  std::vector<Error> problems;  // one for each stretch of the file that is not in the store
};

// Adds the file's memories to the store; a memory whose agent remembers something already is a
// problem and changes nothing. The file itself is only read.
// Errors, with the store untouched: not_found, io, malformed (no such file at all), unsupported (a
// later version).
// Problems: malformed (damage, a file cut short), and those of MemoryStore::restore().
Result<LoadedMemories> load_memories(MemoryStore& store, const std::string& path);

}  // namespace troupe::kernels
