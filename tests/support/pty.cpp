#include "tests/support/pty.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include <poll.h>
#include <pty.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hub::test {

namespace {

std::size_t utf8_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  if (byte >= 0xF0) return 4;
  if (byte >= 0xE0) return 3;
  return byte >= 0xC0 ? 2 : 1;
}

std::size_t number(std::string_view parameters, std::size_t fallback) {
  std::size_t value = 0;
  bool any = false;
  for (const char c : parameters) {
    if (c < '0' || c > '9') break;
    value = value * 10 + static_cast<std::size_t>(c - '0');
    any = true;
  }
  return any ? value : fallback;
}

std::string joined(const std::vector<std::string>& cells) {
  std::string out;
  for (const std::string& cell : cells) out += cell;
  out.erase(out.find_last_not_of(' ') + 1);
  return out;
}

}  // namespace

Screen::Screen(std::size_t rows, std::size_t columns) : columns_(columns) {
  lines_.assign(rows, blank());
}

void Screen::feed(std::string_view bytes) {
  pending_ += bytes;
  std::size_t at = 0;
  while (at < pending_.size()) {
    const char first = pending_[at];
    if (first == '\x1b') {
      if (at + 1 >= pending_.size()) break;
      if (pending_[at + 1] != '[') {
        at += 2;
        continue;
      }
      const std::size_t final =
          pending_.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz@`~", at + 2);
      if (final == std::string::npos) break;
      escape(std::string_view(pending_).substr(at + 2, final - at - 2), pending_[final]);
      at = final + 1;
    } else if (static_cast<unsigned char>(first) < 0x20 || first == '\x7f') {
      control(first);
      ++at;
    } else {
      const std::size_t length = utf8_length(first);
      if (at + length > pending_.size()) break;
      character(std::string_view(pending_).substr(at, length));
      at += length;
    }
  }
  pending_.erase(0, at);
}

void Screen::character(std::string_view utf8) {
  if (column_ == columns_) {  // wraps when the next character comes, as terminals do
    column_ = 0;
    line_feed();
  }
  lines_[row_][column_++] = utf8;
}

void Screen::control(char byte) {
  if (byte == '\r') column_ = 0;
  if (byte == '\n') line_feed();
  if (byte == '\b' && column_ > 0) column_ = std::min(column_, columns_) - 1;
  if (byte == '\t') column_ = std::min((column_ / 8 + 1) * 8, columns_ - 1);
}

void Screen::line_feed() {
  if (row_ + 1 < lines_.size()) {
    ++row_;
    return;
  }
  scrolled_.push_back(joined(lines_.front()));
  lines_.erase(lines_.begin());
  lines_.push_back(blank());
}

void Screen::escape(std::string_view parameters, char final) {
  const std::size_t n = std::max<std::size_t>(1, number(parameters, 1));
  const std::size_t mode = number(parameters, 0);
  Line& line = lines_[row_];
  column_ = std::min(column_, columns_ - 1);
  const auto at = [&line](std::size_t column) {
    return line.begin() + static_cast<std::ptrdiff_t>(std::min(column, line.size()));
  };
  switch (final) {
    case 'A':
      row_ -= std::min(n, row_);
      break;
    case 'B':
      row_ = std::min(row_ + n, lines_.size() - 1);
      break;
    case 'C':
      column_ = std::min(column_ + n, columns_ - 1);
      break;
    case 'D':
      column_ -= std::min(n, column_);
      break;
    case 'G':
      column_ = std::min(n, columns_) - 1;
      break;
    case 'H': {
      const std::size_t separator = parameters.find(';');
      row_ = std::min(n, lines_.size()) - 1;
      column_ = separator == std::string_view::npos
                    ? 0
                    : std::min(number(parameters.substr(separator + 1), 1), columns_) - 1;
      break;
    }
    case 'K':
      if (mode == 0) std::fill(at(column_), line.end(), " ");
      if (mode == 1) std::fill(line.begin(), at(column_ + 1), " ");
      if (mode == 2) line = blank();
      break;
    case 'J':
      if (mode == 0) {
        std::fill(at(column_), line.end(), " ");
        std::fill(lines_.begin() + static_cast<std::ptrdiff_t>(row_) + 1, lines_.end(), blank());
      } else {
        std::fill(lines_.begin(), lines_.end(), blank());
      }
      break;
    case 'P':
      line.erase(at(column_), at(column_ + n));
      line.resize(columns_, " ");
      break;
    case '@':
      line.insert(at(column_), n, " ");
      line.resize(columns_, " ");
      break;
    default:
      break;  // colours and modes
  }
}

std::vector<std::string> Screen::lines() const {
  std::vector<std::string> out = scrolled_;
  for (const Line& line : lines_) out.push_back(joined(line));
  while (!out.empty() && out.back().empty()) out.pop_back();
  return out;
}

std::string Screen::current_line() const { return joined(lines_[row_]); }

PtyProcess::PtyProcess(const Command& command, std::size_t rows, std::size_t columns)
    : screen_(rows, columns) {
  winsize size{};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  std::vector<std::string> words = command.argv;
  std::vector<std::string> environment = environment_of(command);
  std::vector<char*> argv;
  std::vector<char*> envp;
  for (std::string& word : words) argv.push_back(word.data());
  for (std::string& variable : environment) envp.push_back(variable.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  const pid_t parent = ::getpid();
  int terminal = -1;
  pid_ = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "forkpty");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::execvpe(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  terminal_ = Fd(terminal);
}

PtyProcess::~PtyProcess() {
  if (reaped_) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void PtyProcess::press(std::string_view keys) {
  while (!keys.empty()) {
    const ssize_t n = ::write(terminal_.get(), keys.data(), keys.size());
    if (n < 0 && errno != EINTR) throw Unexpected("the terminal takes no keys");
    if (n > 0) keys.remove_prefix(static_cast<std::size_t>(n));
  }
}

bool PtyProcess::pump(const Deadline& deadline) {
  pollfd waiting{terminal_.get(), POLLIN, 0};
  if (!terminal_ || ::poll(&waiting, 1, deadline.left()) == 0) return false;
  std::array<char, 4096> buffer{};
  const ssize_t n = ::read(terminal_.get(), buffer.data(), buffer.size());
  if (n <= 0) {  // EIO: the other side is closed
    terminal_.reset();
    return false;
  }
  const std::string_view text(buffer.data(), static_cast<std::size_t>(n));
  bytes_ += text;
  screen_.feed(text);
  return true;
}

void PtyProcess::wait_until(const std::string& what,
                            const std::function<bool(const Screen&)>& wanted) {
  const Deadline deadline;
  while (!wanted(screen_)) {
    if (pump(deadline)) continue;
    std::string seen;
    for (const std::string& line : screen_.lines()) seen += "  | " + line + "\n";
    throw Unexpected("waited on the screen for " + what + "; it shows:\n" + seen);
  }
}

void PtyProcess::wait_for_line(const std::string& text) {
  wait_until("the line \"" + text + "\"", [&text](const Screen& screen) {
    const std::vector<std::string> lines = screen.lines();
    return std::find(lines.begin(), lines.end(), text) != lines.end();
  });
}

void PtyProcess::wait_for(const std::string& text) {
  wait_until('"' + text + '"', [&text](const Screen& screen) {
    const std::vector<std::string> lines = screen.lines();
    return std::any_of(lines.begin(), lines.end(), [&text](const std::string& line) {
      return line.find(text) != std::string::npos;
    });
  });
}

ExitCode PtyProcess::wait() {
  const Deadline deadline;
  while (pump(deadline)) {
  }
  if (terminal_) throw Unexpected("a program in a terminal does not end");
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  reaped_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace hub::test
