// hub-relay: a bad network between spokes and a hub. Forwards datagrams both ways, and on the way
// loses, doubles, damages and delays them by chance; it can be told to send on from another port,
// as a NAT does whose mapping changed.
//
//   hub-relay --to ADDR:PORT [--loss P] [--duplicate P] [--jitter MS] [--damage P] [--seed N]
//             [--capture FILE]
//
// Listens on a port of 127.0.0.1, which its first line says: "listening on 127.0.0.1:40000". Each
// client has a socket of its own towards the hub. Commands come as lines of standard input, at
// whose end it ends, and each is answered with one line:
//
//   set LOSS DUPLICATE JITTER DAMAGE   from now on                                 "done"
//   rebind [ADDRESS]                   new ports, and another address, to the hub  "done"
//   figures                            "passed N lost N duplicated N damaged N"
//
// What is on its way is bounded: what is beyond is lost. So is the number of clients, a client
// being an address and port: a new one takes the place of the one that was silent longest.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <queue>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/process.hpp"

namespace {

using hub::test::Fd;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxClients = 64;
constexpr std::size_t kMaxOnTheWay = 10'000;  // datagrams
constexpr int kMaxATurn = 256;

sockaddr_in address_of(const std::string& ip, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  if (::inet_pton(AF_INET, ip.c_str(), &out.sin_addr) != 1) {
    throw std::runtime_error(ip + " is no IPv4 address");
  }
  return out;
}

sockaddr_in parse_address(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) throw std::runtime_error(text + " is no ADDR:PORT");
  return address_of(text.substr(0, colon),
                    static_cast<std::uint16_t>(std::stoul(text.substr(colon + 1))));
}

bool same(const sockaddr_in& a, const sockaddr_in& b) {
  return a.sin_port == b.sin_port && a.sin_addr.s_addr == b.sin_addr.s_addr;
}

