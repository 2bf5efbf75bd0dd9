// Child processes for tests: started, talked to over pipes, waited for with a deadline, and killed
// and reaped by their own process ID when the object that started them ends.
//
// Nothing here sleeps: whatever a test waits for comes soon or never, so every wait polls until it
// has happened or patience() is over, and the latter is a failure (Unexpected), not a result.
#pragma once

#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace hub::test {

/// Something else happened than the test says, or nothing did: the text says which.
class Unexpected : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How long to wait for what must happen: 40 s, or HUB_TEST_PATIENCE seconds.
std::chrono::milliseconds patience();

class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds from_now = patience())
      : end_(std::chrono::steady_clock::now() + from_now) {}
  /// Milliseconds left, for poll(2); 0 once it is over.
  int left() const;
  bool over() const { return left() == 0; }

 private:
  std::chrono::steady_clock::time_point end_;
};

/// Asks every few milliseconds until it is so; throws Unexpected if it never is.
void eventually(const std::string& what, const std::function<bool()>& is_so);

/// A file descriptor, closed once.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

/// Empty where there is no such file.
std::string read_whole(const std::filesystem::path& file);
/// Returns `file`.
std::filesystem::path write_whole(const std::filesystem::path& file, std::string_view content);

struct Command {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH unless it holds a '/'
  /// Beside our own, of which variables named HUB_... (but HUB_FAULT) are left out: they would
  /// configure the programs.
  std::vector<std::pair<std::string, std::string>> environment = {};
  /// Output and errors are appended to this file, not piped.
  std::optional<std::filesystem::path> log = std::nullopt;
};

/// All of it, "NAME=value".
std::vector<std::string> environment_of(const Command& command);

/// What a process ended with: its exit code, or 128 plus the signal that ended it, as a shell says.
using ExitCode = int;

class Process {
 public:
  /// Throws std::system_error where it cannot be started; a program that is missing exits with 127.
  explicit Process(const Command& command);
  Process(Process&& other) noexcept = default;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  pid_t pid() const { return child_.pid; }

  void write(std::string_view text);  // to its standard input
  void close_input() { input_.reset(); }

  /// The next line of its standard output without the line end; nothing at the end of the output.
  /// Throws Unexpected when neither comes.
  std::optional<std::string> read_line();
  /// A line that has come already, without waiting.
  std::optional<std::string> next_line();
  /// For a loop over several processes: readable for poll(2) when read_now() has something to take
  /// in (-1: that stream is over), which next_line() and errors() then have.
  std::array<int, 2> output_fds() const { return {output_.fd.get(), error_.fd.get()}; }
  void read_now();
  /// What came last on its standard output, and is no whole line.
  const std::string& unfinished_line() const { return output_.text; }
  /// What has come on standard error up to its end, or so far.
  const std::string& errors() const { return error_.text; }

  void send_signal(int signal) const;
  /// Reads everything to the end meanwhile. Throws Unexpected when it does not end.
  ExitCode wait();
  bool has_ended();
  /// Readable for poll(2) once it has ended.
  int end_fd() const { return child_.handle.get(); }

 private:
  struct Child {  // the one thing that must be reaped
    pid_t pid = -1;
    Fd handle;  // a pidfd: readable once it has ended
    std::optional<ExitCode> exit;
    Child() = default;
    Child(Child&& other) noexcept;
    Child& operator=(Child&& other) noexcept;
    ~Child();
    void reap();
  };
  struct Pipe {
    Fd fd;
    std::string text;
    void read_some();
  };

  void spawn(const Command& command, int input, int output, int error);
  bool pump(const Deadline& deadline);  // false: the deadline is over

  Child child_;
  Fd input_;
  Pipe output_;
  Pipe error_;
};

struct Finished {
  ExitCode exit = 0;
  std::string output;
  std::string errors;
};

/// Runs a program to its end with `input` on its standard input.
Finished run(const Command& command, std::string_view input = {});

/// For messages: the command as it would be typed.
std::string to_string(const Command& command);

}  // namespace hub::test
