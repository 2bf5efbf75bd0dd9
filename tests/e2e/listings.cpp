#include "tests/e2e/listings.hpp"

#include <algorithm>
#include <sstream>

#include <nlohmann/json.hpp>

namespace hub::test {

namespace {

using Json = nlohmann::json;

Json parsed(const std::string& line) {
  Json object = Json::parse(line, nullptr, false);
  if (!object.is_object()) throw Unexpected("not a JSON object: " + line);
  return object;
}

}  // namespace

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::vector<ListedPost> list_posts(const TestHub& hub) {
  std::vector<ListedPost> out;
  for (const std::string& line : lines_of(hub.admin_ok({"list-posts", "--limit", "0", "--json"}))) {
    const Json post = parsed(line);
    out.push_back({post.at("id"), post.at("author"), post.at("text")});
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::string session_field(const TestHub& hub, const std::string& account, const std::string& name) {
  for (const std::string& line : lines_of(hub.admin_ok({"list-sessions", "--json"}))) {
    const Json session = parsed(line);
    if (session.at("account") != account) continue;
    return session.contains(name) ? session.at(name).dump() : "(none)";
  }
  return "(none)";
}

void check_json_lines(const std::string& text, const std::vector<std::string>& keys) {
  for (const std::string& line : lines_of(text)) {
    const Json object = parsed(line);
    for (const std::string& key : keys) {
      if (!object.contains(key)) throw Unexpected("no \"" + key + "\" in " + line);
    }
  }
}

}  // namespace hub::test
