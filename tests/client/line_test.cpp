#include "client/core/line.hpp"

#include <random>

#include <catch2/catch.hpp>

#include "protocol/text.hpp"

namespace hub::client {

namespace {

/// What a line means, in words that a table can hold.
std::string meaning(std::string_view line, Framing framing = Framing::kSealed) {
  const auto parsed = parse_line(line, framing);
  if (!parsed) return "error#" + parsed.error().word;
  struct Namer {
    std::string operator()(const Login& l) const {
      return "login " + l.id.text() + " " + l.password.value_or("(ask)");
    }
    std::string operator()(const Post& p) const { return "post " + p.text; }
    std::string operator()(const Subscribe& s) const { return "subscribe " + s.target.text(); }
    std::string operator()(const Unsubscribe& u) const { return "unsubscribe " + u.target.text(); }
    std::string operator()(const Retrieve& r) const {
      const std::string before = r.before == 0 ? "" : " before " + std::to_string(r.before);
      return "retrieve " + std::to_string(r.n) + before;
    }
    std::string operator()(const Logout&) const { return "logout"; }
    std::string operator()(const Reset&) const { return "reset"; }
    std::string operator()(const ShowState&) const { return "state"; }
    std::string operator()(const SpuriousClient&) const { return "spurious client"; }
    std::string operator()(const SpuriousServer&) const { return "spurious server"; }
    std::string operator()(const Help&) const { return "help"; }
    std::string operator()(const Quit&) const { return "quit"; }
    std::string operator()(const Nothing&) const { return "nothing"; }
  };
  return std::visit(Namer{}, *parsed);
}

std::string sentence(std::string_view line) {
  const auto parsed = parse_line(line);
  return parsed ? "" : parsed.error().sentence;
}

std::string repeated(std::size_t n, char c = 'x') { return std::string(n, c); }

}  // namespace

TEST_CASE("lines are read as people mean them") {
  const auto row = GENERATE(table<std::string, std::string>({
      {"login#ann&secret", "login ann secret"},
      {"login#ann&se&cr#et ", "login ann se&cr#et "},
      {"login#ann", "login ann (ask)"},
      {"login# ann ", "login ann (ask)"},
      {"post#hello", "post hello"},
      {"post# two  words # and a sign ", "post  two  words # and a sign "},
      {"post#\xC3\xA9t\xC3\xA9 \xE2\x82\xAC", "post \xC3\xA9t\xC3\xA9 \xE2\x82\xAC"},
      {"subscribe#bob", "subscribe bob"},
      {"subscribe# Bob_2 ", "subscribe Bob_2"},
      {"unsubscribe#bob", "unsubscribe bob"},
      {"retrieve#1", "retrieve 1"},
      {"retrieve# 1000 ", "retrieve 1000"},
      {"retrieve#20&345", "retrieve 20 before 345"},
      {"retrieve#007", "retrieve 7"},
      {"logout#", "logout"},
      {"logout# ", "logout"},
      {"reset#", "reset"},
      {"state#", "state"},
      {"spurious#client", "spurious client"},
      {"spurious#server", "spurious server"},
      {"help#", "help"},
      {"quit#", "quit"},
      {" LogOut #", "logout"},
      {"", "nothing"},
      {" \t ", "nothing"},
  }));
  CAPTURE(std::get<0>(row));
  CHECK(meaning(std::get<0>(row)) == std::get<1>(row));
}

TEST_CASE("lines that ask for nothing possible are refused, each with its word and a sentence") {
  const auto row = GENERATE(table<std::string, std::string>({
      {"login#", "bad_client_id"},
      {"login#&secret", "bad_client_id"},
      {"login#a b&secret", "bad_client_id"},
      {"login#" + repeated(32) + "&secret", "bad_client_id"},
      {"login#ann&", "bad_password"},
      {"login#ann&" + repeated(129), "bad_password"},
      {std::string("login#ann&a\0b", 13), "bad_password"},
      {"post#", "bad_text"},
      {"post#" + repeated(1001), "bad_text"},
      {"post#tab\there", "bad_text"},
      {"post#\x1b[31m", "bad_text"},
      {"post#\xFF", "bad_text"},
      {"subscribe#", "bad_client_id"},
      {"subscribe#a&b", "bad_client_id"},
      {"subscribe#a#b", "bad_client_id"},
      {"subscribe#" + repeated(10'000), "bad_client_id"},
      {"unsubscribe#\x07", "bad_client_id"},
      {"retrieve#", "bad_count"},
      {"retrieve#0", "bad_count"},
      {"retrieve#-1", "bad_count"},
      {"retrieve#1001", "bad_count"},
      {"retrieve#20&", "bad_count"},
      {"retrieve#20&0", "bad_count"},
      {"retrieve#20&x", "bad_count"},
      {"retrieve#&345", "bad_count"},
      {"retrieve#20&99999999999999999999", "bad_count"},
      {"retrieve#99999999999", "bad_count"},
      {"retrieve#4294967297", "bad_count"},
      {"retrieve#3x", "bad_count"},
      {"spurious#", "bad_argument"},
      {"spurious#both", "bad_argument"},
      {"logout#now", "bad_argument"},
      {"psot#hello", "unknown_command"},
      {"hello there", "unknown_command"},
      {"post hello", "unknown_command"},
      {"quit", "unknown_command"},
      {"#", "unknown_command"},
      {repeated(10'000), "unknown_command"},
  }));
  CAPTURE(std::get<0>(row));
  CHECK(meaning(std::get<0>(row)) == "error#" + std::get<1>(row));
  const std::string why = sentence(std::get<0>(row));
  CHECK_FALSE(why.empty());
  CHECK(printable(why) == why);
}

TEST_CASE("texts and passwords are taken up to their limits") {
  CHECK(meaning("post#" + repeated(1000)) == "post " + repeated(1000));
  CHECK(meaning("post#" + repeated(255), Framing::kClassic) == "post " + repeated(255));
  CHECK(meaning("post#" + repeated(256), Framing::kClassic) == "error#bad_text");
  CHECK(meaning("retrieve#200", Framing::kClassic) == "retrieve 200");
  CHECK(meaning("retrieve#201", Framing::kClassic) == "error#bad_count");
  CHECK(meaning("retrieve#20&7", Framing::kClassic) == "error#bad_count");
  CHECK(meaning("login#" + repeated(31) + "&" + repeated(128, 'p')) ==
        "login " + repeated(31) + " " + repeated(128, 'p'));
}

TEST_CASE("a mistyped verb is answered with the one that was meant") {
  const auto row = GENERATE(table<std::string, std::string>({
      {"psot#hello", "post#"},
      {"pst#hello", "post#"},
      {"sub#bob", "subscribe#"},
      {"unsub#bob", "unsubscribe#"},
      {"retreive#3", "retrieve#"},
      {"logn#ann&secret", "login#"},
      {"quit", "quit#"},
      {"help", "help#"},
      {"post hello", "post#"},
  }));
  CAPTURE(std::get<0>(row));
  CHECK(sentence(std::get<0>(row)).find("did you mean " + std::get<1>(row) + "?") == 0);
  CHECK(sentence("frobnicate#").find("did you mean") == std::string::npos);
}

TEST_CASE("no complaint and no memory quotes a password") {
  const auto line =
      GENERATE(as<std::string>{}, "login#ann&hunter2", "logn#ann&hunter2", "login ann&hunter2",
               "login#a b&hunter2", "login#ann hunter2", "lgoin ann hunter2", "log#ann hunter2");
  CAPTURE(line);
  CHECK(sentence(line).find("hunter2") == std::string::npos);
  CHECK(memorable(line).value_or("").find("hunter2") == std::string::npos);
}

TEST_CASE("what is typed can be recalled, passwords and blank lines aside") {
  CHECK(memorable("login#ann&secret") == "login#ann");
  CHECK(memorable("login#ann") == "login#ann");
  CHECK(memorable("post#salt & pepper") == "post#salt & pepper");
  CHECK(memorable("psot#hello") == "psot#hello");
  CHECK_FALSE(memorable("  "));
}

TEST_CASE("random lines are read or refused, never a crash") {
  std::mt19937 random(7);
  static const std::string kBytes = "login#post&subscribe9\xC3\xA9\x1b\xFF \t";
  for (int i = 0; i < 5000; ++i) {
    std::string line;
    const std::size_t size = random() % 60;
    for (std::size_t j = 0; j < size; ++j) line += kBytes[random() % kBytes.size()];
    CAPTURE(line);
    const auto parsed = parse_line(line);
    if (!parsed) REQUIRE(printable(parsed.error().sentence) == parsed.error().sentence);
    (void)memorable(line);
  }
}

// --- Cutting input into lines ---

TEST_CASE("bytes become lines wherever they are split") {
  const std::string input = "one\ntwo\r\n\nlast";
  const auto step = GENERATE(range(std::size_t{1}, std::size_t{16}));
  LineCutter cutter;
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < input.size(); at += step) {
    cutter.add(std::string_view(input).substr(at, step));
    while (const auto line = cutter.next()) lines.push_back(*line);
  }
  CHECK(lines == std::vector<std::string>{"one", "two", ""});
  CHECK(cutter.rest() == "last");
  CHECK_FALSE(cutter.rest());
}

TEST_CASE("an endless line is cut once and the rest of it skipped") {
  LineCutter cutter;
  int cut = 0;
  for (int i = 0; i < 100; ++i) {
    cutter.add(repeated(10'000));
    while (const auto line = cutter.next()) {
      CHECK(line->size() == LineCutter::kMaxLineBytes);
      ++cut;
    }
  }
  CHECK(cut == 1);
  cutter.add("\nnext\n");
  CHECK(cutter.next() == "next");
  cutter.add("post#" + repeated(LineCutter::kMaxLineBytes) + "\nagain\n");
  CHECK(meaning(*cutter.next()) == "error#bad_text");
  CHECK(cutter.next() == "again");
  CHECK_FALSE(cutter.rest());
}

}  // namespace hub::client
