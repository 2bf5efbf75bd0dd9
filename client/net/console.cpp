#include "client/net/console.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <poll.h>
#include <unistd.h>

namespace hub::client {

Style style_of_output() {
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  const char* kind = std::getenv("TERM");
  const bool dumb = kind == nullptr || *kind == '\0' || std::string_view(kind) == "dumb";
  return {terminal, terminal && !dumb && std::getenv("NO_COLOR") == nullptr};
}

bool write_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // somebody who shares this terminal made it so
      pollfd out{STDOUT_FILENO, POLLOUT, 0};
      poll(&out, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

void PipeConsole::read() {
  std::array<char, 16'384> buffer;
  const ssize_t size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (size > 0) {
    lines_.add({buffer.data(), static_cast<std::size_t>(size)});
  } else if (size == 0 || (errno != EINTR && errno != EAGAIN)) {
    ended_ = true;
  }
}

std::optional<Typed> PipeConsole::next() {
  auto line = ended_ ? lines_.rest() : lines_.next();
  if (line) return TypedLine{std::move(*line)};
  if (!ended_ || told_end_) return std::nullopt;
  told_end_ = true;
  return InputEnd{};
}

bool PipeConsole::show(std::string_view lines, const std::string&) { return write_out(lines); }

void PipeConsole::suspend() { kill(getpid(), SIGSTOP); }

}  // namespace hub::client
