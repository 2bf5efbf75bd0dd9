#include "tests/support/sim_client.hpp"

#include <algorithm>
#include <utility>

namespace hub::test {

SimClient::SimClient(SimNet& net, const Endpoint& at, const Endpoint& hub)
    : net_(net), at_(at), hub_(hub) {
  net_.attach(at_, [this](const Endpoint&, const Endpoint&, Bytes bytes) {
    const auto message = client::read_classic(bytes);
    if (message) session_.on_message(*message, net_.now().mono);
    turn();
  });
}

void SimClient::type(const std::string& line) {
  session_.on_line(line, net_.now().mono);
  turn();
}

std::size_t SimClient::count(const std::string& line) const {
  return static_cast<std::size_t>(std::count(lines_.begin(), lines_.end(), line));
}

void SimClient::turn() {
  for (auto& output : std::exchange(session_.outputs(), {})) {
    if (const auto* send = std::get_if<client::Send>(&output)) {
      net_.send(at_, hub_, client::write_classic(send->message));
    } else if (const auto* print = std::get_if<client::Print>(&output)) {
      if (!print->record.line.empty()) lines_.push_back(print->record.line);
    }
  }
  const auto next = session_.next_timeout();
  if (!next || (armed_ && *armed_ <= *next)) return;
  armed_ = next;
  net_.at(*next, [this, when = *next] {
    if (armed_ != when) return;
    armed_.reset();
    session_.on_timeout(net_.now().mono);
    turn();
  });
}

}  // namespace hub::test
