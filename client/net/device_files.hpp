// The files of this installation's devices (client/core/device.hpp, outbox.hpp), a slot each:
//
//   <state>/devices/<hub key>-<account>/0.lock  0.device  0.mark  0.outbox, 1.lock, …
//
// Who has a slot holds its lock until the end of the process, so that two programs are never one
// device: the second one takes the next slot, and is another device.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

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
  /// Of the slot that is open. The error is a sentence; the files are as they were then. A file
  /// that could not be written whole is written before anything else goes into the outbox.
  tl::expected<void, std::string> keep(const KeepOutput& what);

 private:
  void open_directory(const OpenDevice& wanted);
  void take_slot();
  std::string file(const char* kind) const;
  void write_mark(const MarkRecord& record);
  void pay();
  void append(const AppendOutbox& what);
  void append_line(const AppendOutbox& what);
  void set_outbox_aside();

  std::filesystem::path state_;
  Directory directory_;
  std::string slot_;  // its number
  Fd lock_;
  Fd mark_;
  Fd outbox_;
  std::optional<ReplaceOutbox> owed_outbox_;  // failed, and is tried again
  std::optional<std::string> owed_device_;
};

}  // namespace hub::client
