#include "tests/support/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace hub::test {

namespace {

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct PipeEnds {
  Fd reads;
  Fd writes;
};

PipeEnds make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("pipe");
  return {Fd(ends[0]), Fd(ends[1])};
}

void set_nonblocking(const Fd& fd) {
  if (::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK) != 0) {
    throw_errno("fcntl");
  }
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& string : strings) out.push_back(string.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

std::vector<std::string> environment_of(const Command& command) {
  std::vector<std::string> out;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view entry = *at;
    const std::string_view name = entry.substr(0, entry.find('='));
    const bool replaced = std::any_of(command.environment.begin(), command.environment.end(),
                                      [&](const auto& other) { return other.first == name; });
    const bool ours = name.starts_with("HUB_") && name != "HUB_FAULT";
    if (!replaced && !ours) out.emplace_back(entry);
  }
  for (const auto& [name, value] : command.environment) out.push_back(name + "=" + value);
  return out;
}

std::chrono::milliseconds patience() {
  static const std::chrono::milliseconds value = [] {
    const char* text = std::getenv("HUB_TEST_PATIENCE");
    const long seconds = text != nullptr ? std::strtol(text, nullptr, 10) : 0;
    return std::chrono::milliseconds(seconds > 0 ? seconds * 1000 : 40'000);
  }();
  return value;
}

int Deadline::left() const {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<std::chrono::milliseconds::rep>(0, left.count()));
}

void eventually(const std::string& what, const std::function<bool()>& is_so) {
  constexpr int kBetween = 20;  // ms
  const Deadline deadline;
  while (!is_so()) {
    if (deadline.over()) throw Unexpected("waited in vain: " + what);
    ::poll(nullptr, 0, kBetween);
  }
}

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Fd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string read_whole(const std::filesystem::path& file) {
  std::ostringstream out;
  out << std::ifstream(file, std::ios::binary).rdbuf();
  return out.str();
}

std::filesystem::path write_whole(const std::filesystem::path& file, std::string_view content) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << content;
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
  return file;
}

Process::Child::Child(Child&& other) noexcept
    : pid(std::exchange(other.pid, -1)), handle(std::move(other.handle)), exit(other.exit) {}

Process::Child& Process::Child::operator=(Child&& other) noexcept {
  std::swap(pid, other.pid);
  std::swap(handle, other.handle);
  std::swap(exit, other.exit);
  return *this;
}

Process::Child::~Child() {
  if (pid < 0 || exit) return;
  ::kill(pid, SIGKILL);
  reap();
}

void Process::Child::reap() {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Process::Pipe::read_some() {
  std::array<char, 16 * 1024> buffer{};
  const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
  if (n > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(n));
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    fd.reset();
  }
}

Process::Process(const Command& command) {
  // A program that has ended is noticed by what it no longer prints, not by a signal to the test.
  std::signal(SIGPIPE, SIG_IGN);
  PipeEnds input = make_pipe();
  if (command.log) {
    const Fd log(::open(command.log->c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!log) throw_errno("open " + command.log->string());
    spawn(command, input.reads.get(), log.get(), log.get());
  } else {
    PipeEnds output = make_pipe();
    PipeEnds error = make_pipe();
    spawn(command, input.reads.get(), output.writes.get(), error.writes.get());
    output_.fd = std::move(output.reads);
    error_.fd = std::move(error.reads);
    set_nonblocking(output_.fd);
    set_nonblocking(error_.fd);
  }
  input_ = std::move(input.writes);
  set_nonblocking(input_);
}

Process& Process::operator=(Process&& other) noexcept = default;
Process::~Process() = default;

void Process::spawn(const Command& command, int input, int output, int error) {
  std::vector<std::string> arguments = command.argv;
  std::vector<std::string> environment = environment_of(command);
  const std::vector<char*> argv = pointers_to(arguments);
  const std::vector<char*> envp = pointers_to(environment);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw_errno("fork");
  if (pid == 0) {                        // only what is safe between fork and exec
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nothing behind
    if (::getppid() != parent) ::_exit(127);
    ::dup2(input, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(error, STDERR_FILENO);
    ::signal(SIGPIPE, SIG_DFL);
    ::execvpe(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  child_.pid = pid;
  child_.handle = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!child_.handle) throw_errno("pidfd_open");
}

void Process::write(std::string_view text) {
  const Deadline deadline;
  while (!text.empty()) {
    const ssize_t n = ::write(input_.get(), text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) return;  // it ended; what it prints shows that
    pollfd waiting{input_.get(), POLLOUT, 0};
    if (::poll(&waiting, 1, deadline.left()) == 0) {
      throw Unexpected("a program does not read its standard input");
    }
  }
}

bool Process::pump(const Deadline& deadline) {
  std::array<pollfd, 3> waiting{{{output_.fd.get(), POLLIN, 0},
                                 {error_.fd.get(), POLLIN, 0},
                                 {child_.exit ? -1 : child_.handle.get(), POLLIN, 0}}};
  // Once a pipe has ended it is no longer polled, and an end of the process is not waited for here
  // while there is still something to read.
  if (output_.fd || error_.fd) waiting[2].fd = -1;
  if (::poll(waiting.data(), waiting.size(), deadline.left()) == 0) return false;
  if (waiting[0].revents != 0) output_.read_some();
  if (waiting[1].revents != 0) error_.read_some();
  if (waiting[2].revents != 0) child_.reap();
  return true;
}

void Process::read_now() {
  for (Pipe* pipe : {&output_, &error_}) {
    pollfd waiting{pipe->fd.get(), POLLIN, 0};
    while (pipe->fd && ::poll(&waiting, 1, 0) == 1) pipe->read_some();
  }
}

std::optional<std::string> Process::next_line() {
  const std::size_t end = output_.text.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = output_.text.substr(0, end);
  output_.text.erase(0, end + 1);
  return line;
}

std::optional<std::string> Process::read_line() {
  const Deadline deadline;
  for (;;) {
    if (std::optional<std::string> line = next_line()) return line;
    if (!output_.fd) {
      if (output_.text.empty()) return std::nullopt;
      return std::exchange(output_.text, {});
    }
    if (!pump(deadline)) throw Unexpected("nothing is printed");
  }
}

void Process::send_signal(int signal) const {
  if (child_.pid > 0 && !child_.exit) ::kill(child_.pid, signal);
}

ExitCode Process::wait() {
  const Deadline deadline;
  while (!child_.exit) {
    if (!pump(deadline)) throw Unexpected("process " + std::to_string(pid()) + " does not end");
  }
  return *child_.exit;
}

bool Process::has_ended() {
  pollfd waiting{child_.handle.get(), POLLIN, 0};
  if (!child_.exit && ::poll(&waiting, 1, 0) == 1) child_.reap();
  return child_.exit.has_value();
}

Finished run(const Command& command, std::string_view input) {
  Process process(command);
  process.write(input);
  process.close_input();
  Finished out;
  while (std::optional<std::string> line = process.read_line()) out.output += *line + "\n";
  out.exit = process.wait();
  out.errors = process.errors();
  return out;
}

std::string to_string(const Command& command) {
  std::string out;
  for (const std::string& word : command.argv) out += (out.empty() ? "" : " ") + word;
  return out;
}

}  // namespace hub::test
