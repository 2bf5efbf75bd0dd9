#include "bench/rivals/rival_server.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/socket_address.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto kStartTime = 30s;

constexpr std::array kRivals = {
    Rival{"mosquitto-qos0", "Mosquitto QoS 0", Program::kMosquitto, 0, false},
    Rival{"mosquitto-qos1", "Mosquitto QoS 1", Program::kMosquitto, 1, false},
    Rival{"nats", "NATS core", Program::kNats, 0, false},
    Rival{"jetstream", "NATS JetStream", Program::kNats, 0, true},
    Rival{"redis", "Redis", Program::kRedis, 0, false},
    Rival{"redis-aof", "Redis, AOF always", Program::kRedis, 0, true},
};

struct ProgramFacts {
  std::string_view name;
  std::string_view version_flag;
  std::string_view config_flag;  // before the file; empty: the file alone
};

ProgramFacts facts_of(Program program) {
  switch (program) {
    case Program::kMosquitto:
      return {"mosquitto", "-h", "-c"};
    case Program::kNats:
      return {"nats-server", "--version", "-c"};
    case Program::kRedis:
      return {"redis-server", "--version", ""};
  }
  return {};
}

/// In PATH, or where Debian has servers, which is not in everybody's PATH.
std::filesystem::path find_program(std::string_view name) {
  const char* path = std::getenv("PATH");
  std::istringstream directories(std::string(path != nullptr ? path : "") + ":/usr/sbin:/usr/bin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    const auto file = std::filesystem::path(directory) / name;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  throw NotHere(std::string(name) + " is not installed");
}

/// The first word with a digit that --version, or what takes its place, prints: "v=7.0.15" too.
std::string version_of(Program program, const std::filesystem::path& file,
                       const std::filesystem::path& directory) {
  const ProgramFacts facts = facts_of(program);
  ServerProcess process({file, std::string(facts.version_flag)}, directory / "version");
  while (!process.has_ended()) std::this_thread::sleep_for(5ms);
  std::istringstream words(process.log());
  for (std::string word; words >> word;) {
    const auto digit = std::find_if(word.begin(), word.end(),
                                    [](unsigned char c) { return std::isdigit(c) != 0; });
    if (digit == word.end()) continue;
    return fmt::format("{} {}", facts.name, word.substr(std::size_t(digit - word.begin())));
  }
  return std::string(facts.name);
}

/// Somebody else may take it before the server does; then that does not start, and says so.
Endpoint free_port(const IpAddress& ip) {
  const Descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = socket_address({ip});
  socklen_t size = sizeof address;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw Failure(fmt::format("cannot bind to {}: {}", to_string(ip), std::strerror(errno)));
  }
  return {ip, ntohs(address.sin_port)};
}

// Each as its makers ship it, but for what would stop load or write to places not ours: no limit is
// kept that the scenarios would meet.

std::string mosquitto_config(const Endpoint& at) {
  const passwd* user = getpwuid(geteuid());
  return fmt::format(
      "listener {} {}\n"
      "allow_anonymous true\n"
      "user {}\n"  // else, started by root, it becomes one that cannot read this
      "persistence false\n"
      "set_tcp_nodelay true\n"
      "max_inflight_messages 0\n"
      "max_queued_messages 0\n"
      "log_type error\n",
      at.port, to_string(at.ip), user != nullptr ? user->pw_name : "root");
}

std::string nats_config(const Endpoint& at, bool persist, const std::filesystem::path& directory) {
  std::string out = fmt::format("listen: \"{}\"\nmax_pending: 1073741824\n", to_string(at));
  if (persist) out += fmt::format("jetstream {{ store_dir: \"{}\" }}\n", directory.string());
  return out;
}

std::string redis_config(const Endpoint& at, bool persist, const std::filesystem::path& directory) {
  return fmt::format(
      "bind {}\n"
      "port {}\n"
      "protected-mode no\n"
      "daemonize no\n"
      "dir {}\n"
      "save \"\"\n"
      "appendonly {}\n"
      "appendfsync always\n"
      "auto-aof-rewrite-percentage 0\n"
      "maxclients 20000\n"
      "client-output-buffer-limit pubsub 0 0 0\n",
      to_string(at.ip), at.port, directory.string(), persist ? "yes" : "no");
}

std::filesystem::path write_config(const Rival& rival, const Endpoint& at,
                                   const std::filesystem::path& directory) {
  const auto file = directory / "rival.conf";
  std::ofstream out(file);
  switch (rival.program) {
    case Program::kMosquitto:
      out << mosquitto_config(at);
      break;
    case Program::kNats:
      out << nats_config(at, rival.persist, directory);
      break;
    case Program::kRedis:
      out << redis_config(at, rival.persist, directory);
      break;
  }
  if (!out.flush()) throw Failure("cannot write " + file.string());
  return file;
}

}  // namespace

const Rival& rival_named(std::string_view name) {
  const auto found =
      std::find_if(kRivals.begin(), kRivals.end(), [&](const Rival& r) { return r.name == name; });
  if (found == kRivals.end()) {
    throw Failure(
        fmt::format("there is no rival '{}'; there are: {}", name, fmt::join(rival_names(), ", ")));
  }
  return *found;
}

std::vector<std::string> rival_names() {
  std::vector<std::string> out;
  for (const Rival& rival : kRivals) out.emplace_back(rival.name);
  return out;
}

std::unique_ptr<Dialect> make_dialect(const Rival& rival) {
  switch (rival.program) {
    case Program::kMosquitto:
      return make_mqtt(rival.qos);
    case Program::kNats:
      return make_nats(rival.persist);
    case Program::kRedis:
      return make_redis(rival.persist);
  }
  return nullptr;
}

RivalServer::RivalServer(const Rival& rival, const std::filesystem::path& directory,
                         const IpAddress& ip) {
  const ProgramFacts facts = facts_of(rival.program);
  const auto program = find_program(facts.name);
  version_ = version_of(rival.program, program, directory);
  address_ = free_port(ip);
  std::vector<std::string> command = {program};
  if (!facts.config_flag.empty()) command.emplace_back(facts.config_flag);
  command.push_back(write_config(rival, address_, directory));
  process_ = std::make_unique<ServerProcess>(std::move(command), directory / "rival.log");
  wait_for_port();
}

void RivalServer::wait_for_port() {
  const sockaddr_in address = socket_address(address_);
  const auto end = std::chrono::steady_clock::now() + kStartTime;
  for (;;) {
    const Descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      return;
    }
    if (process_->has_ended() || std::chrono::steady_clock::now() > end) {
      throw Failure(version_ + " did not start; its log ends with:\n" + process_->log_end());
    }
    std::this_thread::sleep_for(5ms);
  }
}

}  // namespace hub::bench
