// A hub in a directory of its own, and hubadmin run on it inside the test: words in, exit code and
// what was printed out. Passwords are stretched with the least memory there is.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "admin/cli.hpp"
#include "store/maintenance.hpp"
#include "store/requests.hpp"
#include "tests/support/temp_directory.hpp"

namespace hub::test {

struct Ran {
  int code = 0;
  std::string out;
  std::string err;

  /// Standard output as one JSON object a line.
  std::vector<nlohmann::json> json() const;
};

class AdminWorld {
 public:
  AdminWorld();

  /// hubadmin --data <ours> `words`, with `input` on standard input. Never waits for others.
  Ran run(const std::vector<std::string>& words, const std::string& input = "") const;
  /// Without --data, with standard input as it is given, and standard error through `err` if given.
  Ran run_raw(const std::vector<std::string>& arguments, int in_fd,
              std::stringbuf* err = nullptr) const;

  /// init, with the cheapest key stretching.
  void init() const;
  /// init, and accounts with the passwords NAME_pw.
  void init_with(const std::vector<std::string>& names) const;
  /// A file beside the data directory.
  std::string file(const std::string& name, const std::string& content) const;

  /// Straight to the store, as hubd would.
  std::vector<store::Output> apply(std::vector<store::Request> batch) const;
  store::Account account(const std::string& name) const;
  MessageId post(const std::string& author, const std::string& text) const;

  const store::DataDirectory& data() const { return data_; }
  const TempDirectory& directory() const { return directory_; }

  admin::Patience patience = {std::chrono::seconds(30), std::chrono::milliseconds(0)};

 private:
  TempDirectory directory_;
  store::DataDirectory data_;
};

/// Stands in for a running hubd: holds the lock, listens on the control socket, and answers each
/// line with what `answer` makes of it; nothing means that the connection is closed instead.
class FakeServer {
 public:
  using Answer = std::function<std::optional<std::string>(const std::string& line)>;

  FakeServer(const AdminWorld& world, Answer answer);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  /// The lines received so far; call it when hubadmin has ended.
  std::vector<std::string> lines() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hub::test
