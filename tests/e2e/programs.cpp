#include "tests/e2e/programs.hpp"

#include <array>
#include <csignal>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace hub::test {

namespace {

constexpr std::string_view kListening = "listening on ";

/// The port of the first "listening on ADDR:PORT" behind `from` in the log; 0 where there is none.
std::uint16_t listening_port(const std::string& log, std::size_t from) {
  const std::size_t at = log.find(kListening, from);
  if (at == std::string::npos) return 0;
  const std::size_t end = log.find('\n', at);
  if (end == std::string::npos) return 0;
  const std::string line = log.substr(at + kListening.size(), end - at - kListening.size());
  const std::size_t colon = line.find(':', line.front() == '[' ? line.find(']') : 0);
  if (colon == std::string::npos) return 0;
  return static_cast<std::uint16_t>(std::strtoul(line.c_str() + colon + 1, nullptr, 10));
}

Command hubd_command(const HubdStart& start) {
  Command command{.argv = start.prefix, .environment = start.environment, .log = start.log};
  command.argv.insert(command.argv.end(), {program("hubd"), "--data", start.data.string()});
  command.argv.insert(command.argv.end(), start.flags.begin(), start.flags.end());
  return command;
}

}  // namespace

long figure(const std::string& stats, const std::string& name) {
  const std::size_t at = stats.find('"' + name + "\":");
  if (at == std::string::npos) throw Unexpected("no figure " + name + " in " + stats);
  return std::strtol(stats.c_str() + at + name.size() + 3, nullptr, 10);
}

std::string Transcript::to_string() const {
  std::string out;
  for (const Entry& entry : entries_) {
    static constexpr std::array<std::string_view, 4> kMarks = {" > ", "   ", " - ", "# "};
    out += entry.who;
    out += kMarks[static_cast<std::size_t>(entry.kind)];
    out += entry.text + "\n";
  }
  return out;
}

HubdProcess::HubdProcess(const HubdStart& start)
    : log_before_(read_whole(start.log).size()), process_(hubd_command(start)) {
  wait_for_port(start.log);
}

void HubdProcess::wait_for_port(const std::filesystem::path& log) {
  const Fd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!watch || ::inotify_add_watch(watch.get(), log.c_str(), IN_MODIFY) < 0) {
    throw std::system_error(errno, std::generic_category(), "inotify on " + log.string());
  }
  const Deadline deadline;
  for (;;) {
    const bool ended = process_.has_ended();
    port_ = listening_port(read_whole(log), log_before_);
    if (port_ != 0) return;
    if (ended || deadline.over()) {
      throw Unexpected(std::string("hubd ") + (ended ? "ended" : "does not listen") + ":\n" +
                       read_whole(log).substr(log_before_));
    }
    std::array<pollfd, 2> waiting{{{watch.get(), POLLIN, 0}, {process_.end_fd(), POLLIN, 0}}};
    ::poll(waiting.data(), waiting.size(), deadline.left());
    std::array<char, 4096> events{};
    while (::read(watch.get(), events.data(), events.size()) > 0) {
    }
  }
}

ExitCode HubdProcess::stop() {
  process_.send_signal(SIGTERM);
  return process_.wait();
}

void HubdProcess::kill() {
  process_.send_signal(SIGKILL);
  process_.wait();
}

std::string to_string(Framing framing) {
  return framing == Framing::kSealed ? "sealed" : "classic";
}

SpokeProcess::SpokeProcess(std::string name, const Command& command, Transcript& transcript)
    : name_(std::move(name)), transcript_(transcript), process_(command) {}

void SpokeProcess::type(const std::string& line) {
  transcript_.add(Transcript::Kind::kTyped, name_, line);
  process_.write(line + "\n");
}

std::string SpokeProcess::next() {
  try {
    if (std::optional<std::string> line = process_.read_line()) return *line;
  } catch (const Unexpected&) {
    return "(nothing)";
  }
  return "(its end) " + process_.errors();
}

void SpokeProcess::expect(const std::string& line) {
  const std::string printed = next();
  transcript_.add(Transcript::Kind::kPrinted, name_, printed);
  if (printed == line) return;
  throw Unexpected(name_ + " should print \"" + line + "\" and prints \"" + printed + "\"\n" +
                   transcript_.to_string());
}

std::string SpokeProcess::expect_any() {
  std::optional<std::string> line = process_.read_line();
  if (!line) throw Unexpected(name_ + " ends: " + process_.errors());
  transcript_.add(Transcript::Kind::kPrinted, name_, *line);
  return *line;
}

