// The control socket: lines in, lines out, in order and within bounds.
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/limits.hpp"
#include "server/net/control_socket.hpp"
#include "tests/support/temp_directory.hpp"

using namespace hub;
using namespace hub::server;
using namespace std::chrono_literals;
using hub::test::TempDirectory;

namespace {

class Peer {
 public:
  explicit Peer(const std::filesystem::path& path)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    REQUIRE(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~Peer() { close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// Sends as much as the socket takes now; returns what is left.
  std::string_view send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return text;
  }
  void finish() { shutdown(fd_, SHUT_WR); }
  void read() {
    char chunk[4096];
    ssize_t size = 0;
    while ((size = recv(fd_, chunk, sizeof chunk, 0)) > 0) {
      buffer_.append(chunk, static_cast<std::size_t>(size));
    }
    ended = size == 0;
    reset = size < 0 && errno == ECONNRESET;
    for (auto end = buffer_.find('\n'); end != std::string::npos; end = buffer_.find('\n')) {
      lines.push_back(buffer_.substr(0, end));
      buffer_.erase(0, end + 1);
    }
  }

  std::vector<std::string> lines;
  bool ended = false;
  bool reset = false;

 private:
  int fd_;
  std::string buffer_;
};

struct ControlWorld {
  struct Asked {
    ControlTag tag;
    control::Command command;
  };

  ControlWorld()
      : path(directory / "hubd.sock"),
        control(std::make_unique<ControlSocket>(
            io, path, [this](ControlTag tag, const control::Command& command) {
              asked.push_back({tag, command});
              if (answers_at_once) answer(tag);
            })) {}

  std::unique_ptr<Peer> peer() { return std::make_unique<Peer>(path); }

  void answer(ControlTag tag) {
    control->answer({tag, control::Figures{{{"tag", static_cast<std::int64_t>(tag)}}}});
  }
  /// Runs the loop until `done`; fails the test where that never comes.
  template <typename Done>
  void run_until(Done&& done) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!done()) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      io.restart();
      io.run_for(1ms);
    }
  }
  void expect_lines(Peer& peer, std::size_t count) {
    run_until([&] {
      peer.read();
      return peer.lines.size() >= count;
    });
  }
  /// Runs the loop until nothing is ready.
  void settle() {
    for (int i = 0; i < 50; ++i) {
      io.restart();
      io.poll();
    }
  }

  TempDirectory directory;
  std::filesystem::path path;
  asio::io_context io;
  std::vector<Asked> asked;
  bool answers_at_once = false;
  std::unique_ptr<ControlSocket> control;
};

const std::string kStats = control::encode(control::Command(control::Stats{})) + "\n";

std::string figures(ControlTag tag) {
  return control::encode(
      control::Reply(control::Figures{{{"tag", static_cast<std::int64_t>(tag)}}}));
}

control::Refusal refusal_in(const std::string& line) {
  const auto reply = control::decode_reply(line);
  REQUIRE(reply);
  return std::get<control::Refused>(*reply).why;
}

}  // namespace

TEST_CASE("answers leave in the order of the requests, whenever they come") {
  ControlWorld w;
  auto peer = w.peer();
  peer->send(kStats + kStats + "nonsense\r\n" + kStats);
  w.run_until([&] { return w.asked.size() == 3; });
  w.answer(w.asked[2].tag);
  w.answer(w.asked[1].tag);
  w.settle();
  peer->read();
  CHECK(peer->lines.empty());
  w.answer(w.asked[0].tag);
  w.expect_lines(*peer, 4);
  CHECK(peer->lines[0] == figures(w.asked[0].tag));
  CHECK(peer->lines[1] == figures(w.asked[1].tag));
  CHECK(refusal_in(peer->lines[2]) == control::Refusal::kInvalid);
  CHECK(peer->lines[3] == figures(w.asked[2].tag));
}

TEST_CASE("a request may come in pieces and its sender may have finished") {
  ControlWorld w;
  w.answers_at_once = true;
  auto peer = w.peer();
  peer->send(kStats.substr(0, 5));
  w.settle();
  peer->send(kStats.substr(5) + kStats);
  peer->finish();
  w.run_until([&] {
    peer->read();
    return peer->ended;
  });
  CHECK(peer->lines.size() == 2);
}

