// A real spoke that follows and prints: its lines, as they come.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "bench/load/process.hpp"

namespace hub::bench {

class SpokeProcess {
 public:
  /// Logs in as `id` at the hub of the invite link, in the network namespace of the caller. What it
  /// keeps goes to `directory`. Throws Failure where it cannot be started.
  SpokeProcess(const std::filesystem::path& program, const std::string& link, const std::string& id,
               const std::string& password, const std::filesystem::path& directory);

  /// Its standard output, to wait for.
  int fd() const { return output_.get(); }
  /// Hands over the lines that are complete. Throws Failure where it has ended.
  void read_lines(const std::function<void(std::string_view)>& take);
  /// Throws Failure where it does not log in.
  void await_login();

 private:
  Descriptor input_;   // kept open: at its end spoke ends
  Descriptor output_;  // both are our ends of pipes
  std::string rest_;
  std::filesystem::path errors_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace hub::bench
