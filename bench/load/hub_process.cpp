#include "bench/load/hub_process.hpp"

#include <cstring>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/control.hpp"
#include "protocol/limits.hpp"
#include "store/data_directory.hpp"
#include "store/hub_keys.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto kStartTime = 60s;

std::vector<std::string> command(const std::filesystem::path& program,
                                 const std::filesystem::path& data,
                                 const std::vector<std::string>& flags, const IpAddress& ip) {
  if (::access(program.c_str(), X_OK) != 0) {
    throw Failure(
        fmt::format("there is no program {}; build it, or name it with --hubd", program.string()));
  }
  std::vector<std::string> out = {program, "--data", data, "--listen", to_string(Endpoint{ip})};
  out.insert(out.end(), flags.begin(), flags.end());
  return out;
}

}  // namespace

HubProcess::HubProcess(const std::filesystem::path& program, const std::filesystem::path& data,
                       const std::vector<std::string>& flags, const IpAddress& ip)
    : data_(data), process_(command(program, data, flags, ip), data / "hubd.log") {
  wait_for_port();
}

void HubProcess::wait_for_port() {
  static constexpr std::string_view kMark = "listening on ";
  const auto end = std::chrono::steady_clock::now() + kStartTime;
  for (;;) {
    const bool ended = process_.has_ended();
    const std::string text = process_.log();
    const std::size_t mark = text.find(kMark);
    const std::size_t line_end = text.find('\n', mark == std::string::npos ? 0 : mark);
    if (mark != std::string::npos && line_end != std::string::npos) {
      const std::string line = text.substr(mark + kMark.size(), line_end - mark - kMark.size());
      if (const auto address = Endpoint::parse(line.substr(0, line.find(' ')))) {
        address_ = *address;
        return;
      }
    }
    if (ended) throw Failure("hubd did not start; its log ends with:\n" + process_.log_end());
    if (std::chrono::steady_clock::now() > end) {
      throw Failure("hubd does not listen; its log ends with:\n" + process_.log_end());
    }
    std::this_thread::sleep_for(5ms);
  }
}

Key HubProcess::server_key() const {
  return store::load_hub_keys(store::DataDirectory(data_)).current.public_key;
}

std::map<std::string, std::int64_t> HubProcess::stats() const {
  const Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
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
