// Passwords typed on a real pseudo-terminal.
#include <sstream>

#include <catch2/catch.hpp>
#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include "admin/lines.hpp"
#include "tests/admin/admin_world.hpp"

using namespace hub;
using namespace hub::test;
using Catch::Matchers::Contains;

namespace {

class Pty {
 public:
  Pty() { REQUIRE(::openpty(&keyboard_, &terminal_, nullptr, nullptr, nullptr) == 0); }
  ~Pty() {
    ::close(keyboard_);
    ::close(terminal_);
  }
  Pty(const Pty&) = delete;
  Pty& operator=(const Pty&) = delete;

  int terminal() const { return terminal_; }
  bool echoes() const {
    termios state{};
    ::tcgetattr(terminal_, &state);
    return (state.c_lflag & ECHO) != 0;
  }
  void type(std::string_view keys) const {
    REQUIRE(::write(keyboard_, keys.data(), keys.size()) == static_cast<ssize_t>(keys.size()));
  }
  /// What the terminal showed so far.
  std::string shown() const {
    std::string all;
    pollfd wait{keyboard_, POLLIN, 0};
    while (::poll(&wait, 1, 0) == 1 && (wait.revents & POLLIN) != 0) {
      char buffer[256];
      const ssize_t got = ::read(keyboard_, buffer, sizeof buffer);
      if (got <= 0) break;
      all.append(buffer, static_cast<std::size_t>(got));
    }
    return all;
  }

 private:
  int keyboard_ = -1;
  int terminal_ = -1;
};

// Standard error that somebody watches: at each prompt they type the next of their lines.
class Watched : public std::stringbuf {
 public:
  Watched(const Pty& pty, std::vector<std::string> lines) : pty_(pty), lines_(std::move(lines)) {}

 private:
  int sync() override {
    if (str().ends_with(": ") && next_ < lines_.size()) pty_.type(lines_[next_++]);
    return 0;
  }

  const Pty& pty_;
  std::vector<std::string> lines_;
  std::size_t next_ = 0;
};

std::vector<std::string> command(const AdminWorld& world, std::vector<std::string> words) {
  words.insert(words.begin(), {"--data", world.data().path().string()});
  return words;
}

}  // namespace

TEST_CASE("a typed password is asked for twice and never shown") {
  const AdminWorld world;
  world.init();
  const Pty pty;
  Watched person(pty, {"s3cret\n", "s3cret\n"});
  const Ran ran = world.run_raw(command(world, {"add-user", "alice"}), pty.terminal(), &person);
  CAPTURE(ran.err);
  REQUIRE(ran.code == 0);
  REQUIRE(check_password("s3cret", world.account("alice").verifier) == PasswordCheck::kRight);
  REQUIRE(pty.shown().find("s3cret") == std::string::npos);
  REQUIRE_THAT(ran.err, Contains("New password for alice: "));
  REQUIRE(pty.echoes());
}

TEST_CASE("two different passwords change nothing") {
  const AdminWorld world;
  world.init();
  const Pty pty;
  Watched person(pty, {"one\n", "two\n"});
  const Ran ran = world.run_raw(command(world, {"add-user", "alice"}), pty.terminal(), &person);
  REQUIRE(ran.code == 2);
  REQUIRE_THAT(ran.err, Contains("differ"));
  REQUIRE(world.run({"show-user", "alice"}).code == 3);
}

TEST_CASE("delete-user asks on a terminal") {
  const AdminWorld world;
  world.init_with({"alice"});
  const Pty pty;
  pty.type("n\n");
  REQUIRE(world.run_raw(command(world, {"delete-user", "alice"}), pty.terminal()).code == 1);
  REQUIRE(world.run({"show-user", "alice"}).code == 0);
  pty.type("Yes\n");
  REQUIRE(world.run_raw(command(world, {"delete-user", "alice"}), pty.terminal()).code == 0);
  REQUIRE(world.run({"show-user", "alice"}).code == 3);
}

TEST_CASE("lines are read whole, with either line end, and cut where they are too long") {
  std::istringstream in(std::string("one\r\n\ntwo\n12345\r\n123456\n") + std::string(10'000, 'x') +
                        "\nend");
  admin::LineReader lines(in, 5);
  const auto next = [&lines] { return lines.next().value(); };
  REQUIRE(next().text == "one");
  REQUIRE(next().text.empty());
  REQUIRE(next().text == "two");
  REQUIRE_FALSE(lines.next()->too_long);
  REQUIRE(next().too_long);
  const admin::Line longest = next();
  REQUIRE(longest.too_long);
  REQUIRE(longest.text.size() <= 6);
  const admin::Line last = next();
  REQUIRE(last.text == "end");
  REQUIRE(last.number == 7);
  REQUIRE_FALSE(lines.next());
}
