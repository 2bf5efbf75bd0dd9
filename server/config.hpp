// hubd's configuration: read once at start, from flags, the environment and a TOML file.
// A flag beats the environment, the environment beats the file, the file beats the default.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "protocol/endpoint.hpp"
#include "protocol/limits.hpp"
#include "protocol/password.hpp"
#include "server/core/hub.hpp"
#include "server/net/log.hpp"
#include "store/sqlite_store.hpp"

namespace hub::server {

/// The exit codes of hubd, as --help lists them.
enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,
  kBadUsage = 2,
  kInUse = 3,
  kDatabase = 4,
  kCannotListen = 5,
};

/// Everything that can be set. The initialisers are the defaults; server/config_table.cpp names,
/// describes and bounds each of them.
struct Config {
  std::filesystem::path data;  // never empty once read
  std::vector<Endpoint> listen{{IpAddress{}, kDefaultPort, 0}};
  HubConfig hub;
  store::StoreOptions store;
  std::uint64_t disk_reserve = std::uint64_t{16} * 1024 * 1024;
  std::uint32_t login_threads = 2;
  KdfParams kdf{kDefaultKdfMemory, kDefaultKdfPasses};  // of a database that hubd creates
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;
};

/// There is no hub to run: --help and the like, or a mistake.
struct Finished {
  ExitCode code = ExitCode::kOk;
  std::string out;    // for standard output
  std::string error;  // for standard error: one line, without the program's name
};

/// The value of an environment variable; nothing where it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// `arguments` are those after the program's name.
tl::expected<Config, Finished> read_config(std::span<const std::string> arguments,
                                           const Environment& environment);

/// What --default-config prints and data/hubd.toml holds: every setting, described, commented out.
std::string default_config();

}  // namespace hub::server
