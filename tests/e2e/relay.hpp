// hub-relay, the bad network, as a test holds it: it ends with the object.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "tests/support/process.hpp"

namespace hub::test {

/// What it does to a datagram, each way.
struct Weather {
  double loss = 0;
  double duplicate = 0;
  int jitter = 0;  // ms: each is delayed by up to so much, so that they overtake each other
  double damage = 0;
};

class Relay {
 public:
  struct Figures {
    long passed = 0;
    long lost = 0;
    long duplicated = 0;
    long damaged = 0;
  };

  /// To the hub at `hub`, HOST:PORT. `capture`: every datagram that arrives is appended to it.
  explicit Relay(const std::string& hub, const Weather& weather = {}, unsigned seed = 1,
                 const std::filesystem::path& capture = {});

  /// What a spoke takes for its hub: "127.0.0.1:40000".
  const std::string& address() const { return address_; }
  void set(const Weather& weather);
  /// Sends on to the hub from new ports, and from `ip`, where given, from then on.
  void rebind(const std::string& ip = {});
  Figures figures();

 private:
  std::string command(const std::string& line);

  Process process_;
  std::string address_;
};

}  // namespace hub::test
