// The three programs as a test holds them: hubd on a data directory of its own and a port that the
// kernel picks, spoke over pipes, hubadmin run to its end. Each ends with the object that holds it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/types.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/process.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/temp_directory.hpp"

namespace hub::test {

/// One figure of what `hubadmin stats --json` prints.
long figure(const std::string& stats, const std::string& name);

/// What was typed and printed, by whom, in the order in which it was seen.
class Transcript {
 public:
  enum class Kind { kTyped, kPrinted, kNothing, kNote };
  struct Entry {
    Kind kind = Kind::kNote;
    std::string who;  // empty for a note
    std::string text;
  };

  void add(Kind kind, std::string who, std::string text) {
    entries_.push_back({kind, std::move(who), std::move(text)});
  }
  const std::vector<Entry>& entries() const { return entries_; }
  std::string to_string() const;

 private:
  std::vector<Entry> entries_;
};

struct HubdStart {
  std::filesystem::path data;
  std::filesystem::path log;  // appended to
  std::vector<std::string> flags;
  std::vector<std::string> prefix = {};  // a program that runs hubd, with its arguments
  std::vector<std::pair<std::string, std::string>> environment = {};
};

/// `hubd` from its start until it is stopped, killed or goes out of scope.
class HubdProcess {
 public:
  /// Starts it and waits until it listens. Throws Unexpected, with its log, if it ends instead.
  explicit HubdProcess(const HubdStart& start);

  std::uint16_t port() const { return port_; }
  Process& process() { return process_; }
  pid_t pid() const { return process_.pid(); }
  ExitCode stop();  // SIGTERM
  void kill();      // SIGKILL

 private:
  void wait_for_port(const std::filesystem::path& log);

  std::size_t log_before_;  // bytes the log held from earlier runs
  Process process_;
  std::uint16_t port_ = 0;
};

std::string to_string(Framing framing);

/// How a spoke is started; nothing set: sealed, on the test's hub, whose key it believes.
struct SpokeStart {
  Framing framing = Framing::kSealed;
  std::string hub = {};              // HOST:PORT, or an invite link; the test's hub where empty
  std::filesystem::path state = {};  // where it remembers keys; the test's scratch where empty
  bool accept_new = true;
  bool accept_weak_kdf = true;
  std::vector<std::string> flags = {};
  std::vector<std::string> prefix = {};  // a program that runs spoke, with its arguments
};

/// `spoke` with pipes for its input and output, as a script uses it.
class SpokeProcess {
 public:
  SpokeProcess(std::string name, const Command& command, Transcript& transcript);

  const std::string& name() const { return name_; }
  void type(const std::string& line);
  /// The next line it prints is this one. Throws Unexpected, with the transcript, if it is not.
  void expect(const std::string& line);
  /// The next line it prints, whatever it is. Throws Unexpected where none comes.
  std::string expect_any();
  void ask(const std::string& line, const std::string& reply) {
    type(line);
    expect(reply);
  }
  void post(const std::string& text) { ask("post#" + text, "post_ack#successful"); }
  void subscribe(const std::string& id) { ask("subscribe#" + id, "subscribe_ack#successful"); }
  /// Nothing more has been printed, and nothing is under way to this client: asks the hub for
  /// something that changes nothing, whose answer comes after all that was sent before.
  void expect_nothing();
  void login(const std::string& password);
  /// Ends its input and waits for it to end.
  ExitCode finish();
  Process& process() { return process_; }

 private:
  std::string next();

  std::string name_;
  Transcript& transcript_;
  Process process_;
};

struct TestHubOptions {
  std::vector<std::string> flags = {};                         // of hubd
  std::vector<std::string> users = {"alice", "bob", "carol"};  // each with password_of()
  std::vector<std::string> kdf = {"--kdf-memory", "8KiB", "--kdf-passes", "1"};  // of init
  std::vector<std::pair<std::string, std::string>> environment = {};             // of hubd
  bool start = true;
};

/// A hub with its data directory, accounts and hubd.
class TestHub {
 public:
  using Options = TestHubOptions;

  explicit TestHub(Options options = {});

  static std::string password_of(const std::string& user) { return user + "_pw"; }

  /// Starts hubd; on the port it had before, if it ran before.
  void start();
  HubdProcess& hubd() { return *hubd_; }
  void stop();  // SIGTERM; throws Unexpected if it does not exit with 0
  void kill();  // SIGKILL
  void restart() {
    stop();
    start();
  }
  std::string address() const;  // "127.0.0.1:32000"
  std::uint16_t port() const { return port_; }
  std::filesystem::path data() const { return dir_ / "data"; }
  const TempDirectory& scratch() const { return dir_; }
  std::string log() const;  // of all runs
  std::vector<std::string>& flags() { return options_.flags; }

  /// hubadmin --data DIR ARGUMENTS...
  Finished admin(const std::vector<std::string>& arguments, std::string_view input = {}) const;
  /// ... that must succeed; its output.
  std::string admin_ok(const std::vector<std::string>& arguments,
                       std::string_view input = {}) const;
  long stat(const std::string& name) const;

  /// What starts a spoke on this hub.
  Command spoke_command(const SpokeStart& start = {}) const;
  SpokeProcess spoke(const std::string& name, const SpokeStart& start = {}) {
    return {name, spoke_command(start), transcript_};
  }
  /// One that has logged in.
  SpokeProcess online_spoke(const std::string& name, const SpokeStart& start = {});
  /// A spoke with these lines for its standard input, to its end.
  Finished script(const std::string& lines, const SpokeStart& start = {}) const {
    return run(spoke_command(start), lines);
  }
  RawClient raw(RawClient::Options options = {}) const;
  /// A raw client that has logged in.
  RawClient online(const std::string& user, RawClient::Options options = {}) const;
  Transcript& transcript() { return transcript_; }

 private:
  Options options_;
  TempDirectory dir_;
  Transcript transcript_;
  std::unique_ptr<HubdProcess> hubd_;
  std::uint16_t port_ = 0;
};

}  // namespace hub::test
