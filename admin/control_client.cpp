#include "admin/control_client.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "protocol/text.hpp"

namespace hub::admin {

namespace {

std::string reason(int error) { return std::generic_category().message(error); }

void set_timeout(int fd, std::chrono::milliseconds timeout) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  const std::chrono::microseconds rest = timeout - seconds;
  const timeval value{static_cast<time_t>(seconds.count()), static_cast<suseconds_t>(rest.count())};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value);
}

int connect_to(int fd, const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& name = path.native();
  // hubd refuses to start where its socket has so long a name.
  if (name.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, name.data(), name.size());
  const int failed = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return failed != 0 ? errno : 0;
}

// Whether it was done, nobody here knows.
tl::unexpected<Failure> unanswered(std::string_view what) {
  return fail(ExitCode::kUnreachable,
              fmt::format("{}; look at its log, and whether what was asked is done, before you try "
                          "again",
                          what));
}

}  // namespace

Outcome<ControlClient> ControlClient::connect(const std::filesystem::path& socket,
                                              std::chrono::milliseconds answer_timeout) {
  // Not to wait in a full queue of connections; behind the connection, calls wait at most so long.
  ControlClient client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (client.fd_ < 0) {
    return fail(ExitCode::kFailed, "no socket can be made: " + reason(errno));
  }
  if (const int error = connect_to(client.fd_, socket); error != 0) {
    return fail(ExitCode::kUnreachable,
                fmt::format("hubd is running, but its control socket {} cannot be reached: {}",
                            printable(socket.string()), reason(error)));
  }
  ::fcntl(client.fd_, F_SETFL, 0);
  set_timeout(client.fd_, answer_timeout);
  return client;
}

ControlClient::ControlClient(ControlClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), received_(std::move(other.received_)) {}

ControlClient& ControlClient::operator=(ControlClient&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(received_, other.received_);
  return *this;
}

ControlClient::~ControlClient() {
  if (fd_ >= 0) ::close(fd_);
}

Outcome<std::vector<control::Reply>> ControlClient::perform(
    std::span<const control::Command> commands) {
  std::string lines;
  for (const control::Command& command : commands) lines += control::encode(command) + '\n';
  if (const auto sent = send(lines); !sent) return tl::unexpected(sent.error());
  std::vector<control::Reply> replies;
  while (replies.size() < commands.size()) {
    auto reply = receive();
    if (!reply) return tl::unexpected(reply.error());
    replies.push_back(std::move(*reply));
  }
  return replies;
}

Result ControlClient::send(std::string_view lines) {
  while (!lines.empty()) {
    const ssize_t sent = ::send(fd_, lines.data(), lines.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return unanswered("hubd takes no commands");
    lines.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Outcome<control::Reply> ControlClient::receive() {
  const auto line = receive_line();
  if (!line) return tl::unexpected(line.error());
  if (fault("control_reply_unchecked")) return control::Done{};
  auto reply = control::decode_reply(*line);
  if (reply) return std::move(*reply);
  return fail(ExitCode::kUnreachable,
              fmt::format("hubd's answer is not understood ({}); are hubd and hubadmin of the same "
                          "version?",
                          reply.error()));
}

Outcome<std::string> ControlClient::receive_line() {
  std::array<char, 16'384> buffer;
  while (true) {
    if (const std::size_t end = received_.find('\n'); end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return line;
    }
    if (received_.size() > kMaxControlLineBytes) {
      return fail(ExitCode::kUnreachable, "hubd's answer is too long; is it hubd that answers?");
    }
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) return unanswered("hubd ended before it answered");
    if (got < 0) return unanswered("hubd is running but does not answer");
    received_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace hub::admin
