// A server under measurement, ours or another: started by us, watched from outside, ended with its
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

/// As many descriptors as this program may have, and so the servers that it starts.
void raise_descriptor_limit();

std::string read_file(const std::filesystem::path& file);

/// A program started by us; it ends with this object, and with this program however that ends.
class ChildProcess {
 public:
  /// `command`: a program's path and its arguments. -1: as ours. It runs in the network namespace
  /// of the caller. Throws Failure where there is no such program; one that ends at once is not
  /// noticed here.
  struct Files {
    int in = -1;
    int out = -1;
    int errors = -1;
  };
  ChildProcess(std::vector<std::string> command, const Files& files);
  /// SIGTERM; SIGKILL if it has not ended after ten seconds.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  bool has_ended();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

class ServerProcess {
 public:
  ServerProcess(std::vector<std::string> command, std::filesystem::path log);

  bool has_ended() { return process_.has_ended(); }
  std::string log() const { return read_file(log_); }
  /// For a person who must find out why it failed.
  std::string log_end() const;

  Usage usage() const;
  std::uint64_t resident_bytes() const;

 private:
  std::filesystem::path log_;
  ChildProcess process_;
};

}  // namespace hub::bench
