// In which order a device's files are written, and what becomes of what could not be: what was to
// replace a file, or said that a request was answered, is owed, and is written before anything else
// goes into the outbox. Wherever the files are: on the disk (client/net/device_files.*), or on that
// of a simulation.
#pragma once

#include <optional>
#include <string>

#include "client/core/own_device.hpp"

namespace hub::client {

class DeviceKeeper {
 public:
  virtual ~DeviceKeeper() = default;

 protected:
  DeviceKeeper() = default;
  DeviceKeeper(const DeviceKeeper&) = default;
  DeviceKeeper& operator=(const DeviceKeeper&) = default;

  /// Throws what the operations below throw: then it is not kept, or not yet.
  void carry_out(const KeepOutput& what);
  /// Other files from now on.
  void forget_debts();

 private:
  // Each throws where it fails.
  virtual void set_outbox_aside() = 0;
  virtual void replace_outbox(const std::string& text) = 0;
  virtual void append_line(const AppendOutbox& what) = 0;
  virtual void replace_device(const std::string& text) = 0;
  virtual void write_mark(const KeepMark& mark) = 0;

  void pay();
  void append(const AppendOutbox& what);

  std::optional<ReplaceOutbox> owed_outbox_;
  std::string owed_lines_;  // behind what is in the outbox, where owed_outbox_ is nothing
  std::optional<std::string> owed_device_;
};

}  // namespace hub::client
