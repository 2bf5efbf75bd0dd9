#include "client/net/loop.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "client/core/session.hpp"
#include "client/net/address_watch.hpp"
#include "client/net/console.hpp"
#include "client/net/link.hpp"
#include "client/net/sealed_driver.hpp"
#include "client/net/signals.hpp"
#include "client/net/terminal.hpp"
#include "protocol/deadline.hpp"
#include "protocol/text.hpp"

namespace hub::client {

namespace {

/// Datagrams taken in one turn, so that a flood leaves room for the keyboard.
constexpr int kMaxDatagramsATurn = 64;

SessionConfig session_config(const Options& options, bool interactive) {
  SessionConfig config;
  config.can_ask = interactive;
  if (!options.classic) config.framing = Framing::kSealed;
  config.queues = interactive && !options.classic;
  config.needs_login = options.post.has_value();
  config.show_ids = options.show_ids;
  return config;
}

std::unique_ptr<Console> make_console() {
  if (Terminal::is_usable()) return std::make_unique<Terminal>();
  return std::make_unique<PipeConsole>();
}

// poll(2) and not Asio waits here: Asio would make the terminal non-blocking, and with it those of
// every program that shares it.
class Loop {
 public:
  explicit Loop(const Options& options)
      : link_(options.hub),
        hub_(to_string(options.hub)),
        style_(style_of_output()),
        posts_once_(options.post.has_value()),
        interactive_(Terminal::is_usable() && !posts_once_),
        console_(interactive_ ? make_console() : std::make_unique<PipeConsole>()),
        session_(session_config(options, interactive_)) {
    if (!options.classic) {
      sealed_.emplace(options, interactive_, link_, session_, driver_events());
    }
  }

  int run(const Options& options) {
    now_ = std::chrono::steady_clock::now();
    if (interactive_) say(fmt::format("hub {}; help# lists what can be typed", hub_));
    if (options.login) {
      const std::string password = options.password ? "&" + *options.password : "";
      session_.on_line(fmt::format("login#{}{}", *options.login, password), now_);
    }
    if (options.post) {
      session_.on_line(fmt::format("post#{}", *options.post), now_);
      input_ended_ = true;
      session_.on_input_end(now_);
    }
    carry_out();
    take_input();
    while (!exit_code_) {
      wait();
      on_signals();
      if (is_ready(kNetwork)) on_network();
      if (is_ready(kBackground)) sealed_->background().take();
      if (is_ready(kAddresses)) on_addresses();
      if (session_.next_timeout() && *session_.next_timeout() <= now_) on_timeout();
      if (sealed_) sealed_->sealed().on_timeout(now_);
      carry_out();
      if (is_ready(kInput)) console_->read();
      take_input();
      if (fds_[kOutput].revents != 0) output_lost_ = true;
      if (output_lost_) abandon();
    }
    return *exit_code_;
  }

 private:
  enum Source : std::size_t { kSignals, kNetwork, kInput, kOutput, kBackground, kAddresses };

  bool is_ready(Source source) const { return fds_[source].revents != 0; }

  bool wants_input() const {
    if (input_ended_ || session_.finished()) return false;
    return interactive_ || session_.wants_input();  // a pipe is read a line at a time
  }

  /// Sleeps until something happens, and reads the clock: once a turn.
  void wait() {
    fds_[kSignals] = {signals_.fd(), POLLIN, 0};
    fds_[kNetwork] = {link_.fd(), POLLIN, 0};
    fds_[kInput] = {wants_input() ? STDIN_FILENO : -1, POLLIN, 0};
    fds_[kOutput] = {STDOUT_FILENO, 0, 0};  // only whether it is gone
    fds_[kBackground] = {sealed_ ? sealed_->background().fd() : -1, POLLIN, 0};
    fds_[kAddresses] = {sealed_ ? addresses_.fd() : -1, POLLIN, 0};
    int timeout = -1;
    if (const auto deadline = next_timeout()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - now_);
      timeout = static_cast<int>(std::max<std::chrono::milliseconds::rep>(0, left.count()));
    }
    if (poll(fds_.data(), fds_.size(), timeout) < 0) {
      for (pollfd& fd : fds_) fd.revents = 0;
    }
    now_ = std::chrono::steady_clock::now();
  }

