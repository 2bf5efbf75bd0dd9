// hub-demo: plays the ten demonstrations with the real programs and prints what alice, bob and
// carol typed and saw, side by side, in the order in which it happened. Exits with 1 if one of them
// fails. `hub-demo 3 5` plays those two; `--classic` plays them in the original framing.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <set>
#include <string>

#include <unistd.h>

#include "tests/e2e/demonstrations.hpp"

namespace {

using hub::test::Transcript;

constexpr std::array<std::string_view, 3> kClients = {"alice", "bob", "carol"};
constexpr std::size_t kColumn = 36;

struct Paint {
  explicit Paint(bool colours) : on(colours) {}
  std::string in(std::string_view code, const std::string& text) const {
    return on ? "\x1b[" + std::string(code) + "m" + text + "\x1b[0m" : text;
  }
  bool on;
};

/// `text` in pieces of at most a column's width.
std::vector<std::string> folded(std::string text) {
  std::vector<std::string> out;
  while (text.size() > kColumn) {
    const std::size_t blank = text.rfind(' ', kColumn);
    const std::size_t cut = blank == std::string::npos || blank < kColumn / 2 ? kColumn : blank;
    out.push_back(text.substr(0, cut));
    text = "    " + text.substr(text[cut] == ' ' ? cut + 1 : cut);
  }
  out.push_back(text);
  return out;
}

std::string padded(const std::string& text) {
  return text + std::string(kColumn - std::min(kColumn, text.size()), ' ');
}

void print_row(std::size_t column, const std::string& text, std::string_view colour,
               const Paint& paint) {
  for (const std::string& piece : folded(text)) {
    std::string row;
    for (std::size_t i = 0; i < kClients.size(); ++i) {
      row += i == 0 ? "  " : " | ";
      row += i == column ? paint.in(colour, padded(piece)) : padded("");
    }
    row.erase(row.find_last_not_of(' ') + 1);
    std::cout << row << '\n';
  }
}

void print(const Transcript& transcript, const Paint& paint) {
  for (std::size_t i = 0; i < kClients.size(); ++i) {
    std::cout << (i == 0 ? "  " : " | ") << paint.in("1", padded(std::string(kClients.at(i))));
  }
  const std::string rule(kColumn, '-');
  std::cout << "\n  " << rule << "-+-" << rule << "-+-" << rule << '\n';
  for (const Transcript::Entry& entry : transcript.entries()) {
    const auto client = std::find(kClients.begin(), kClients.end(), entry.who);
    const auto column = static_cast<std::size_t>(client - kClients.begin());
    switch (entry.kind) {
      case Transcript::Kind::kTyped:
        print_row(column, "> " + entry.text, "36", paint);
        break;
      case Transcript::Kind::kPrinted:
        print_row(column, entry.text, "0", paint);
        break;
      case Transcript::Kind::kNothing:
        print_row(column, entry.text, "2", paint);
        break;
      case Transcript::Kind::kNote:
        std::cout << paint.in("33", "  ## " + entry.text) << '\n';
        break;
    }
  }
}

bool play(const hub::test::Demonstration& demonstration, hub::Framing framing, const Paint& paint) {
  std::cout << '\n'
            << paint.in("1", "Demonstration " + std::to_string(demonstration.number) + ": " +
                                 demonstration.title)
            << "\n\n";
  std::string failure;
  try {
    hub::test::Stage stage(demonstration.flags, framing);
    try {
      demonstration.play(stage);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    print(stage.hub.transcript(), paint);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  std::cout << '\n'
            << (failure.empty() ? paint.in("32", "  as it should be")
                                : paint.in("31", "  FAILED: " + failure))
            << std::endl;
  return failure.empty();
}

}  // namespace

int main(int argc, char** argv) {
  const Paint paint(::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr);
  std::set<int> wanted;
  hub::Framing framing = hub::Framing::kSealed;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--classic") {
      framing = hub::Framing::kClassic;
    } else {
      wanted.insert(std::atoi(argv[i]));
    }
  }
  int played = 0;
  int failed = 0;
  for (const hub::test::Demonstration& demonstration : hub::test::demonstrations()) {
    if (!wanted.empty() && wanted.count(demonstration.number) == 0) continue;
    ++played;
    if (!play(demonstration, framing, paint)) ++failed;
  }
  std::cout << '\n'
            << played - failed << " of " << played
            << " demonstrations are as they should be, in the " << hub::test::to_string(framing)
            << " framing\n";
  return failed == 0 && played > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
