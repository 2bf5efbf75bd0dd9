#include "bench/link/spoke_process.hpp"

#include <array>
#include <cstdlib>
#include <fstream>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 20s;

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Failure("no pipe can be made");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

}  // namespace

SpokeProcess::SpokeProcess(const std::filesystem::path& program, const std::string& link,
                           const std::string& id, const std::string& password,
                           const std::filesystem::path& directory)
    : errors_(directory / "spoke.errors") {
  const auto file = directory / "password";
  std::ofstream(file) << password << "\n";
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  const Descriptor errors(::open(errors_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ::setenv("XDG_STATE_HOME", directory.c_str(), 1);
  process_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{program, link, "--login", id, "--password-file", file,
                               "--accept-weak-kdf"},
      ChildProcess::Files{in.read.get(), out.write.get(), errors.get()});
  input_ = std::move(in.write);
  output_ = std::move(out.read);
  ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
}

void SpokeProcess::read_lines(const std::function<void(std::string_view)>& take) {
  std::array<char, 16 * 1024> buffer;
  for (;;) {
    const ssize_t count = ::read(output_.get(), buffer.data(), buffer.size());
    if (count == 0) throw Failure("spoke ended: " + read_file(errors_));
    if (count < 0) break;
    rest_.append(buffer.data(), static_cast<std::size_t>(count));
  }
  std::size_t begin = 0;
  for (std::size_t end; (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    take(std::string_view(rest_).substr(begin, end - begin));
  }
  rest_.erase(0, begin);
}

void SpokeProcess::await_login() {
  const TimePoint end = std::chrono::steady_clock::now() + kPatience;
  for (bool done = false; !done;) {
    pollfd waiting{output_.get(), POLLIN, 0};
    ::poll(&waiting, 1, 100);
    read_lines([&](std::string_view line) {
      if (line != "login_ack#successful") throw Failure("spoke prints " + std::string(line));
      done = true;
    });
    if (std::chrono::steady_clock::now() > end) {
      throw Failure("spoke does not log in: " + read_file(errors_));
    }
  }
}

}  // namespace hub::bench
