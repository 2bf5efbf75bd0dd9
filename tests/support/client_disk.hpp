// The disk of a simulated client: its device's files, as the real one would keep them. What is not
// synced may be lost with the power.
#pragma once

#include <string>
#include <vector>

#include "client/core/device_keeper.hpp"

namespace hub::test {

class ClientDisk final : private client::DeviceKeeper {
 public:
  client::DeviceFiles files;

  /// True where it is kept: always, unless the disk is full.
  bool keep(const client::KeepOutput& what);
  bool is_full = false;
  /// A new run of the program: what the one before still owed is forgotten.
  void begin() { forget_debts(); }
  /// What was appended or put in place since the last sync is gone.
  void cut_power();
  /// The same, but by chance some of it is there all the same: appended bytes from the first on, of
  /// a mark's bytes any.
  void cut_power(Random& random);

  std::size_t synced_outbox = 0;  // bytes of the outbox that a loss of power leaves
  std::vector<std::uint8_t> synced_mark;
  std::vector<std::string> set_aside;  // outboxes that were not sent

 private:
  void need_room() const;
  void set_outbox_aside() override;
  void replace_outbox(const std::string& text) override;
  void append_line(const client::AppendOutbox& what) override;
  void replace_device(const std::string& text) override;
  void write_mark(const client::KeepMark& mark) override;
};

}  // namespace hub::test
