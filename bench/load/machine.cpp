#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bench/load/hub_process.hpp"
#include "bench/load/scenarios.hpp"

namespace hub::bench {

namespace {

constexpr std::size_t kAppends = 300;
constexpr std::size_t kAppendBytes = 4096;
constexpr std::size_t kBatch = 64;
constexpr std::size_t kBatches = 2000;
constexpr std::size_t kDatagramBytes = 120;  // what a forward of 100 bytes is, about
constexpr long kTmpfsMagic = 0x01021994;     // statfs(2)

Samples append_times(const std::filesystem::path& directory) {
  const std::string path = directory / "append";
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::array<char, kAppendBytes> block{};
  Samples out(kAppends);
  for (std::size_t i = 0; i < kAppends; ++i) {
    const TimePoint begin = std::chrono::steady_clock::now();
    if (::write(file.get(), block.data(), block.size()) != static_cast<ssize_t>(block.size()) ||
        ::fdatasync(file.get()) != 0) {
      throw Failure("cannot write to " + path);
    }
    out.add(std::chrono::steady_clock::now() - begin);
  }
  return out;
}

sockaddr_in bind_to_loopback(int fd) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw Failure("cannot bind a socket to loopback");
  }
  return address;
}

/// What one datagram costs the sender, in batches of 64; nobody reads them.
double send_us() {
  const Descriptor to(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Descriptor from(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = bind_to_loopback(to.get());
  std::array<char, kDatagramBytes> bytes{};
  iovec vector{bytes.data(), bytes.size()};
  std::array<mmsghdr, kBatch> messages{};
  for (mmsghdr& message : messages) {
    message.msg_hdr.msg_name = &address;
    message.msg_hdr.msg_namelen = sizeof address;
    message.msg_hdr.msg_iov = &vector;
    message.msg_hdr.msg_iovlen = 1;
  }
  std::array<mmsghdr, kBatch> taken = messages;
  double spent = 0;
  std::size_t sent = 0;
  for (std::size_t i = 0; i < kBatches; ++i) {
    const double begin = own_cpu_seconds();
    const int count = ::sendmmsg(from.get(), messages.data(), kBatch, 0);
    spent += own_cpu_seconds() - begin;
    if (count < 0) throw Failure("cannot send over loopback");
    sent += static_cast<std::size_t>(count);
    ::recvmmsg(to.get(), taken.data(), kBatch, MSG_DONTWAIT, nullptr);
  }
  return spent / static_cast<double>(sent) * 1e6;
}

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "processor unknown";
}

std::string compiler() {
#if defined(__clang__)
  return std::string("clang ") + __clang_version__;
#else
  return std::string("GCC ") + __VERSION__;
#endif
}

}  // namespace

Result run_machine(const Setting& setting) {
  const TempDirectory directory(setting.work);
  utsname system{};
  uname(&system);
  Samples appends = append_times(directory.path());
  Result result;
  result.scenario = "machine";
  result.add("cores", std::thread::hardware_concurrency());
  result.add("fdatasync_p50_us", appends.percentile_us(0.5));
  result.add("fdatasync_p99_us", appends.percentile_us(0.99));
  result.add("sendmmsg_us_each", send_us());
  double load = 0;
  if (getloadavg(&load, 1) == 1) result.add("load_average", load);
  result.note(fmt::format("{} cores, {}, {} {}, {}", std::thread::hardware_concurrency(),
                          cpu_model(), system.sysname, system.release, compiler()));
  struct statfs filesystem {};
  if (::statfs(directory.path().c_str(), &filesystem) == 0 &&
      static_cast<long>(filesystem.f_type) == kTmpfsMagic) {
    result.note(
        "the work directory is in memory (tmpfs): nothing written there is durable, and "
        "posts per second say nothing; choose another with --work");
  }
  return result;
}

}  // namespace hub::bench
