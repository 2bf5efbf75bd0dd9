#include "tests/admin/admin_world.hpp"

#include <cstring>
#include <fstream>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "store/sqlite_store.hpp"

namespace hub::test {

namespace {

WallTime test_now() { return WallTime(std::chrono::seconds(1'700'000'000)); }

class Pipe {
 public:
  explicit Pipe(const std::string& text) {
    if (::pipe(fds_) != 0) throw std::runtime_error("no pipe");
    if (::write(fds_[1], text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      throw std::runtime_error("the input of a test does not fit a pipe");
    }
    ::close(fds_[1]);
  }
  ~Pipe() { ::close(fds_[0]); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int read_end() const { return fds_[0]; }

 private:
  int fds_[2] = {-1, -1};
};

}  // namespace

std::vector<nlohmann::json> Ran::json() const {
  std::vector<nlohmann::json> lines;
  std::istringstream in(out);
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

AdminWorld::AdminWorld() : data_(directory_ / "data") {}

Ran AdminWorld::run(const std::vector<std::string>& words, const std::string& input) const {
  std::vector<std::string> arguments = {"--data", data_.path().string()};
  arguments.insert(arguments.end(), words.begin(), words.end());
  const Pipe pipe(input);
  return run_raw(arguments, pipe.read_end());
}

Ran AdminWorld::run_raw(const std::vector<std::string>& arguments, int in_fd,
                        std::stringbuf* err_buffer) const {
  std::ostringstream out;
  std::stringbuf plain;
  std::stringbuf& buffer = err_buffer != nullptr ? *err_buffer : plain;
  std::ostream err(&buffer);
  admin::Console console(in_fd, out, err, false);
  SystemRandom random;
  const auto code = admin::run(arguments, {console, random, test_now, patience});
  return {static_cast<int>(code), out.str(), buffer.str()};
}

void AdminWorld::init() const {
  const Ran ran = run({"init", "--kdf-memory", "8KiB", "--kdf-passes", "1"});
  if (ran.code != 0) throw std::runtime_error(ran.err);
}

void AdminWorld::init_with(const std::vector<std::string>& names) const {
  init();
  for (const std::string& name : names) {
    const Ran ran = run({"add-user", name}, name + "_pw\n");
    if (ran.code != 0) throw std::runtime_error(ran.err);
  }
}

std::string AdminWorld::file(const std::string& name, const std::string& content) const {
  const auto path = directory_ / name;
  std::ofstream(path, std::ios::binary) << content;
  return path.string();
}

std::vector<store::Output> AdminWorld::apply(std::vector<store::Request> batch) const {
  return store::SqliteStore::open(data_.database())->apply(batch, test_now());
}

store::Account AdminWorld::account(const std::string& name) const {
  store::AdminReader reader(data_.database());
  return reader.reader().account(name).value().value();
}

MessageId AdminWorld::post(const std::string& author, const std::string& text) const {
  const auto output = apply({{1, store::AppendPost{account(author).id, author, text}}});
  return std::get<store::Posted>(std::get<store::Reply>(output.at(0)).body).id;
}

struct FakeServer::Impl {
  std::optional<store::DirectoryLock> lock;
  int listener = -1;
  Answer answer;
  mutable std::mutex mutex;
  std::vector<std::string> lines;
  std::thread thread;

  void serve() {
    while (true) {
      const int connection = ::accept(listener, nullptr, nullptr);
      if (connection < 0) return;  // shut down
      std::string received;
      bool open = true;
      while (open) {
        char buffer[4096];
        const ssize_t got = ::recv(connection, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        received.append(buffer, static_cast<std::size_t>(got));
        open = answer_lines(connection, received);
      }
      ::close(connection);
    }
  }

  bool answer_lines(int connection, std::string& received) {
    for (std::size_t end; (end = received.find('\n')) != std::string::npos;) {
      const std::string line = received.substr(0, end);
      received.erase(0, end + 1);
      {
        const std::lock_guard guard(mutex);
        lines.push_back(line);
      }
      const auto reply = answer(line);
      if (!reply) return false;
      if (::send(connection, reply->data(), reply->size(), MSG_NOSIGNAL) < 0) return false;
    }
    return true;
  }
};

FakeServer::FakeServer(const AdminWorld& world, Answer answer) : impl_(std::make_unique<Impl>()) {
  impl_->lock = store::DirectoryLock::take(world.data(), "hubd");
  if (!impl_->lock) throw std::runtime_error("the fake server cannot take the lock");
  impl_->answer = std::move(answer);
  impl_->listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = world.data().control_socket().string();
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("the path is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  ::unlink(path.c_str());
  if (::bind(impl_->listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(impl_->listener, 8) != 0) {
    throw std::runtime_error("the fake server cannot listen");
  }
  impl_->thread = std::thread([impl = impl_.get()] { impl->serve(); });
}

FakeServer::~FakeServer() {
  ::shutdown(impl_->listener, SHUT_RDWR);
  impl_->thread.join();
  ::close(impl_->listener);
}

std::vector<std::string> FakeServer::lines() const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->lines;
}

}  // namespace hub::test
