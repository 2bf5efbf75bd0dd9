// Many TCP connections to one server, from one thread, with epoll: as few system calls and copies
// as that allows, for the load program must cost less than the server it measures.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/process.hpp"
#include "protocol/endpoint.hpp"

namespace hub::bench {

class Connections {
 public:
  explicit Connections(const Endpoint& server);

  /// Another connection; its index. In the network namespace of the caller. Throws Failure.
  std::size_t open();
  std::size_t size() const { return connections_.size(); }

  /// To append to; sent by flush(), and by receive() before it waits.
  std::string& out(std::size_t connection);
  void flush();

  /// Bytes that have come for a connection, with those that were not used before. Returns how many
  /// are used now.
  using Take = std::function<std::size_t(std::size_t, std::string_view, TimePoint)>;
  /// Hands over what comes on all connections; what `take` appends is sent after each batch of
  /// them. Returns how many connections had something: 0 after `patience`. Throws Failure where the
  /// server closed one that was not closed here.
  std::size_t receive(Duration patience, const Take& take);

  /// It has ended, from either side: see `may_end`.
  bool is_open(std::size_t connection) const { return bool(connections_[connection].fd); }
  void close(std::size_t connection);
  /// The server may end connections, and reset them: that is no Failure any more.
  void let_end() { may_end_ = true; }

 private:
  struct Connection {
    Descriptor fd;
    std::string out;
    std::string rest;  // received and not used
    bool is_touched = false;
  };

  void send(std::size_t connection);
  void read(std::size_t connection, const Take& take);
  void ended(std::size_t connection);

  const Endpoint server_;
  Descriptor epoll_;
  std::vector<Connection> connections_;
  std::vector<std::size_t> touched_;
  std::string buffer_;
  bool may_end_ = false;
};

}  // namespace hub::bench
