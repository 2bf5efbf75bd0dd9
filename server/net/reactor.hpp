// The reactor: the hub's one event loop. It owns the sockets, feeds the core and carries out what
// the core wants done. A turn is: read both clocks once, hand the core what has come (a bounded
// number of datagrams, one command, what the worker threads delivered, or a timeout), then empty
// its outbox:
//
//   writes -> store thread   checks -> login pool   reads -> reader thread
//   answers -> control socket   log lines -> log   datagrams -> sendmmsg, last
//
// Nothing here blocks: no disk, no key stretching, no name lookup. stop() may be called from any
// thread; everything else belongs to the thread that calls run().
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "server/core/counters.hpp"
#include "server/core/hub.hpp"
#include "server/net/arrivals.hpp"
#include "server/net/log.hpp"
#include "server/net/login_pool.hpp"
#include "server/net/reader_thread.hpp"
#include "server/net/store_thread.hpp"
#include "server/net/udp_socket.hpp"

namespace hub::server {

class Reactor {
 public:
  /// What it drives; all of it must outlive the reactor.
  struct Parts {
    Hub& hub;
    Counters& counters;
    Arrivals& arrivals;
    StoreThread& store;
    ReaderThread& reader;
    LoginPool& pool;
    Log& log;
  };

  /// Makes the control socket. Throws std::runtime_error with a sentence where it cannot.
  Reactor(const Parts& parts, std::vector<UdpSocket> sockets,
          const std::filesystem::path& control_socket);
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Hub::restore(), with this loop's clocks; before run().
  void restore(const RestoredHistory& history, std::span<const RestoredSession> sessions);

  /// From here on SIGINT and SIGTERM stop the loop; a second one ends the process at once.
  void stop_on_signals();

  /// Until stop() or a signal. Then nothing more is received, what was asked is answered (for at
  /// most kDrainTime), and it returns.
  void run();
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hub::server
