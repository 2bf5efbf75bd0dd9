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
#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "client/core/device_keeper.hpp"
#include "client/core/sealed_link.hpp"
#include "client/net/files.hpp"

namespace hub::client {

class DeviceFilesOnDisk final : private DeviceKeeper {
 public:
  /// `state`: state_directory().
  explicit DeviceFilesOnDisk(std::filesystem::path state) : state_(std::move(state)) {}

  /// Takes a slot, in place of the one taken before. The error is a sentence.
  tl::expected<DeviceFiles, std::string> open(const OpenDevice& wanted);
  /// The open device's hub has proved that it has this key. The error is a sentence.
  tl::expected<void, std::string> move_to(const Key& hub_key);
  /// Of the slot that is open. The error is a sentence; the files are as they were then, and what
  /// is owed of it (DeviceKeeper) is written with the next that is to be kept.
  tl::expected<void, std::string> keep(const KeepOutput& what);

 private:
  std::filesystem::path directory_of(const Key& hub_key) const;
  void open_directory(const OpenDevice& wanted);
  void take_slot();
  bool take_lock();
  bool has_waiting(int slot);
  std::string file(const char* kind) const;
  void set_outbox_aside() override;
  void replace_outbox(const std::string& text) override;
  void append_line(const AppendOutbox& what) override;
  void replace_device(const std::string& text) override;
  void write_mark(const KeepMark& mark) override;

  std::filesystem::path state_;
  std::string account_;
  Directory directory_;
  std::string slot_;  // its number
  Fd lock_;
  Fd mark_;
  Fd outbox_;
};

}  // namespace hub::client