  std::optional<TimePoint> next_timeout() {
    auto next = session_.next_timeout();
    if (sealed_) keep_earliest(next, sealed_->sealed().next_timeout());
    return next;
  }

  void on_addresses() {
    addresses_.drain();
    sealed_->on_addresses_changed();
  }

  void on_signals() {
    while (const auto number = signals_.next()) {
      switch (*number) {
        case SIGINT:
          on_interrupt();
          break;
        case SIGTSTP:
          console_->suspend();
          break;
        case SIGCONT:
          console_->resume();
          break;
        case SIGWINCH:
          console_->resize();
          break;
        default:
          session_.on_stop(now_);
      }
    }
  }

  void on_interrupt() {
    switch (console_->interrupt()) {
      case Interrupt::kLeave:
        session_.on_stop(now_);
        break;
      case Interrupt::kClearLine:
        say("Ctrl-C again, or quit#, leaves");
        break;
      case Interrupt::kCancel:
        break;
    }
  }

  void on_network() {
    for (int i = 0; i < kMaxDatagramsATurn; ++i) {
      const auto datagram = link_.receive();
      if (datagram) {
        on_datagram(*datagram);
        complained_ = false;
      } else if (datagram.error() == Link::Trouble::kRefused) {
        on_refused();
      } else {
        return;
      }
    }
  }

  void on_datagram(Bytes datagram) {
    if (sealed_) {
      sealed_->sealed().on_datagram(datagram, now_);
      carry_out_sealed();
    } else if (const auto message = read_classic(datagram)) {
      session_.on_message(*message, now_);
    }
  }

  // Until the hub was heard from, another address of its name may be the right one: "localhost" is
  // ::1 and 127.0.0.1. What was refused was not received, so it may be sent again.
  void on_refused() {
    if (!session_.heard_from_hub() && ++refusals_ < link_.addresses()) {
      link_.next_address();
      if (!last_sent_.empty()) link_.send(last_sent_);
      return;
    }
    complain(fmt::format("nothing listens at {}: is hubd running there?", hub_));
  }

  void on_timeout() {
    if (!sealed_ && !session_.heard_from_hub()) link_.next_address();
    session_.on_timeout(now_);
  }

  void take_input() {
    while (!exit_code_ && wants_input()) {
      const auto typed = console_->next();
      if (!typed) return;
      if (std::exchange(asking_about_key_, false)) {
        answer_about_key(*typed);
      } else if (const auto* line = std::get_if<TypedLine>(&*typed)) {
        session_.on_line(line->text, now_);
      } else if (const auto* password = std::get_if<TypedPassword>(&*typed)) {
        session_.on_password(password->text, now_);
      } else {
        input_ended_ = true;
        session_.on_input_end(now_);
      }
      carry_out();
    }
  }

  void answer_about_key(const Typed& typed) {
    const auto* line = std::get_if<TypedLine>(&typed);
    std::optional<std::string> answer;
    if (line != nullptr) answer = line->text;
    sealed_->sealed().on_answer(answer, now_);
    if (line != nullptr) return;
    input_ended_ = true;
    session_.on_input_end(now_);
  }

  /// What the connection wants done; what it delivers may make the session want more of it.
  void carry_out_sealed() {
    if (!sealed_) return;
    do {
      sealed_->carry_out();
      carry_out_session();
    } while (!exit_code_ && !sealed_->sealed().outputs().empty());
  }

  void carry_out() {
    carry_out_session();
    carry_out_sealed();
  }

