// A real hubd, started on a data directory and a port of its own choice, on loopback unless told
// otherwise. It ends with this object.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bench/load/process.hpp"
#include "protocol/endpoint.hpp"

namespace hub::bench {

class HubProcess {
 public:
  /// Waits until it listens on a port of `ip`. `flags` beside --data and --listen. Throws Failure,
  /// with the end of its log, where it does not start.
  HubProcess(const std::filesystem::path& program, const std::filesystem::path& data,
             const std::vector<std::string>& flags,
             const IpAddress& ip = IpAddress::v4(127, 0, 0, 1));

  const Endpoint& address() const { return address_; }
  /// By which sealed clients know it.
  Key server_key() const;

  Usage usage() const { return process_.usage(); }
  std::uint64_t resident_bytes() const { return process_.resident_bytes(); }
  /// What `hubadmin stats` would print, over the control socket.
  std::map<std::string, std::int64_t> stats() const;

 private:
  void wait_for_port();

  std::filesystem::path data_;
  ServerProcess process_;
  Endpoint address_;
};

/// Adds a note for every counter that says something was lost: drops, failed sends.
void note_drops(const std::map<std::string, std::int64_t>& stats, Result& result);

}  // namespace hub::bench
