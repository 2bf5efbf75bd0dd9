#include "bench/load/hub_process.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/control.hpp"
#include "protocol/endpoint.hpp"
#include "protocol/limits.hpp"
#include "store/data_directory.hpp"
#include "store/hub_keys.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto kStartTime = 60s;
constexpr auto kStopTime = 10s;

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

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

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string tail_of(const std::string& text) {
  constexpr std::size_t kMost = 1000;
  return text.size() <= kMost ? text : text.substr(text.size() - kMost);
}

}  // namespace

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

HubProcess::HubProcess(const std::filesystem::path& program, const std::filesystem::path& data,
                       const std::vector<std::string>& flags)
    : data_(data), log_(data / "hubd.log") {
  if (::access(program.c_str(), X_OK) != 0) {
    throw Failure(
        fmt::format("there is no program {}; build it, or name it with --hubd", program.string()));
  }
  std::vector<std::string> words = {program, "--data", data, "--listen", "127.0.0.1:0"};
  words.insert(words.end(), flags.begin(), flags.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const Fd log(::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (log.get() < 0) throw Failure("cannot write " + log_.string());

  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw Failure(fmt::format("cannot start a process: {}", std::strerror(errno)));
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a load program that is killed leaves nothing behind
    if (getppid() != parent) _exit(127);
    dup2(log.get(), STDOUT_FILENO);
    dup2(log.get(), STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  wait_for_port();
}

HubProcess::~HubProcess() {
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

bool HubProcess::has_ended() {
  if (pid_ >= 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ < 0;
}

void HubProcess::wait_for_port() {
  static constexpr std::string_view kMark = "listening on ";
  const auto end = std::chrono::steady_clock::now() + kStartTime;
  for (;;) {
    const bool ended = has_ended();
    const std::string text = read_file(log_);
    const std::size_t mark = text.find(kMark);
    const std::size_t line_end = text.find('\n', mark == std::string::npos ? 0 : mark);
    if (mark != std::string::npos && line_end != std::string::npos) {
      const std::string line = text.substr(mark + kMark.size(), line_end - mark - kMark.size());
      if (const auto address = Endpoint::parse(line.substr(0, line.find(' ')))) {
        port_ = address->port;
        return;
      }
    }
    if (ended) throw Failure("hubd did not start; its log ends with:\n" + tail_of(text));
    if (std::chrono::steady_clock::now() > end) {
      throw Failure("hubd does not listen; its log ends with:\n" + tail_of(text));
    }
    std::this_thread::sleep_for(5ms);
  }
}

Key HubProcess::server_key() const {
  return store::load_hub_keys(store::DataDirectory(data_)).current.public_key;
}

Usage HubProcess::usage() const {
  const std::filesystem::path proc = "/proc/" + std::to_string(pid_);
  Usage out;
  out.at = std::chrono::steady_clock::now();
  out.own_seconds = own_cpu_seconds();
  out.hub_seconds = cpu_seconds(proc / "stat");
  std::error_code ignored;
  for (const auto& task : std::filesystem::directory_iterator(proc / "task", ignored)) {
    out.hub_threads[std::atoi(task.path().filename().c_str())] = cpu_seconds(task.path() / "stat");
  }
  return out;
}

std::uint64_t HubProcess::resident_bytes() const {
  const std::filesystem::path proc = "/proc/" + std::to_string(pid_);
  return proc_number(proc / "smaps_rollup", "Rss:") * 1024;  // exact, unlike status and statm
}

std::map<std::string, std::int64_t> HubProcess::stats() const {
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = store::DataDirectory(data_).control_socket();
  if (path.size() >= sizeof address.sun_path) throw Failure("the path is too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const timeval patience{5, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw Failure("hubd's control socket does not answer");
  }
  const std::string request = control::encode(control::Command(control::Stats{})) + "\n";
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    throw Failure("hubd's control socket takes no request");
  }
  std::string line;
  while (line.find('\n') == std::string::npos && line.size() < kMaxControlLineBytes) {
    char chunk[4096];
    const ssize_t got = ::recv(fd.get(), chunk, sizeof chunk, 0);
    if (got <= 0) throw Failure("hubd's control socket gives no answer");
    line.append(chunk, static_cast<std::size_t>(got));
  }
  const auto reply = control::decode_reply(std::string_view(line).substr(0, line.find('\n')));
  const auto* figures = reply ? std::get_if<control::Figures>(&*reply) : nullptr;
  if (figures == nullptr) throw Failure("hubd's control socket answers something else: " + line);
  return {figures->numbers.begin(), figures->numbers.end()};
}

void note_drops(const std::map<std::string, std::int64_t>& stats, Result& result) {
  for (const auto& [name, value] : stats) {
    const bool is_loss = name.rfind("drop_", 0) == 0 || name == "send_failures" ||
                         name == "forward_forgotten" || name == "must_login_first_sent" ||
                         name == "cookies_asked" || name == "sessions_fell_behind" ||
                         name == "connections_violated" || name == "connections_overrun";
    if (is_loss && value != 0) result.note(fmt::format("hubd counted {} {}", value, name));
  }
}

}  // namespace hub::bench
