// A rival's server: one of Debian's packages, started on a free port with a configuration of its
// own in a directory of the run. It ends with this object.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "bench/load/process.hpp"
#include "bench/rivals/dialect.hpp"
#include "protocol/endpoint.hpp"

namespace hub::bench {

enum class Program { kMosquitto, kNats, kRedis };

/// A rival as the scenarios know it.
struct Rival {
  std::string_view name;   // "mosquitto-qos1": behind the scenario's name
  std::string_view title;  // for people
  Program program;
  int qos = 0;           // Mosquitto
  bool persist = false;  // posts are to be kept: JetStream, the AOF of Redis
};

/// Throws Failure, naming those there are, where there is none of this name.
const Rival& rival_named(std::string_view name);
std::vector<std::string> rival_names();
std::unique_ptr<Dialect> make_dialect(const Rival& rival);

class RivalServer {
 public:
  /// In the network namespace of the caller; waits until it takes connections at `ip`. Its files,
  /// configuration, log and what it persists, go to `directory`. Throws NotHere where it is not
  /// installed, else Failure.
  RivalServer(const Rival& rival, const std::filesystem::path& directory,
              const IpAddress& ip = IpAddress::v4(127, 0, 0, 1));

  const Endpoint& address() const { return address_; }
  Usage usage() const { return process_->usage(); }
  std::uint64_t resident_bytes() const { return process_->resident_bytes(); }
  /// "mosquitto 2.0.11"
  const std::string& version() const { return version_; }

 private:
  void wait_for_port();

  Endpoint address_;
  std::string version_;
  std::unique_ptr<ServerProcess> process_;
};

}  // namespace hub::bench
