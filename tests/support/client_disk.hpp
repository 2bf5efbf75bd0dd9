// The disk of a simulated client: its device's files, as the real one would keep them. What is not
// synced may be lost with the power.
#pragma once

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
  /// What was appended or put in place since the last sync is gone.
  void cut_power();
  /// The same, but by chance some of it is there all the same: appended bytes from the first on, of
  /// a mark's bytes any.
  void cut_power(Random& random);

  std::size_t synced_outbox = 0;  // bytes of the outbox that a loss of power leaves
  std::vector<std::uint8_t> synced_mark;
  std::vector<std::string> set_aside;  // outboxes that were not sent
};

}  // namespace hub::test
