// spoke's run loop: the network, the keyboard, signals and the clock meet here, on one thread, and
// nowhere else. What is to be done is the session's business (client/core).
#pragma once

#include <optional>
#include <string>

#include "protocol/hub_name.hpp"

namespace hub::client {

struct Options {
  HubName hub;
  std::optional<std::string> login;     // as if login#ID were typed first
  std::optional<std::string> password;  // and &PASSWORD behind it; else it is asked for
};

/// Runs until the input ends, quit#, or a signal; returns the exit code. Throws std::runtime_error
/// where the hub's name leads nowhere.
int run(const Options& options);

}  // namespace hub::client
