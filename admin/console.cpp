#include "admin/console.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"

namespace hub::admin {

namespace {

// Holds back the signals that end a program, so that none can leave the terminal without echo.
// They arrive when this object goes.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) ::sigaddset(&set, number);
    ::pthread_sigmask(SIG_BLOCK, &set, &before_);
    fd_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~HeldSignals() {
    if (fd_ >= 0) ::close(fd_);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  /// Waits for a line on `fd`; false where a signal came first.
  bool wait_for_line(int fd) const {
    std::array<pollfd, 2> waits{{{fd, POLLIN, 0}, {fd_, POLLIN, 0}}};
    while (::poll(waits.data(), waits.size(), -1) < 0) {
      if (errno != EINTR) return true;  // read() then says what is wrong
    }
    return waits[1].revents == 0;
  }

 private:
  sigset_t before_{};
  int fd_ = -1;
};

class NoEcho {
 public:
  explicit NoEcho(int fd) : fd_(fd), active_(::tcgetattr(fd, &before_) == 0) {
    if (!active_) return;
    termios quiet = before_;
    if (!fault("password_is_echoed"))
      quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK | ECHONL);
    active_ = ::tcsetattr(fd, TCSAFLUSH, &quiet) == 0;
  }
  ~NoEcho() {
    if (active_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

  bool active() const { return active_; }

 private:
  int fd_;
  termios before_{};
  bool active_;
};

}  // namespace

Console::Console(int in_fd, std::ostream& out, std::ostream& err, bool err_is_terminal,
                 bool out_is_terminal)
    : in_fd_(in_fd),
      out_(out),
      err_(err),
      interactive_(::isatty(in_fd) == 1),
      shows_progress_(err_is_terminal),
      out_is_terminal_(out_is_terminal) {}

Outcome<std::optional<std::string>> Console::read_line(std::size_t limit) {
  // A byte at a time, so that nothing behind the line is taken from whoever reads on.
  std::string line;
  while (true) {
    char c = 0;
    const ssize_t got = ::read(in_fd_, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ExitCode::kFailed, "standard input cannot be read");
    if (got == 0 && line.empty()) return std::optional<std::string>();
    if (got == 0 || c == '\n') break;
    if (line.size() == limit) {
      return fail(ExitCode::kBadUsage,
                  fmt::format("the line on standard input is longer than {} bytes", limit));
    }
    line.push_back(c);
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return std::optional(std::move(line));
}

Outcome<std::string> Console::ask_secret(std::string_view prompt) {
  const HeldSignals held;
  const NoEcho no_echo(in_fd_);
  if (!no_echo.active()) {
    return fail(ExitCode::kFailed, "the terminal cannot hide what is typed; use --password-file");
  }
  err_ << prompt << std::flush;
  const bool typed = held.wait_for_line(in_fd_);
  auto line = typed ? read_line(4 * kMaxPasswordBytes) : std::optional<std::string>();
  err_ << '\n' << std::flush;
  if (!line) return tl::unexpected(line.error());
  if (!*line) return fail(ExitCode::kFailed, "no password was typed");
  return std::move(**line);
}

bool Console::confirm(std::string_view question) {
  err_ << question << " [y/N] " << std::flush;
  const auto line = read_line(100);
  if (!line || !*line) return false;
  std::string answer = **line;
  std::transform(answer.begin(), answer.end(), answer.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return answer == "y" || answer == "yes";
}

void Console::progress(std::string_view text) {
  if (!shows_progress_) return;
  err_ << fmt::format("\r{:<{}}", text, progress_width_) << std::flush;
  progress_width_ = text.size();
}

void Console::end_progress() {
  if (progress_width_ == 0) return;
  err_ << fmt::format("\r{:{}}\r", "", progress_width_) << std::flush;
  progress_width_ = 0;
}

}  // namespace hub::admin
