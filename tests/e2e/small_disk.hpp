// A file system of a few MiB that only hubd and a few other programs of a test see, to be filled.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/programs.hpp"

namespace hub::test {

class SmallDisk {
 public:
  /// Whether this process may mount one.
  static bool is_permitted();

  /// 4 MiB, with a copy of the hub's data directory on it, and hubd started there.
  explicit SmallDisk(const TestHub& hub, std::vector<std::string> flags = {});

  /// Takes all room that is left, as another program would.
  void fill() const;
  void make_room() const;
  std::uintmax_t free_bytes() const;

  void start();  // on the port it had before
  ExitCode stop() { return hubd_->stop(); }
  void kill() { hubd_->kill(); }
  HubdProcess& hubd() { return *hubd_; }
  std::string log() const;  // of all runs
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  RawClient online(const std::string& user) const;

  /// Runs a program where the disk is seen.
  Finished inside(const std::vector<std::string>& argv) const;
  Finished admin(const std::vector<std::string>& arguments) const;
  /// ... that must succeed; its output.
  std::string admin_ok(const std::vector<std::string>& arguments) const;
  long stat(const std::string& name) const;
  /// A path as this process sees it.
  std::filesystem::path seen(const std::string& name) const;
  std::filesystem::path data() const { return mount_ / "data"; }

 private:
  std::vector<std::string> prefix() const;

  std::filesystem::path mount_;
  std::filesystem::path log_;
  std::vector<std::string> flags_;
  std::unique_ptr<Process> holder_;  // keeps the file system while no hubd runs
  std::unique_ptr<HubdProcess> hubd_;
  std::uint16_t port_ = 0;
};

}  // namespace hub::test
