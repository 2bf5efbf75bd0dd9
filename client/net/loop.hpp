// spoke's run loop: the network, the keyboard, signals and the clock meet here, on one thread, and
// nowhere else. What is to be done is the business of client/core.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "protocol/hub_name.hpp"
#include "protocol/types.hpp"

namespace hub::client {

struct Options {
  HubName hub;
  std::optional<std::string> login;     // as if login#ID were typed first
  std::optional<std::string> password;  // and &PASSWORD behind it; else it is asked for
  std::optional<std::string> post;      // this one line is posted, and nothing read
  bool show_ids = false;                // each post is printed behind its message ID
  bool classic = false;                 // the original plaintext framing
  std::optional<Key> invited;           // sealed: the hub's key, from an invite link
  bool accept_new = false;              // sealed: believe the key of an unknown hub unasked
  bool accept_weak_kdf = false;         // sealed: stretch the password as little as the hub asks
  std::chrono::seconds keep_alive{25};  // sealed: liveness.hpp
  std::chrono::milliseconds silence{500};
};

/// Runs until the input ends, quit#, or a signal; returns the exit code. Throws std::runtime_error
/// where the hub's name leads nowhere, or known_hubs cannot be read.
int run(const Options& options);

}  // namespace hub::client
