// The files of this installation's devices (client/core/device.hpp, outbox.hpp), a slot each:
//
//   <state>/devices/<hub key>-<account>/0.lock  0.device  0.mark  0.outbox, 1.lock, …
//
// The key is that by which the hub was last known: where it has another one now, the directory gets
// another name.
//
// Who has a slot holds its lock until the end of the process, so that two programs are never one
// device: the second one takes the next slot, and is another device. A slot in which requests wait
// that a program left behind is taken before all others, so that they are sent.
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
  /// The open device's hub has proved that it has this key. The error is a sentence.
  tl::expected<void, std::string> move_to(const Key& hub_key);
  /// Of the slot that is open. The error is a sentence; the files are as they were then. A file
  /// that could not be written whole, or an answer, is written with the next that is to be kept.
  tl::expected<void, std::string> keep(const KeepOutput& what);

 private:
  std::filesystem::path directory_of(const Key& hub_key) const;
  void open_directory(const OpenDevice& wanted);
  void take_slot();
  bool take_lock();
  bool has_waiting(int slot);
  std::string file(const char* kind) const;
  void write_mark(const KeepMark& mark);
  void pay();
  void append(const AppendOutbox& what);
  void append_line(const AppendOutbox& what);
  void set_outbox_aside();

  std::filesystem::path state_;
  std::string account_;
  Directory directory_;
  std::string slot_;  // its number
  Fd lock_;
  Fd mark_;
  Fd outbox_;
  std::optional<ReplaceOutbox> owed_outbox_;  // failed, and is tried again
  std::string owed_lines_;  // behind what is in the outbox, where owed_outbox_ is nothing
  std::optional<std::string> owed_device_;
};

}  // namespace hub::client
