// Signals as something to poll: while one of these lives, the signals it names arrive here and
// nowhere else. Owned by the loop.
#pragma once

#include <csignal>
#include <initializer_list>
#include <optional>

namespace hub::client {

class Signals {
 public:
  /// Throws std::system_error where the system gives no descriptor.
  explicit Signals(std::initializer_list<int> numbers);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int fd() const { return fd_; }
  /// The next signal's number; nothing where none waits.
  std::optional<int> next();

 private:
  int fd_ = -1;
  sigset_t before_{};
};

}  // namespace hub::client
