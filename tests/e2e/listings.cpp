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

std::string json_field(const std::string& line, const std::string& name) {
  const Json object = parsed(line);
  if (!object.contains(name)) throw Unexpected("no \"" + name + "\" in " + line);
  const Json& value = object.at(name);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::vector<std::string> sessions_of(const TestHub& hub) {
  std::vector<std::string> out;
  for (const std::string& line : lines_of(hub.admin_ok({"list-sessions", "--json"}))) {
    out.push_back(parsed(line).at("account"));
  }
  std::sort(out.begin(), out.end());
  return out;
}

void wait_for_sessions(const TestHub& hub, const std::vector<std::string>& accounts) {
  std::string wanted = "the sessions are of";
  for (const std::string& account : accounts) wanted += " " + account;
  eventually(wanted, [&] { return sessions_of(hub) == accounts; });
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
