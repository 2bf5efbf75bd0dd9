// A whole hub in one object: the store thread, the readers, the pool, the core and the reactor,
// made and unmade in the order they need. hubd has one; tests may have several.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <vector>

#include "protocol/endpoint.hpp"
#include "protocol/random.hpp"
#include "server/core/hub.hpp"
#include "server/net/log.hpp"
#include "server/net/reader_thread.hpp"
#include "server/net/store_thread.hpp"

namespace hub::server {

struct ServiceOptions {
  HubConfig hub;
  std::vector<Endpoint> listen;  // at least one; [::] is 0.0.0.0 where there is no IPv6
  std::size_t login_threads = 2;
  std::filesystem::path control_socket;
  HubIdentity identity;          // its history is the store's to say
  LoadKeys load_keys;            // the keys of `identity`, read again
  bool stop_on_signals = false;  // SIGINT and SIGTERM; from before it says where it listens
};

class Service {
 public:
  /// Opens the store, then the sockets, then takes up the stored sessions, and logs where it
  /// listens. Throws store::OpenError, ListenError or std::runtime_error, each with a sentence.
  Service(const ServiceOptions& options, const StoreThread::Open& open_store, Random& random,
          Log& log);
  /// Commits what still waits for the store. Clients hear nothing: their sessions go on after a
  /// restart.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// The addresses listened on, with their real ports.
  const std::vector<Endpoint>& listening() const;

  /// Until stop() (from any thread) or a signal.
  void run();
  void stop();

  /// From any thread: whether writing has stopped for a failing disk.
  bool store_has_failed() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hub::server
