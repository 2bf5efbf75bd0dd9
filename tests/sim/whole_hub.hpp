// The hub of a simulated world as a machine: its disk, its database, the process on it, and who
// starts it again when it is gone. The database has a journal that no hub knows of: triggers write
// down what is committed, in its own transaction, so that the journal is the order of things and
// lives and dies with what it tells of.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/sqlite_store.hpp"
#include "tests/sim/whole_log.hpp"
#include "tests/sim/whole_script.hpp"
#include "tests/support/hub_host.hpp"
#include "tests/support/sim_disk.hpp"

namespace hub::test {

/// The password of every account at first.
std::string first_password(const std::string& account);

class HubMachine {
 public:
  HubMachine(SimNet& net, const Script& script, Log& log);
  ~HubMachine();
  HubMachine(const HubMachine&) = delete;
  HubMachine& operator=(const HubMachine&) = delete;

  /// Before a world is made, once in a process: worlds begin with a copy of one database.
  static void prepare();

  const Endpoint& endpoint() const;
  const Key& public_key() const { return host_->public_key(); }
  bool is_up() const { return host_->is_alive(); }
  std::size_t pending() const { return host_->hub().pending(); }

  void crash(const Action& action);
  void fail_disk(const Action& action);
  /// Asks until it is done or refused for good; then calls `done`.
  void order(const control::Command& command, const std::string& name,
             std::function<void()> done = {});
  /// `back` before the newest post.
  void delete_post(std::uint64_t back);
  /// The one with this number, counted round.
  void forget_device(const std::string& account, std::uint64_t which);
  /// As a second writer on the same database would.
  void import(const std::string& author, const std::vector<std::string>& texts);
  void back_up();
  void restore();
  /// When it is up again after that.
  std::function<void()> on_restored;
  /// No more trouble from here on.
  void calm();

  /// The end of it: the process is stopped, and its database read.
  void close(History& history);

 private:
  void die(SimDisk::Crash crash, Duration down, const char* how);
  void start();
  std::vector<Commit> journal() const;

  SimNet& net_;
  const Script& script_;
  Log& log_;
  SimDisk disk_;
  std::unique_ptr<store::SqliteStore> store_;
  std::unique_ptr<HubHost> host_;
  int life_ = 0;  // counts deaths
  SimDisk::Crash last_crash_ = SimDisk::Crash::kKill;
  std::optional<std::uint64_t> datagrams_left_;  // before it dies
  std::function<void()> at_last_datagram_;
  std::uint64_t failing_ = 0;  // counts times in which the disk fails
  std::optional<SimDisk::Contents> backup_;
  bool restoring_ = false;
  bool restored_ = false;  // and not told yet
  bool calm_ = false;
  std::vector<std::vector<Commit>> undone_;
};

}  // namespace hub::test
