#include "bench/rivals/connections.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include "bench/load/socket_address.hpp"

namespace hub::bench {

namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr int kBatch = 64;  // connections a turn, as many as datagrams in a Link's

}  // namespace

Connections::Connections(const Endpoint& server)
    : server_(server), epoll_(::epoll_create1(EPOLL_CLOEXEC)), buffer_(kBufferBytes, '\0') {
  if (!epoll_) throw Failure(fmt::format("cannot wait for sockets: {}", std::strerror(errno)));
}

std::size_t Connections::open() {
  Descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = socket_address(server_);
  if (!fd ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw Failure(fmt::format("connection {} to the server cannot be made: {}",
                              connections_.size() + 1, std::strerror(errno)));
  }
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = connections_.size();
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) {
    throw Failure(fmt::format("cannot wait for a socket: {}", std::strerror(errno)));
  }
  connections_.push_back({std::move(fd), {}, {}, false});
  return connections_.size() - 1;
}

void Connections::close(std::size_t connection) {
  connections_[connection].fd = Descriptor();  // leaves the epoll set by itself
  connections_[connection].rest.clear();
}

std::string& Connections::out(std::size_t connection) {
  Connection& to = connections_[connection];
  if (!std::exchange(to.is_touched, true)) touched_.push_back(connection);
  return to.out;
}

void Connections::flush() {
  std::vector<std::size_t> touched = std::exchange(touched_, {});
  for (const std::size_t connection : touched) send(connection);
  if (!touched_.empty()) return;
  touched.clear();
  touched_ = std::move(touched);  // its memory
}

void Connections::send(std::size_t connection) {
  Connection& to = connections_[connection];
  to.is_touched = false;
  if (!to.fd) to.out.clear();
  std::size_t sent = 0;
  while (sent < to.out.size()) {
    const ssize_t count =
        ::send(to.fd.get(), to.out.data() + sent, to.out.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0) return ended(connection);
    sent += static_cast<std::size_t>(count);
  }
  to.out.erase(0, sent);
  if (!to.out.empty()) out(connection);  // the rest with the next flush()
}

void Connections::ended(std::size_t connection) {
  if (!may_end_) {
    throw Failure(fmt::format("the server ended connection {}: {}", connection,
                              errno != 0 ? std::strerror(errno) : "it gives no reason"));
  }
  close(connection);
}

std::size_t Connections::receive(Duration patience, const Take& take) {
  flush();
  std::array<epoll_event, kBatch> events;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(
      touched_.empty() ? patience : std::min<Duration>(patience, std::chrono::milliseconds(1)));
  const int count = epoll_wait(epoll_.get(), events.data(), kBatch, static_cast<int>(wait.count()));
  for (int i = 0; i < count; ++i) {
    read(static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64), take);
  }
  flush();
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

void Connections::read(std::size_t connection, const Take& take) {
  Connection& from = connections_[connection];
  if (!from.fd) return;
  errno = 0;
  const ssize_t count = ::recv(from.fd.get(), buffer_.data(), buffer_.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return ended(connection);
  const TimePoint at = std::chrono::steady_clock::now();
  const std::string_view fresh(buffer_.data(), static_cast<std::size_t>(count));
  if (from.rest.empty()) {
    const std::size_t used = take(connection, fresh, at);
    from.rest.assign(fresh.substr(used));
  } else {
    from.rest += fresh;
    from.rest.erase(0, take(connection, from.rest, at));
  }
}

}  // namespace hub::bench
