// A server under measurement, ours or another: started by us, watched from outside, ended with this
// object. Its output goes to a log file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

#include "bench/load/measure.hpp"

namespace hub::bench {

/// A directory below `parent` that is removed with this object.
class TempDirectory {
 public:
  explicit TempDirectory(const std::filesystem::path& parent);
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A file descriptor, closed with this object.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release();

 private:
  int fd_;
};

std::string read_file(const std::filesystem::path& file);

class ServerProcess {
 public:
  /// `command`: a program's path and its arguments. It runs in the network namespace of the caller.
  /// Throws Failure where there is no such program; one that ends at once is not noticed here.
  ServerProcess(std::vector<std::string> command, std::filesystem::path log);
  /// SIGTERM; SIGKILL if it has not ended after ten seconds.
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  bool has_ended();
  std::string log() const { return read_file(log_); }
  /// For a person who must find out why it failed.
  std::string log_end() const;

  Usage usage() const;
  std::uint64_t resident_bytes() const;

 private:
  std::filesystem::path log_;
  pid_t pid_ = -1;
};

}  // namespace hub::bench