void SpokeProcess::expect_nothing() {
  process_.write("subscribe#nobody_of_this_name\n");
  const std::string printed = next();
  if (printed != "subscribe_ack#failed" && printed != "error#must_login_first") {
    transcript_.add(Transcript::Kind::kPrinted, name_, printed);
    throw Unexpected(name_ + " should print nothing and prints \"" + printed + "\"\n" +
                     transcript_.to_string());
  }
  transcript_.add(Transcript::Kind::kNothing, name_, "(nothing)");
}

void SpokeProcess::login(const std::string& password) {
  type("login#" + name_ + "&" + password);
  expect("login_ack#successful");
}

ExitCode SpokeProcess::finish() {
  process_.close_input();
  return process_.wait();
}

TestHub::TestHub(Options options) : options_(std::move(options)) {
  std::vector<std::string> init = {"init"};
  init.insert(init.end(), options_.kdf.begin(), options_.kdf.end());
  admin_ok(init);
  std::string accounts;
  for (const std::string& user : options_.users) accounts += user + "&" + password_of(user) + "\n";
  if (!accounts.empty()) {
    admin_ok({"import-users", write_whole(dir_ / "accounts.txt", accounts).string()});
  }
  if (options_.start) start();
}

void TestHub::start() {
  std::vector<std::string> flags = {"--listen", address()};
  flags.insert(flags.end(), options_.flags.begin(), options_.flags.end());
  const HubdStart start{.data = data(),
                        .log = dir_ / "hubd.log",
                        .flags = flags,
                        .environment = options_.environment};
  for (const Deadline deadline;;) {
    try {
      hubd_ = std::make_unique<HubdProcess>(start);
      break;
    } catch (const Unexpected& failure) {
      // Another test's socket may have been given the port meanwhile; it goes when that test ends.
      const bool taken =
          std::string_view(failure.what()).find("has this port") != std::string_view::npos;
      if (port_ == 0 || !taken || deadline.over()) throw;
    }
  }
  port_ = hubd_->port();
}

void TestHub::stop() {
  const ExitCode exit = hubd_->stop();
  hubd_.reset();
  if (exit != 0) throw Unexpected("hubd exits with " + std::to_string(exit) + ":\n" + log());
}

void TestHub::kill() {
  hubd_->kill();
  hubd_.reset();
}

std::string TestHub::address() const { return "127.0.0.1:" + std::to_string(port_); }

std::string TestHub::log() const { return read_whole(dir_ / "hubd.log"); }

Finished TestHub::admin(const std::vector<std::string>& arguments, std::string_view input) const {
  Command command{.argv = {program("hubadmin"), "--data", data().string()}};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  return run(command, input);
}

std::string TestHub::admin_ok(const std::vector<std::string>& arguments,
                              std::string_view input) const {
  const Finished finished = admin(arguments, input);
  if (finished.exit != 0) {
    throw Unexpected("hubadmin " + arguments.front() + " exits with " +
                     std::to_string(finished.exit) + ": " + finished.errors + finished.output);
  }
  return finished.output;
}

long TestHub::stat(const std::string& name) const {
  return figure(admin_ok({"stats", "--json"}), name);
}

Command TestHub::spoke_command(const SpokeStart& start) const {
  const std::string hub = start.hub.empty() ? address() : start.hub;
  Command command{.argv = start.prefix};
  command.argv.push_back(program("spoke"));
  if (hub.find("//") != std::string::npos) {
    command.argv.push_back(hub);
  } else {
    command.argv.insert(command.argv.end(), {"--hub", hub});
  }
  if (start.framing == Framing::kClassic) {
    command.argv.emplace_back("--classic");
  } else {
    // Most hubs of tests stretch passwords hardly at all.
    if (start.accept_weak_kdf) command.argv.emplace_back("--accept-weak-kdf");
    if (start.accept_new) command.argv.emplace_back("--accept-new");
  }
  command.argv.insert(command.argv.end(), start.flags.begin(), start.flags.end());
  const auto state = start.state.empty() ? dir_ / "state" : start.state;
  command.environment = {{"XDG_STATE_HOME", state.string()}};
  return command;
}

SpokeProcess TestHub::online_spoke(const std::string& name, const SpokeStart& start) {
  SpokeProcess out = spoke(name, start);
  out.login(password_of(name));
  return out;
}

RawClient TestHub::raw(RawClient::Options options) const {
  if (options.port == 0) options.port = port_;
  return RawClient(options);
}

RawClient TestHub::online(const std::string& user, RawClient::Options options) const {
  RawClient client = raw(std::move(options));
  client.login(user, password_of(user));
  return client;
}

}  // namespace hub::test
