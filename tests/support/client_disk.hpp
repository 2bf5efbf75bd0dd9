// The disk of a simulated client: its device's files, as the real one would keep them. What is not
// synced may be lost with the power.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/core/own_device.hpp"

namespace hub::test {

class ClientDisk {
 public:
  client::DeviceFiles files;

  /// True where it is kept: always, unless the disk is full.
  bool keep(const client::KeepOutput& what);
  bool is_full = false;
  /// A new run of the program: what the one before still owed is forgotten.
  void begin();
  /// What was appended or put in place since the last sync is gone.
  void cut_power();
  /// The same, but by chance some of it is there all the same: appended bytes from the first on, of
  /// a mark's bytes any.
  void cut_power(Random& random);

  /// As the files on disk do it: what was not kept, but for a line to be synced, is kept later.
  std::optional<client::ReplaceOutbox> owed_outbox;
  std::string owed_lines;
  std::optional<std::string> owed_device;

  std::size_t synced_outbox = 0;  // bytes of the outbox that a loss of power leaves
  std::vector<std::uint8_t> synced_mark;
  std::vector<std::string> set_aside;  // outboxes that were not sent

 private:
  bool pay();
  bool append(const client::AppendOutbox& what);
};

}  // namespace hub::test
