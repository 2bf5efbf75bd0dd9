#include "bench/load/process.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto kStopTime = 10s;

/// The number after `key` in a file of "Key: number" lines, as /proc has them; 0 where it is not.
std::uint64_t proc_number(const std::filesystem::path& file, std::string_view key) {
  const std::string text = read_file(file);
  const std::size_t at = text.find(key);
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + key.size(), nullptr, 10);
}

/// User and system time from a /proc/…/stat: fields 14 and 15 (proc(5)), counted after the name,
/// which may hold spaces.
double cpu_seconds(const std::filesystem::path& stat) {
  const std::string text = read_file(stat);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

Descriptor open_log(const std::filesystem::path& file) {
  Descriptor out(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!out) throw Failure("cannot write " + file.string());
  return out;
}

ChildProcess::Files files_to(const Descriptor& log) { return {-1, log.get(), log.get()}; }

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TempDirectory::TempDirectory(const std::filesystem::path& parent) {
  std::error_code ignored;  // mkdtemp says what is wrong
  std::filesystem::create_directories(parent, ignored);
  std::string name = parent / "hubload-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    throw Failure(fmt::format("cannot make a directory in {}: {}; choose another with --work",
                              parent.string(), std::strerror(errno)));
  }
  path_ = name;
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (fd_ >= 0 && this != &other) ::close(fd_);
  fd_ = other.release();
  return *this;
}

int Descriptor::release() { return std::exchange(fd_, -1); }

ChildProcess::ChildProcess(std::vector<std::string> command, const Files& files) {
  if (::access(command.at(0).c_str(), X_OK) != 0) {
    throw Failure("there is no program " + command.at(0));
  }
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw Failure(fmt::format("cannot start a process: {}", std::strerror(errno)));
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a load program that is killed leaves nothing behind
    if (getppid() != parent) _exit(127);
    if (files.in >= 0) dup2(files.in, STDIN_FILENO);
    if (files.out >= 0) dup2(files.out, STDOUT_FILENO);
    if (files.errors >= 0) dup2(files.errors, STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
}

ChildProcess::~ChildProcess() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGTERM);
  const auto end = std::chrono::steady_clock::now() + kStopTime;
  while (!has_ended()) {
    if (std::chrono::steady_clock::now() > end) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      return;
    }
    std::this_thread::sleep_for(5ms);
  }
}

bool ChildProcess::has_ended() {
  if (pid_ >= 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ < 0;
}

ServerProcess::ServerProcess(std::vector<std::string> command, std::filesystem::path log)
    : log_(std::move(log)), process_(std::move(command), files_to(open_log(log_))) {}

std::string ServerProcess::log_end() const {
  constexpr std::size_t kMost = 1000;
  const std::string text = log();
  return text.size() <= kMost ? text : text.substr(text.size() - kMost);
}

Usage ServerProcess::usage() const {
  const std::filesystem::path proc = "/proc/" + std::to_string(process_.pid());
  Usage out;
  out.at = std::chrono::steady_clock::now();
  out.own_seconds = own_cpu_seconds();
  out.server_seconds = cpu_seconds(proc / "stat");
  std::error_code ignored;
  for (const auto& task : std::filesystem::directory_iterator(proc / "task", ignored)) {
    out.server_threads[std::atoi(task.path().filename().c_str())] =
        cpu_seconds(task.path() / "stat");
  }
  return out;
}

std::uint64_t ServerProcess::resident_bytes() const {
  const std::filesystem::path proc = "/proc/" + std::to_string(process_.pid());
  return proc_number(proc / "smaps_rollup", "Rss:") * 1024;  // exact, unlike status and statm
}

}  // namespace hub::bench