TEST_CASE("a connection has sixteen requests under way and no more") {
  ControlWorld w;
  auto peer = w.peer();
  std::string many;
  for (int i = 0; i < 40; ++i) many += kStats;
  peer->send(many);
  w.run_until([&] { return w.asked.size() >= ControlSocket::kMaxPipelined; });
  w.settle();
  CHECK(w.asked.size() == ControlSocket::kMaxPipelined);
  for (std::size_t i = 0; i < 40; ++i) {
    w.run_until([&] { return w.asked.size() > i; });
    w.answer(w.asked[i].tag);
  }
  w.expect_lines(*peer, 40);
  CHECK_FALSE(w.control->is_busy());
}

TEST_CASE("thousands of requests that are answered at once are all answered") {
  ControlWorld w;
  w.answers_at_once = true;
  auto peer = w.peer();
  constexpr std::size_t kCount = 20'000;
  std::string many;
  for (std::size_t i = 0; i < kCount; ++i) many += kStats;
  std::string_view rest = many;
  w.run_until([&] {
    rest = peer->send(rest);
    peer->read();
    return peer->lines.size() == kCount;
  });
  CHECK(peer->lines.back() == figures(w.asked.back().tag));
}

TEST_CASE("a line that is too long is answered with an error, and the connection ends") {
  ControlWorld w;
  w.answers_at_once = true;
  auto peer = w.peer();
  const std::string text = kStats + std::string(2 * kMaxControlLineBytes, 'x');
  std::string_view rest = text;
  w.run_until([&] {
    rest = peer->send(rest);
    peer->read();
    return rest.empty() && peer->ended;
  });
  CHECK_FALSE(peer->reset);
  REQUIRE(peer->lines.size() == 2);
  CHECK(refusal_in(peer->lines[1]) == control::Refusal::kInvalid);
  CHECK(w.asked.size() == 1);
}

TEST_CASE("one connection too many hears that it is, the others are served") {
  ControlWorld w;
  w.answers_at_once = true;
  std::vector<std::unique_ptr<Peer>> peers;
  for (std::size_t i = 0; i < ControlSocket::kMaxConnections; ++i) peers.push_back(w.peer());
  auto extra = w.peer();
  extra->send(kStats);
  w.expect_lines(*extra, 1);
  CHECK(refusal_in(extra->lines[0]) == control::Refusal::kBusy);
  peers.front()->send(kStats);
  w.expect_lines(*peers.front(), 1);

  peers.pop_back();  // a place is free again
  w.settle();
  auto next = w.peer();
  next->send(kStats);
  w.expect_lines(*next, 1);
  CHECK(next->lines[0] == figures(w.asked.back().tag));
}

TEST_CASE("an answer to a connection that is gone is dropped") {
  ControlWorld w;
  {
    auto peer = w.peer();
    peer->send(kStats);
    w.run_until([&] { return w.asked.size() == 1; });
  }
  w.settle();
  w.answer(w.asked[0].tag);
  w.settle();
  CHECK_FALSE(w.control->is_busy());
}

TEST_CASE("stopping answers what was asked, takes nothing more and says when it is done") {
  ControlWorld w;
  auto peer = w.peer();
  peer->send(kStats);
  w.run_until([&] { return w.asked.size() == 1; });
  bool idle = false;
  w.control->stop_reading([&] { idle = true; });
  peer->send(kStats);
  w.settle();
  CHECK(w.control->is_busy());
  CHECK_FALSE(idle);
  w.answer(w.asked[0].tag);
  w.expect_lines(*peer, 1);
  w.run_until([&] { return idle; });
  CHECK(w.asked.size() == 1);
}

TEST_CASE("the socket's file is the group's to use, takes a stale one's place, and goes") {
  ControlWorld w;
  struct stat status {};
  REQUIRE(stat(w.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0660);
  // As after kill -9: the file is there and nobody listens.
  asio::io_context io;
  auto second = std::make_unique<ControlSocket>(io, w.path, [](auto, const auto&) {});
  CHECK(std::filesystem::is_socket(w.path));
  second.reset();
  CHECK_FALSE(std::filesystem::exists(w.path));
}

TEST_CASE("a path too long for a Unix socket is refused with what to do") {
  TempDirectory directory;
  asio::io_context io;
  const auto path = directory.path() / std::string(120, 'x') / "hubd.sock";
  CHECK_THROWS_WITH(ControlSocket(io, path, [](auto, const auto&) {}),
                    Catch::Contains("longer than the 107 bytes") && Catch::Contains("--data"));
}
