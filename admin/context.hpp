// What a command of hubadmin works with: where the data is, whom it talks to, what was asked.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "admin/console.hpp"
#include "protocol/password.hpp"
#include "protocol/random.hpp"
#include "protocol/types.hpp"
#include "store/data_directory.hpp"

namespace hub::admin {

/// How long hubadmin waits for others before it says so.
struct Patience {
  std::chrono::milliseconds answer{5000};  // for hubd to answer one command
  std::chrono::milliseconds lock{2000};    // for another hubadmin, or for a hubd just starting
};

struct Context {
  store::DataDirectory data;
  Console& console;
  Random& random;  // any thread may draw from it
  WallTime (*now)();
  Patience patience = {};
};

/// The options of every command; each reads those that its row of the table lists.
struct Options {
  std::string name;
  std::string file;
  std::string password_file;
  std::string author;
  std::string device;  // its ID or the beginning of it
  MessageId post = 0;
  MessageId before = 0;      // 0: from the newest
  std::uint64_t limit = 50;  // 0: all
  KdfParams kdf;
  std::string host;  // empty: this machine's own name
  bool followers = false;
  bool json = false;
  bool dry_run = false;
  bool yes = false;
  bool qr = false;
  bool finish = false;
};

}  // namespace hub::admin
