// One connection to a running hubd's control socket: a line there, a line back.
#pragma once

#include <chrono>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/outcome.hpp"
#include "protocol/control.hpp"

namespace hub::admin {

class ControlClient {
 public:
  /// Fails with kUnreachable where nobody listens there.
  static Outcome<ControlClient> connect(const std::filesystem::path& socket,
                                        std::chrono::milliseconds answer_timeout);

  ControlClient(ControlClient&& other) noexcept;
  ControlClient& operator=(ControlClient&& other) noexcept;
  ~ControlClient();

  /// Sends the commands together and waits for as many replies. After a failure the connection is
  /// of no more use. At most kMaxTogether.
  Outcome<std::vector<control::Reply>> perform(std::span<const control::Command> commands);

  /// So many requests wait in the socket's buffers even if nobody reads the replies meanwhile.
  static constexpr std::size_t kMaxTogether = 32;

 private:
  explicit ControlClient(int fd) : fd_(fd) {}
  Result send(std::string_view lines);
  Outcome<std::string> receive_line();
  Outcome<control::Reply> receive();

  int fd_ = -1;
  std::string received_;  // bytes behind the last line taken
};

}  // namespace hub::admin
