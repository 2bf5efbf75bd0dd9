// The hubd of a soak: started without waiting, so that the loop goes on meanwhile; killed, or left
// to kill itself; read behind its back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/soak/ledger.hpp"
#include "tests/support/process.hpp"

namespace hub::test::soak {

/// Each with the password NAME_pw.
void make_hub(const std::filesystem::path& data, const std::vector<std::string>& accounts);

/// hubadmin --data DATA ARGUMENTS...; throws Unexpected if it fails.
std::string admin(const std::filesystem::path& data, const std::vector<std::string>& arguments);

/// All posts of the database with IDs above `after`, oldest first.
std::vector<StoredPost> read_posts(const std::filesystem::path& data, MessageId after);

class Hub {
 public:
  Hub(std::filesystem::path data, std::filesystem::path log)
      : data_(std::move(data)), log_(std::move(log)) {}

  /// `failpoint`: NAME:K, at which it kills itself; empty for none. On the port it had before.
  void start(const std::string& failpoint = {});
  /// True once it listens; asks the log.
  bool is_up();
  bool has_ended() { return process_ && process_->has_ended(); }
  ExitCode wait();  // for its end
  void kill();
  ExitCode stop();

  /// Its next start is on these data.
  void move_to(const std::filesystem::path& data) { data_ = data; }
  const std::filesystem::path& data() const { return data_; }
  std::uint16_t port() const { return port_; }
  int end_fd() const { return process_ ? process_->end_fd() : -1; }
  /// What it has logged since its start.
  std::string log() const;

 private:
  std::filesystem::path data_;
  std::filesystem::path log_;
  std::size_t log_before_ = 0;
  unsigned starts_ = 0;
  std::uint16_t port_ = 0;
  bool up_ = false;
  std::optional<Process> process_;
};

}  // namespace hub::test::soak
