#include "server/net/control_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "server/net/control_connection.hpp"

namespace hub::server {

namespace {

using Protocol = asio::local::stream_protocol;

constexpr std::size_t kMaxPathBytes = sizeof(sockaddr_un::sun_path) - 1;
constexpr mode_t kMode = 0660;
constexpr std::chrono::milliseconds kAcceptPause{100};  // after a failure, such as no descriptors

Protocol::acceptor listen(asio::io_context& io, const std::filesystem::path& path) {
  ControlSocket::check_path(path);
  std::error_code ignored;
  if (std::filesystem::is_socket(path, ignored)) std::filesystem::remove(path, ignored);
  Protocol::acceptor out(io);
  asio::error_code error;
  out.open(Protocol(), error);
  if (!error) out.bind(Protocol::endpoint(path.native()), error);
  if (!error && chmod(path.c_str(), kMode) != 0) {
    error.assign(errno, asio::error::get_system_category());
  }
  if (!error) out.listen(Protocol::acceptor::max_listen_connections, error);
  if (error) {
    throw std::runtime_error(fmt::format(
        "cannot make the control socket {}: {}; look at the rights of the data directory",
        path.native(), error.message()));
  }
  return out;
}

}  // namespace

struct ControlSocket::Impl final : ControlConnection::Owner,
                                   std::enable_shared_from_this<ControlSocket::Impl> {
  Impl(asio::io_context& io, const std::filesystem::path& where, OnCommand handler)
      : path(where), acceptor(listen(io, where)), pause(io), handle(std::move(handler)) {}

  void accept() {
    acceptor.async_accept([self = shared_from_this()](auto error, Protocol::socket stream) {
      if (!self->acceptor.is_open()) return;
      if (!error) {
        self->admit(std::move(stream));
        self->accept();
        return;
      }
      self->pause.expires_after(kAcceptPause);
      self->pause.async_wait([self](auto cancelled) {
        if (!cancelled && self->acceptor.is_open()) self->accept();
      });
    });
  }

  void admit(Protocol::socket stream) {
    // Refused ones linger until their peer has read why; of those there are as many again at most.
    if (connections.size() >= 2 * kMaxConnections) return;
    const auto served = std::count_if(connections.begin(), connections.end(),
                                      [](const auto& c) { return !c->is_refused(); });
    const auto connection = std::make_shared<ControlConnection>(std::move(stream), *this);
    connections.push_back(connection);
    if (static_cast<std::size_t>(served) >= kMaxConnections) {
      connection->refuse(
          {control::Refusal::kBusy, "too many connections to the control socket; try again later"});
    }
    connection->start();
  }

  ControlTag next_tag() override { return ++last_tag; }

  void on_command(ControlTag tag, const control::Command& command) override {
    handle(tag, command);
  }

  void on_closed(ControlConnection& connection) override {
    std::erase_if(connections, [&](const auto& c) { return c.get() == &connection; });
    on_progress();
  }

  void on_progress() override {
    if (on_idle && !is_busy()) on_idle();
  }

  bool is_busy() const {
    return std::any_of(connections.begin(), connections.end(),
                       [](const auto& connection) { return connection->is_busy(); });
  }

  void close() {
    asio::error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    on_idle = nullptr;
    const auto all = connections;
    for (const auto& connection : all) connection->close();
    std::error_code unremoved;
    std::filesystem::remove(path, unremoved);
  }

  std::filesystem::path path;
  Protocol::acceptor acceptor;
  asio::steady_timer pause;
  OnCommand handle;
  std::function<void()> on_idle;
  std::vector<std::shared_ptr<ControlConnection>> connections;
  ControlTag last_tag = 0;
};

void ControlSocket::check_path(const std::filesystem::path& path) {
  if (path.native().size() > kMaxPathBytes) {
    throw std::runtime_error(
        fmt::format("the control socket's path {} is longer than the {} bytes a Unix socket may "
                    "have; choose a shorter data directory with --data",
                    path.native(), kMaxPathBytes));
  }
}

ControlSocket::ControlSocket(asio::io_context& io, const std::filesystem::path& path,
                             OnCommand on_command)
    : impl_(std::make_shared<Impl>(io, path, std::move(on_command))) {
  impl_->accept();
}

ControlSocket::~ControlSocket() { impl_->close(); }

void ControlSocket::answer(const ControlAnswer& answer) {
  const auto all = impl_->connections;
  for (const auto& connection : all) {
    if (connection->answer(answer.tag, answer.reply)) return;
  }
}

void ControlSocket::stop_reading(std::function<void()> on_idle) {
  impl_->on_idle = std::move(on_idle);
  asio::error_code ignored;
  impl_->acceptor.close(ignored);
  for (const auto& connection : impl_->connections) connection->stop_reading();
}

bool ControlSocket::is_busy() const { return impl_->is_busy(); }

}  // namespace hub::server
