// spoke's real core on a simulated network: a person who types lines and reads what is printed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/core/session.hpp"
#include "tests/support/sim_net.hpp"

namespace hub::test {

class SimClient {
 public:
  SimClient(SimNet& net, const Endpoint& at, const Endpoint& hub);
  ~SimClient() { net_.detach(at_); }
  SimClient(const SimClient&) = delete;
  SimClient& operator=(const SimClient&) = delete;

  void type(const std::string& line);
  /// The record lines printed since the beginning.
  const std::vector<std::string>& lines() const { return lines_; }
  std::size_t count(const std::string& line) const;
  client::State state() const { return session_.state(); }
  /// Nothing awaited, nothing waiting.
  bool idle() const { return !session_.next_timeout().has_value(); }

 private:
  void turn();

  SimNet& net_;
  Endpoint at_;
  Endpoint hub_;
  client::Session session_{client::SessionConfig{}};
  std::vector<std::string> lines_;
  std::optional<TimePoint> armed_;
};

}  // namespace hub::test
