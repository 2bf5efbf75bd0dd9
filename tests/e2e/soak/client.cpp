#include "tests/e2e/soak/client.hpp"

#include <csignal>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "client/core/outbox.hpp"
#include "tests/support/paths.hpp"

namespace hub::test::soak {

namespace {

constexpr std::size_t kTypedAhead = 8;    // lines without an answer: its input is never empty
constexpr std::size_t kShownOfLine = 80;  // in transcripts
constexpr std::size_t kLongPost = 900;    // bytes; every so many posts one is so long
constexpr unsigned long kLongPostEvery = 16;
const std::string kNobody = "nobody_of_this_name";

/// "r17" in "writer1 r17 n2": the round in which a post was typed; 0 where there is none.
unsigned round_of(const std::string& text) {
  const std::size_t at = text.find(" r");
  if (at == std::string::npos) return 0;
  return static_cast<unsigned>(std::strtoul(text.c_str() + at + 2, nullptr, 10));
}

}  // namespace

Client::Client(Role role, Ledger& ledger) : role_(std::move(role)) {
  std::filesystem::create_directories(role_.directory);
  transcript_.open(role_.directory / "transcript");
  enter_into(ledger);
}

void Client::enter_into(Ledger& ledger) {
  ledger_ = &ledger;
  if (writes()) ledger.add_writer(name());
  if (follows()) ledger.add_follower(name(), role_.follows);
}

void Client::start(const std::string& failpoint) {
  Command command{
      .argv = {program("spoke"), "--hub", role_.hub, "--accept-new", "--accept-weak-kdf"}};
  command.environment = {{"XDG_STATE_HOME", role_.directory.string()}};
  if (!failpoint.empty()) command.environment.emplace_back("HUB_FAILPOINT", failpoint);
  failpoint_ = failpoint;
  note("starts", failpoint);
  process_.emplace(command);
  started_at_ = Clock::now();
  state_ = State::kLoggingIn;
  asked_ = 0;
  // Who was here before comes back without the password too.
  const bool resumes = started_before_ && ++starts_ % 2 == 0;
  type("login#" + name() + (resumes ? "" : "&" + name() + "_pw"));
}

void Client::kill() {
  process_->send_signal(SIGKILL);
  process_->wait();
  note("is killed", {});
  read_to_the_end();
}

bool Client::has_died() {
  if (!process_ || !process_->has_ended()) return false;
  const ExitCode exit = process_->wait();
  note("is dead", std::to_string(exit));
  const std::string errors = process_->errors();
  read_to_the_end();
  if (failpoint_.empty() || exit != 128 + SIGKILL) {
    ledger_->violation(fmt::format("{} ended with {}: {}", name(), exit, errors));
  }
  return true;
}

/// Of a process that has ended.
void Client::read_to_the_end() {
  process_->read_now();
  while (const auto line = process_->next_line()) on_line(*line);
  note("leaves", process_->unfinished_line());  // half a line is none
  process_.reset();
  const std::vector<std::string> outbox = read_outbox();
  if (writes()) ledger_->writer_killed(name(), outbox);
  if (follows()) ledger_->follower_killed(name());
}

/// What waits in the outbox of the one device that it is: its posts, and the question for nobody.
std::vector<std::string> Client::read_outbox() {
  std::vector<std::string> posts;
  refusals_due_ = 0;
  const std::filesystem::path all = role_.directory / "spoke" / "devices";
  if (!std::filesystem::exists(all)) return posts;
  for (const auto& device : std::filesystem::directory_iterator(all)) {
    if (std::filesystem::exists(device.path() / "1.lock")) {
      ledger_->violation(name() + " is more than one device");
    }
    const std::filesystem::path file = device.path() / "0.outbox";
    if (!std::filesystem::exists(file)) continue;
    const auto outbox = client::Outbox::read(read_whole(file));
    if (!outbox) {
      ledger_->violation(name() + "'s outbox: " + outbox.error());
      return posts;
    }
    for (const client::Outbox::Request& request : outbox->waiting()) {
      if (request.opcode == Opcode::kPost) posts.push_back(request.payload);
      if (request.payload == kNobody) ++refusals_due_;
    }
  }
  return posts;
}

void Client::turn(unsigned round, bool may_write) {
  if (!process_) return;
  process_->read_now();
  while (const auto line = process_->next_line()) on_line(*line);
  if (state_ != State::kOnline || !writes() || !writing_ || !may_write) return;
  while (ledger_->open_posts(name()) < kTypedAhead) post(round);
}

bool Client::is_idle() const {
  return process_ && state_ == State::kOnline && asked_ == 0 &&
         (!writes() || ledger_->open_posts(name()) == 0);
}

std::optional<Clock::time_point> Client::back_in(unsigned round) const {
  if (seen_round_ < round || !process_) return std::nullopt;
  return seen_at_;
}

void Client::post(unsigned round) {
  std::string text = fmt::format("{} r{} n{}", name(), round, ++number_);
  if (number_ % kLongPostEvery == 0) text += " " + std::string(kLongPost, '.');
  ledger_->typed(name(), text);
  type("post#" + text);
}

void Client::ask_for_nothing() {
  ++asked_;
  type("subscribe#" + kNobody);
}

void Client::finish() {
  process_->close_input();
  const ExitCode exit = process_->wait();
  note("is done", std::to_string(exit));
  process_->read_now();
  while (const auto line = process_->next_line()) on_line(*line);
  if (exit > 1) {  // 1: something was refused, and something was on purpose
    ledger_->violation(fmt::format("{} exits with {}: {}", name(), exit, process_->errors()));
  }
  process_.reset();
}

std::array<int, 2> Client::output_fds() const {
  return process_ ? process_->output_fds() : std::array<int, 2>{-1, -1};
}

void Client::on_line(const std::string& line) {
  note("prints", line);
  if (line.starts_with('<')) {
    on_forward(line);
  } else if (line == "login_ack#successful") {
    on_login();
  } else if (line == "post_ack#successful" && writes()) {
    seen(ledger_->acknowledged(name()));
  } else if (line == "error#no_reply" && writes() && ledger_->has_open_posts(name())) {
    seen(ledger_->unanswered(name()));
  } else if (line.starts_with("subscribe_ack#") && asked_ > 0) {
    const bool wanted = state_ == State::kSubscribing;
    if (line != (wanted ? "subscribe_ack#successful" : "subscribe_ack#failed")) {
      ledger_->violation(name() + " prints " + line);
    }
    if (--asked_ > 0) return;
    if (state_ == State::kSettling && writes()) ledger_->settled(name());
    state_ = State::kOnline;
    if (refusals_due_ > 0) ledger_->violation(name() + " was not told about its outbox");
  } else if (line == "error#failed" && refusals_due_ > 0) {
    --refusals_due_;  // of what an earlier run asked
  } else {
    ledger_->violation(name() + " prints " + line);
  }
}

/// The first time it subscribes. Later it asks for what it is refused: by then its outbox, which
/// comes first, is answered.
void Client::on_login() {
  if (started_before_) {
    state_ = State::kSettling;
    ask_for_nothing();
    return;
  }
  started_before_ = true;
  state_ = follows() ? State::kSubscribing : State::kOnline;
  for (const std::string& followee : role_.follows) {
    ++asked_;
    type("subscribe#" + followee);
  }
}

void Client::on_forward(const std::string& line) {
  const std::size_t end = line.find('>');
  if (!follows() || end == std::string::npos) {
    ledger_->violation(name() + " prints " + line);
    return;
  }
  const std::string text = line.substr(end + 1);
  ledger_->printed(name(), line.substr(1, end - 1), text);
  if (!writes()) seen(text);
}

void Client::seen(const std::string& text) {
  const unsigned round = round_of(text);
  if (round <= seen_round_) return;
  seen_round_ = round;
  seen_at_ = Clock::now();
}

void Client::type(const std::string& line) {
  note("types", line);
  process_->write(line + "\n");
}

void Client::note(std::string_view what, std::string_view line) {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(Clock::now());
  transcript_ << fmt::format("{} {} {}\n", now.time_since_epoch().count(), what,
                             line.substr(0, kShownOfLine));
}

}  // namespace hub::test::soak
