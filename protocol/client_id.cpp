#include "protocol/client_id.hpp"

#include <algorithm>

#include "protocol/limits.hpp"

namespace hub {

namespace {

bool is_allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

std::optional<ClientId> ClientId::parse(std::string_view text) {
  if (text.empty() || text.size() > kMaxClientIdBytes) return std::nullopt;
  if (!std::all_of(text.begin(), text.end(), is_allowed)) return std::nullopt;
  return ClientId(std::string(text));
}

std::string ClientId::key() const {
  std::string out = text_;
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace hub
