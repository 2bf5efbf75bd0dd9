// A real hubd, started on a data directory and a loopback port of its own choice, and watched from
// outside: CPU time, memory and counters. It ends with this object, and nothing else does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "bench/load/measure.hpp"

namespace hub::bench {

/// A directory below `parent` that is removed with this object.
class TempDirectory {
 public:
  explicit TempDirectory(const std::filesystem::path& parent);
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class HubProcess {
 public:
  /// Waits until it listens. `flags` beside --data and --listen. Throws Failure, with the end of
  /// its log, where it does not start.
  HubProcess(const std::filesystem::path& program, const std::filesystem::path& data,
             const std::vector<std::string>& flags);
  /// SIGTERM; SIGKILL if it has not ended after ten seconds.
  ~HubProcess();
  HubProcess(const HubProcess&) = delete;
  HubProcess& operator=(const HubProcess&) = delete;

  std::uint16_t port() const { return port_; }
  /// By which sealed clients know it.
  Key server_key() const;

  Usage usage() const;
  std::uint64_t resident_bytes() const;
  /// What `hubadmin stats` would print, over the control socket.
  std::map<std::string, std::int64_t> stats() const;

 private:
  void wait_for_port();
  bool has_ended();

  std::filesystem::path data_;
  std::filesystem::path log_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

/// Adds a note for every counter that says something was lost: drops, failed sends.
void note_drops(const std::map<std::string, std::int64_t>& stats, Result& result);

}  // namespace hub::bench
