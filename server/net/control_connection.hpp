// One connection to the control socket: cuts lines, keeps the answers in the order of the requests.
// For control_socket.cpp alone, since it includes Asio.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>

#include "protocol/control.hpp"
#include "server/core/outbox.hpp"

namespace hub::server {

class ControlConnection : public std::enable_shared_from_this<ControlConnection> {
 public:
  using Stream = asio::local::stream_protocol::socket;

  /// What a connection wants of its owner.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual ControlTag next_tag() = 0;
    virtual void on_command(ControlTag tag, const control::Command& command) = 0;
    virtual void on_progress() = 0;  // an answer is written
    virtual void on_closed(ControlConnection& connection) = 0;
  };

  ControlConnection(Stream stream, Owner& owner);

  void start();
  /// Says why, and no more is served.
  void refuse(const control::Refused& why);
  /// False where this connection does not await that answer.
  bool answer(ControlTag tag, const control::Reply& reply);
  void stop_reading();
  void close();
  bool is_busy() const { return !closed_ && (!requests_.empty() || !unsent_.empty()); }
  bool is_refused() const { return refused_; }

 private:
  struct Request {
    ControlTag tag = 0;
    std::optional<std::string> line;  // its answer, once there is one
  };

  bool has_room() const;
  void read();
  void on_read(std::size_t size);
  void cut_lines();
  void on_line(std::string_view line);
  void write();
  void on_written();
  void proceed();

  Stream stream_;
  Owner* owner_;
  std::string received_;      // bytes of lines not yet taken
  std::size_t searched_ = 0;  // of received_: no line end before here
  std::deque<Request> requests_;
  std::string unsent_;
  std::string writing_;
  std::array<char, 4096> chunk_{};
  std::size_t discarded_ = 0;  // bytes read after a refusal
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool ended_ = false;    // the peer sends no more
  bool refused_ = false;  // what else it sends is read and thrown away
  bool shut_ = false;     // so do we
  bool stopped_ = false;  // nothing more is read
  bool closed_ = false;
};

}  // namespace hub::server
