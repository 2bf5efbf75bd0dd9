// The files of this installation's devices (client/core/device.hpp, outbox.hpp), a slot each:
//
//   <state>/devices/<hub key>-<account>/0.lock  0.device  0.mark  0.outbox, 1.lock, …
//
// Who has a slot holds its lock until the end of the process, so that two programs are never one
// device: the second one takes the next slot, and is another device.
#pragma once

#include <filesystem>
#include <string>

#include <tl/expected.hpp>

#include "client/core/sealed_link.hpp"
#include "client/net/files.hpp"

namespace hub::client {

class DeviceFilesOnDisk {
 public:
  /// `state`: state_directory().
  explicit DeviceFilesOnDisk(std::filesystem::path state) : state_(std::move(state)) {}

  /// Takes a slot, in place of the one taken before. The error is a sentence.
  tl::expected<DeviceFiles, std::string> open(const OpenDevice& wanted);
  /// Of the slot that is open. The error is a sentence; nothing was kept then.
  tl::expected<void, std::string> keep(const KeepOutput& what);

 private:
  void take_slot(const std::filesystem::path& directory);
  std::filesystem::path file(const char* kind) const;
  void append(const AppendOutbox& what);
  void replace(const ReplaceOutbox& what);

  std::filesystem::path state_;
  std::filesystem::path slot_;  // <directory>/<number>
  Fd lock_;
  Fd mark_;
  Fd outbox_;
};

}  // namespace hub::client
