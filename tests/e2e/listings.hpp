// What hubadmin's --json listings say, read back.
#pragma once

#include <string>
#include <vector>

#include "protocol/types.hpp"
#include "tests/e2e/programs.hpp"

namespace hub::test {

struct ListedPost {
  MessageId id = 0;
  std::string author;
  std::string text;
};

/// All posts of the hub, oldest first.
std::vector<ListedPost> list_posts(const TestHub& hub);

/// One field of the line of `list-sessions --json` about this account, as JSON writes it; "(none)"
/// where there is no such session, or it has no such field.
std::string session_field(const TestHub& hub, const std::string& account, const std::string& name);

/// One field of a line of JSON, as JSON writes it but without quotes; throws Unexpected without it.
std::string json_field(const std::string& line, const std::string& name);

/// Whose sessions there are, in alphabetical order, an account as often as it has sessions.
std::vector<std::string> sessions_of(const TestHub& hub);
/// Waits until these, in alphabetical order, are the sessions. Throws Unexpected if they never are.
void wait_for_sessions(const TestHub& hub, const std::vector<std::string>& accounts);

std::vector<std::string> lines_of(const std::string& text);

/// Throws Unexpected unless each line is one JSON object that has all these keys.
void check_json_lines(const std::string& text, const std::vector<std::string>& keys);

}  // namespace hub::test