Fd bound_socket(const std::string& ip) {
  Fd out(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const sockaddr_in any_port = address_of(ip, 0);
  if (!out || ::bind(out.get(), reinterpret_cast<const sockaddr*>(&any_port), sizeof any_port)) {
    throw std::system_error(errno, std::generic_category(), "a socket on " + ip);
  }
  return out;
}

struct Options {
  sockaddr_in hub{};
  double loss = 0;
  double duplicate = 0;
  double damage = 0;  // one bit is another
  int jitter = 0;     // ms; each datagram is delayed by up to so much
  unsigned seed = 1;
  std::string capture;
};

struct Client {
  sockaddr_in address{};
  Clock::time_point heard;
  Fd to_hub;
};

struct OnTheWay {
  Clock::time_point due;
  std::uint64_t order = 0;  // of those due at the same time
  std::shared_ptr<Client> client;
  bool to_hub = false;
  std::string bytes;
  bool operator<(const OnTheWay& other) const {
    return due != other.due ? due > other.due : order > other.order;
  }
};

class Relay {
 public:
  explicit Relay(const Options& options)
      : options_(options), random_(options.seed), socket_(bound_socket("127.0.0.1")) {
    if (!options_.capture.empty()) capture_.open(options_.capture, std::ios::binary);
    sockaddr_in own{};
    socklen_t size = sizeof own;
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&own), &size);
    std::cout << "listening on 127.0.0.1:" << ntohs(own.sin_port) << std::endl;
  }

  void run() {
    while (turn()) {
    }
  }

 private:
  bool turn() {
    std::vector<pollfd> fds = {{STDIN_FILENO, POLLIN, 0}, {socket_.get(), POLLIN, 0}};
    for (const auto& client : clients_) fds.push_back({client->to_hub.get(), POLLIN, 0});
    ::poll(fds.data(), fds.size(), wait());
    if (fds[0].revents != 0 && !read_commands()) return false;
    receive_from_clients();
    const std::vector<std::shared_ptr<Client>> clients = clients_;
    for (const auto& client : clients) receive_from_hub(client);
    send_due();
    return true;
  }

  int wait() const {
    if (on_the_way_.empty()) return -1;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(on_the_way_.top().due - Clock::now());
    return static_cast<int>(std::max<std::chrono::milliseconds::rep>(0, left.count()));
  }

  void receive_from_clients() {
    for (int i = 0; i < kMaxATurn; ++i) {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t n = ::recvfrom(socket_.get(), buffer_.data(), buffer_.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &size);
      if (n < 0) return;
      take(client_at(from), true, {buffer_.data(), static_cast<std::size_t>(n)});
    }
  }

  void receive_from_hub(const std::shared_ptr<Client>& client) {
    for (int i = 0; i < kMaxATurn; ++i) {
      const ssize_t n = ::recv(client->to_hub.get(), buffer_.data(), buffer_.size(), 0);
      if (n < 0 && errno == ECONNREFUSED) continue;
      if (n < 0) return;
      take(client, false, {buffer_.data(), static_cast<std::size_t>(n)});
    }
  }

  std::shared_ptr<Client> client_at(const sockaddr_in& address) {
    for (const auto& client : clients_) {
      if (!same(client->address, address)) continue;
      client->heard = Clock::now();
      return client;
    }
    if (clients_.size() >= kMaxClients) {
      clients_.erase(
          std::min_element(clients_.begin(), clients_.end(),
                           [](const auto& a, const auto& b) { return a->heard < b->heard; }));
    }
    auto made = std::make_shared<Client>();
    made->address = address;
    made->heard = Clock::now();
    connect_to_hub(*made);
    clients_.push_back(made);
    return made;
  }

  void connect_to_hub(Client& client) {
    client.to_hub = bound_socket(source_);
    ::connect(client.to_hub.get(), reinterpret_cast<const sockaddr*>(&options_.hub),
              sizeof options_.hub);
  }

  void take(const std::shared_ptr<Client>& client, bool to_hub, std::string_view bytes) {
    if (capture_.is_open())
      capture_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (by_chance(options_.loss) || on_the_way_.size() >= kMaxOnTheWay) {
      ++lost_;
      return;
    }
    const bool twice = by_chance(options_.duplicate);
    if (twice) ++duplicated_;
    for (int i = 0; i < (twice ? 2 : 1); ++i) {
      const int delay =
          options_.jitter > 0 ? static_cast<int>(random_() % (options_.jitter + 1)) : 0;
      on_the_way_.push({Clock::now() + std::chrono::milliseconds(delay), ++order_, client, to_hub,
                        perhaps_damaged(std::string(bytes))});
    }
  }

  std::string perhaps_damaged(std::string bytes) {
    if (bytes.empty() || !by_chance(options_.damage)) return bytes;
    ++damaged_;
    bytes[random_() % bytes.size()] ^= static_cast<char>(1u << random_() % 8);
    return bytes;
  }

  bool by_chance(double probability) {
    return std::uniform_real_distribution<double>(0, 1)(random_) < probability;
  }

  void send_due() {
    const auto now = Clock::now();
    while (!on_the_way_.empty() && on_the_way_.top().due <= now) {
      const OnTheWay& next = on_the_way_.top();
      const auto* bytes = next.bytes.data();
      if (next.to_hub) {
        ::send(next.client->to_hub.get(), bytes, next.bytes.size(), 0);
      } else {
        ::sendto(socket_.get(), bytes, next.bytes.size(), 0,
                 reinterpret_cast<const sockaddr*>(&next.client->address),
                 sizeof next.client->address);
      }
      ++passed_;
      on_the_way_.pop();
    }
  }

  bool read_commands() {
    const ssize_t n = ::read(STDIN_FILENO, buffer_.data(), buffer_.size());
    if (n <= 0) return n < 0 && errno == EINTR;
    typed_.append(buffer_.data(), static_cast<std::size_t>(n));
    for (std::size_t end = 0; (end = typed_.find('\n')) != std::string::npos;) {
      obey(typed_.substr(0, end));
      typed_.erase(0, end + 1);
    }
    return true;
  }

  void obey(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "set") {
      words >> options_.loss >> options_.duplicate >> options_.jitter >> options_.damage;
    } else if (command == "rebind") {
      words >> source_;
      for (const auto& client : clients_) connect_to_hub(*client);
    } else if (command == "figures") {
      std::cout << "passed " << passed_ << " lost " << lost_ << " duplicated " << duplicated_
                << " damaged " << damaged_ << std::endl;
      return;
    } else {
      std::cout << "no such command" << std::endl;
      return;
    }
    capture_.flush();
    std::cout << "done" << std::endl;
  }

  Options options_;
  std::mt19937 random_;
  Fd socket_;  // towards the clients
  std::string source_ = "127.0.0.1";
  std::vector<std::shared_ptr<Client>> clients_;
  std::priority_queue<OnTheWay> on_the_way_;
  std::uint64_t order_ = 0;
  std::uint64_t passed_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t duplicated_ = 0;
  std::uint64_t damaged_ = 0;
  std::ofstream capture_;
  std::string typed_;
  std::array<char, 65'536> buffer_{};
};

Options parse(const std::vector<std::string>& arguments) {
  Options out;
  if (arguments.size() % 2 != 0) throw std::runtime_error("an option has no value");
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const std::string& name = arguments[i];
    const std::string& value = arguments[i + 1];
    if (name == "--to") {
      out.hub = parse_address(value);
    } else if (name == "--loss") {
      out.loss = std::stod(value);
    } else if (name == "--duplicate") {
      out.duplicate = std::stod(value);
    } else if (name == "--jitter") {
      out.jitter = std::stoi(value);
    } else if (name == "--damage") {
      out.damage = std::stod(value);
    } else if (name == "--seed") {
      out.seed = static_cast<unsigned>(std::stoul(value));
    } else if (name == "--capture") {
      out.capture = value;
    } else {
      throw std::runtime_error("there is no option " + name);
    }
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Relay relay(parse(std::vector<std::string>(argv + 1, argv + argc)));
    relay.run();
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << "hub-relay: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
