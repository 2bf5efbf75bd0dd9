// hubd: the server. Reads the configuration, takes the data directory, opens or creates the
// database, and runs the service until it is told to stop.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "protocol/fault.hpp"
#include "protocol/fingerprint.hpp"
#include "protocol/random.hpp"
#include "server/config.hpp"
#include "server/net/control_socket.hpp"
#include "server/net/log.hpp"
#include "server/net/service.hpp"
#include "server/net/udp_socket.hpp"
#include "store/data_directory.hpp"
#include "store/disk_reserve.hpp"
#include "store/hub_keys.hpp"
#include "store/sqlite_store.hpp"

namespace {

using namespace hub;
using namespace hub::server;

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

/// What a hub must be able to rely on, whoever started it: a reader of the log that goes away does
/// not end it, and no file it opens gets the number of a standard stream that was closed.
void prepare_process() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files is to be an error of the write
  while (true) {
    const int fd = open("/dev/null", O_RDWR);
    if (fd < 0) return;
    if (fd > STDERR_FILENO) {
      close(fd);
      return;
    }
  }
}

int fail(ExitCode code, const std::string& message) {
  fmt::print(stderr, "hubd: {}\n", message);
  return static_cast<int>(code);
}

std::string in_use(const store::DataDirectory& directory) {
  const std::string holder = store::DirectoryLock::holder(directory);
  return fmt::format(
      "the data directory {} is in use by {}; stop that first, or name another directory with "
      "--data",
      directory.path().native(), holder.empty() ? "another process" : holder);
}

ServiceOptions service_options(const Config& config, const store::DataDirectory& directory) {
  ServiceOptions out;
  out.hub = config.hub;
  out.listen = config.listen;
  out.login_threads = config.login_threads;
  out.control_socket = directory.control_socket();
  out.stop_on_signals = true;
  return out;
}

/// The server's keys, made where there are none.
store::HubKeys take_keys(const store::DataDirectory& directory, bool new_hub, Random& random,
                         Log& log) {
  const store::FoundHubKeys found = store::find_or_create_hub_keys(directory, random);
  if (found.are_new && !new_hub) {
    log.write(
        LogLevel::kWarning,
        fmt::format("there was no {}: made a new key. After an upgrade from a release without "
                    "one that is right; else stop hubd and put back the copy you kept, because "
                    "everybody's spoke warns of a changed key",
                    directory.hub_key().native()));
  }
  return found.keys;
}

void log_keys(const store::HubKeys& keys, Log& log) {
  log.write(LogLevel::kInfo,
            fmt::format("the hub's key is {}", fingerprint_of(keys.current.public_key)));
  if (!keys.next) return;
  log.write(LogLevel::kInfo, fmt::format("the next key, announced and valid too, is {}",
                                         fingerprint_of(keys.next->public_key)));
}

/// A hub starts on a full disk too: with a reset key that it cannot keep.
store::ResetKey take_reset_key(const store::DataDirectory& directory, Random& random, Log& log) {
  try {
    return store::next_reset_key(directory, random);
  } catch (const store::KeyFileError& error) {
    if (error.why() != store::KeyFileError::Why::kNoRoom || fault("start_needs_room")) throw;
    log.write(LogLevel::kWarning, fmt::format("{}: clients take longer to notice this restart and "
                                              "the next one",
                                              error.what()));
    store::ResetKey reset;
    random.fill(reset.key);
    return reset;
  }
}

/// During a rotation both keys are accepted, and the next one is announced.
HubKeyRing ring_of(const store::HubKeys& keys) {
  HubKeyRing ring;
  ring.accepted.push_back(keys.current);
  if (keys.next) {
    ring.accepted.push_back(*keys.next);
    ring.announced = keys.next->public_key;
  }
  return ring;
}

/// Everything with the data directory locked. Throws what the service throws.
void serve(const Config& config, const store::DataDirectory& directory) {
  Log log(config.log_level, config.log_format);
  SystemRandom random;
  const bool new_hub = !std::filesystem::exists(directory.database());
  store::make_room_to_start(directory.database());
  const store::HubKeys keys = take_keys(directory, new_hub, random, log);
  if (new_hub) {
    store::create_database(directory.database(), config.kdf, random);
    log.write(LogLevel::kInfo, "created the database " + directory.database().native());
  }
  ServiceOptions options = service_options(config, directory);
  options.identity.keys = ring_of(keys);
  options.load_keys = [&] { return ring_of(store::load_hub_keys(directory)); };
  const store::ResetKey reset = take_reset_key(directory, random, log);
  options.identity.reset_key = reset.key;
  options.identity.generation = reset.generation;
  const auto open = [&]() -> std::unique_ptr<store::Store> {
    store::StoreOptions how = config.store;
    how.disk_reserve = config.disk_reserve;
    how.checkpoints.on_thread = true;
    how.checkpoints.preallocate = true;
    return store::SqliteStore::open(directory.database(), how);
  };
  if (config.hub.classic == ClassicAccess::kAny) {
    log.write(LogLevel::kWarning,
              "classic framing is open to any address: passwords and posts travel unencrypted");
  }
  Service service(options, open, random, log);
  log_keys(keys, log);
  service.run();
  log.write(LogLevel::kInfo, "stopped");
  if (service.store_has_failed()) {
    throw std::runtime_error(
        "writing had stopped because the database or its disk failed; see the "
        "log, and what 'hubadmin check' finds, before starting again");
  }
}

int run(const Config& config) {
  const store::DataDirectory directory(config.data);
  try {
    ControlSocket::check_path(directory.control_socket());
    directory.create();
    const auto lock = store::DirectoryLock::take(directory, "hubd");
    if (!lock) return fail(ExitCode::kInUse, in_use(directory));
    serve(config, directory);
    return static_cast<int>(ExitCode::kOk);
  } catch (const store::OpenError& error) {
    return fail(ExitCode::kDatabase, error.what());
  } catch (const store::KeyFileError& error) {
    return fail(ExitCode::kDatabase, error.what());
  } catch (const ListenError& error) {
    return fail(ExitCode::kCannotListen, error.what());
  } catch (const std::exception& error) {
    return fail(ExitCode::kFailed, error.what());
  }
}

}  // namespace

int main(int count, char** values) {
  prepare_process();
  const std::vector<std::string> arguments(values + 1, values + count);
  const auto config = read_config(arguments, environment);
  if (config) return run(*config);
  const Finished& finished = config.error();
  fmt::print("{}", finished.out);
  if (!finished.error.empty()) return fail(finished.code, finished.error);
  return static_cast<int>(finished.code);
}
