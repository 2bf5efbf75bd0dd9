// The control socket: a Unix stream socket in the data directory, mode 0660, over which hubadmin
// asks the running hub. One JSON line a request, one a reply, in order (protocol/control.hpp).
//
// Everything a peer can do is bounded: connections, requests at once, the length of a line and the
// replies waiting to be read. Lives on the reactor's thread and io_context.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>

#include "server/core/outbox.hpp"

namespace asio {
class io_context;
}

namespace hub::server {

class ControlSocket {
 public:
  /// Called for each request; the answer comes by answer() with the same tag, at once or later.
  using OnCommand = std::function<void(ControlTag, const control::Command&)>;

  static constexpr std::size_t kMaxConnections = 32;
  static constexpr std::size_t kMaxPipelined = 16;  // requests a connection may have unanswered

  /// Throws std::runtime_error, with a sentence, where `path` is longer than a Unix socket's may
  /// be.
  static void check_path(const std::filesystem::path& path);

  /// Takes the place of a stale socket file: the caller holds the directory's lock, so no living
  /// hub uses it. Throws std::runtime_error with a sentence.
  ControlSocket(asio::io_context& io, const std::filesystem::path& path, OnCommand on_command);
  /// Closes all connections and removes the file.
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  /// An answer to nobody (its connection is gone) is dropped.
  void answer(const ControlAnswer& answer);

  /// Accepts nobody and reads nothing more; answers still go out. `on_idle` is called whenever some
  /// of them have and none is left.
  void stop_reading(std::function<void()> on_idle);
  /// True while answers are awaited or not yet written.
  bool is_busy() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hub::server