  /// What is printed is printed before anything is sent: a forward's ack says that it was shown.
  void carry_out_session() {
    for (const Output& output : session_.outputs()) {
      if (const auto* printed = std::get_if<Print>(&output)) {
        said_ += render(printed->record, style_);
        const bool is_gap = printed->record.kind == RecordKind::kLeftOut;
        if (is_gap || (posts_once_ && is_failure(printed->record))) explain(printed->record.note);
      }
    }
    show();
    for (const Output& output : session_.outputs()) {
      if (const auto* out = std::get_if<Send>(&output)) {
        send_message(out->message);
      } else if (const auto* ask = std::get_if<AskPassword>(&output)) {
        console_->ask_password(ask->id);
      } else if (const auto* exit = std::get_if<Exit>(&output)) {
        leave(exit->code);
      }
    }
    session_.outputs().clear();
    if (!said_.empty()) show();
  }

  /// Where output is for programs it has no sentences; this one is for who started them.
  void explain(const std::string& sentence) const {
    if (style_.terminal || sentence.empty()) return;
    fmt::print(stderr, "spoke: {}\n", printable(sentence));
  }

  void leave(int code) {
    if (exit_code_) return;
    exit_code_ = code;
    if (!sealed_) return;
    sealed_->sealed().leave(now_);
    sealed_->carry_out();
  }

  void send_message(const Message& message) {
    if (sealed_) {
      if (!output_lost_) sealed_->sealed().send(message, now_);
    } else {
      send(write_classic(message));
    }
  }

  SealedDriver::Events driver_events() {
    SealedDriver::Events events;
    events.note = [this](const std::string& text) {
      if (posts_once_) explain(text);
      say(text);
    };
    events.ask = [this](const std::string& text) {
      asking_about_key_ = true;
      std::istringstream lines(text);
      for (std::string line; std::getline(lines, line);) say(line);
    };
    events.distrust = [this](int code, const std::string& word, const std::string& text) {
      said_ += render(error(word, {}), style_);
      show();
      fmt::print(stderr, "spoke: {}\n", text);
      exit_code_ = code;
    };
    events.send = [this](Bytes datagram) { send(datagram); };
    events.now = [this] { return now_; };
    return events;
  }

  void show() {
    const std::string lines = std::exchange(said_, {});
    const std::string stands = prompt(name_of(session_.state()), session_.id(), style_);
    if (!console_->show(lines, stands)) output_lost_ = true;
  }

  void send(Bytes datagram) {
    if (output_lost_) return;
    if (!sealed_) refusals_ = 0;
    last_sent_.assign(datagram.begin(), datagram.end());
    const std::error_code error = link_.send(datagram);
    if (error) complain(fmt::format("cannot send to {}: {}", hub_, error.message()));
  }

  /// For people only; one or several lines, shown with the next output.
  void say(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      said_ += render(note(std::string(text.substr(0, end))), style_);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  /// Says it once, until the hub is heard from again.
  void complain(const std::string& text) {
    if (!std::exchange(complained_, true)) say(text);
  }

  /// Nobody reads the output any more: says goodbye to the hub and waits for nothing.
  void abandon() {
    session_.outputs().clear();
    session_.on_stop(now_);
    for (const Output& output : session_.outputs()) {
      const auto* out = std::get_if<Send>(&output);
      if (out != nullptr && !sealed_) link_.send(write_classic(out->message));
    }
    output_lost_ = false;  // for the goodbye
    leave(kExitFailure);
  }

  Signals signals_{SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH};
  Link link_;
  std::string hub_;
  Style style_;
  bool posts_once_;
  bool interactive_;
  std::unique_ptr<Console> console_;
  Session session_;
  TimePoint now_{};
  std::optional<SealedDriver> sealed_;  // nothing: classic
  AddressWatch addresses_;
  std::array<pollfd, 6> fds_{};
  std::vector<std::uint8_t> last_sent_;
  std::size_t refusals_ = 0;  // since the last datagram
  std::string said_;          // rendered, not shown yet
  bool complained_ = false;
  bool asking_about_key_ = false;  // the next typed line is the answer
  bool input_ended_ = false;
  bool output_lost_ = false;
  std::optional<int> exit_code_;
};

/// A program started without standard streams would open its socket in their place.
void fill_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) == -1) open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY);
  }
}

}  // namespace

int run(const Options& options) {
  fill_standard_streams();
  std::signal(SIGPIPE, SIG_IGN);
  Loop loop(options);
  return loop.run(options);
}

}  // namespace hub::client
