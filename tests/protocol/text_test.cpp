#include "protocol/text.hpp"

#include <string>

#include <catch2/catch.hpp>

#include "protocol/client_id.hpp"
#include "protocol/limits.hpp"
#include "protocol/message.hpp"

using namespace hub;

TEST_CASE("well-formed UTF-8 is told from what only looks like it") {
  CHECK(is_utf8(""));
  CHECK(is_utf8("plain"));
  CHECK(is_utf8("gr\xC3\xBC\xC3\x9F"));
  CHECK(is_utf8("\xE2\x82\xAC"));
  CHECK(is_utf8("\xF0\x9F\x98\x80"));
  CHECK(is_utf8("\xF4\x8F\xBF\xBF"));        // U+10FFFF
  CHECK_FALSE(is_utf8("\x80"));              // a continuation alone
  CHECK_FALSE(is_utf8("\xC3"));              // cut short
  CHECK_FALSE(is_utf8("\xC0\xAF"));          // overlong
  CHECK_FALSE(is_utf8("\xE0\x80\xAF"));      // overlong
  CHECK_FALSE(is_utf8("\xF0\x80\x80\xAF"));  // overlong
  CHECK_FALSE(is_utf8("\xED\xA0\x80"));      // a surrogate
  CHECK_FALSE(is_utf8("\xF4\x90\x80\x80"));  // above U+10FFFF
  CHECK_FALSE(is_utf8("\xF5\x80\x80\x80"));
  CHECK_FALSE(is_utf8("\xFF"));
}

TEST_CASE("a text is one line of harmless characters, 1 to 1000 bytes") {
  CHECK(is_text("hello"));
  CHECK(is_text("a#b&c <d>"));
  CHECK(is_text("\xF0\x9F\x98\x80"));
  CHECK(is_text(std::string(kMaxTextBytes, 'x')));
  CHECK_FALSE(is_text(""));
  CHECK_FALSE(is_text(std::string(kMaxTextBytes + 1, 'x')));
  CHECK_FALSE(is_text("two\nlines"));
  CHECK_FALSE(is_text("tab\there"));
  CHECK_FALSE(is_text("\x1B[2J"));
  CHECK_FALSE(is_text("\x7F"));
  CHECK_FALSE(
      is_text("\xC2\x9B"
              "31m"));  // C1: CSI in one character
  CHECK_FALSE(
      is_text("\xE2\x80\xAE"
              "reversed"));              // right-to-left override
  CHECK_FALSE(is_text("\xE2\x80\xA8"));  // line separator
  CHECK_FALSE(is_text(std::string_view("a\0b", 3)));
  CHECK_FALSE(is_text("\xC3"));
}

TEST_CASE("what no text may hold is found wherever it stands") {
  for (std::size_t length : {1u, 7u, 8u, 9u, 24u, 30u}) {
    for (std::size_t at = 0; at < length; ++at) {
      for (int value = 0; value < 256; ++value) {
        CAPTURE(length, at, value);
        std::string text(length, 'x');
        text[at] = static_cast<char>(value);
        REQUIRE(is_text(text) == (value >= 0x20 && value < 0x7F));
      }
      std::string text(length, '~');
      REQUIRE(is_text(text.replace(at, 1, "\xC3\xBC")));
      REQUIRE_FALSE(is_text(text.replace(at, 2, "\xC2\x9B")));
    }
  }
}

TEST_CASE("cut_text never splits a character") {
  CHECK(cut_text("hello", 10) == "hello");
  CHECK(cut_text("hello", 3) == "hel");
  CHECK(cut_text("a\xC3\xA9", 2) == "a");
  CHECK(cut_text("a\xC3\xA9", 3) == "a\xC3\xA9");
  CHECK(cut_text("\xF0\x9F\x98\x80x", 3).empty());
  CHECK(cut_text("\xF0\x9F\x98\x80x", 4) == "\xF0\x9F\x98\x80");
  CHECK(cut_text("x", 0).empty());
}

TEST_CASE("printable replaces what could act on a terminal and keeps the rest") {
  CHECK(printable("plain gr\xC3\xBC\xC3\x9F") == "plain gr\xC3\xBC\xC3\x9F");
  CHECK(printable("\x1B[2J") == "\xEF\xBF\xBD[2J");
  CHECK(printable("a\x80"
                  "b") ==
        "a\xEF\xBF\xBD"
        "b");
  CHECK(printable("\xC2\x9B") == "\xEF\xBF\xBD");
  CHECK(printable("").empty());
}

TEST_CASE("a client ID is 1 to 31 letters, digits and underscores, compared without case") {
  CHECK(ClientId::parse("alice"));
  CHECK(ClientId::parse("A_1"));
  CHECK(ClientId::parse(std::string(31, 'x')));
  CHECK_FALSE(ClientId::parse(std::string(32, 'x')));
  CHECK_FALSE(ClientId::parse(""));
  for (const char* bad : {"a b", "a&b", "a#b", "a-b", "a\n", "\xC3\xA9", "a.b", "<a>"}) {
    CHECK_FALSE(ClientId::parse(bad));
  }
  CHECK(ClientId::parse("Alice_9")->text() == "Alice_9");
  CHECK(ClientId::parse("Alice_9")->key() == "alice_9");
}

TEST_CASE("a login splits at its first ampersand") {
  const auto plain = split_credentials("alice&secret");
  REQUIRE(plain);
  CHECK(plain->id == "alice");
  CHECK(plain->password == "secret");
  const auto two = split_credentials("alice&a&b&");
  REQUIRE(two);
  CHECK(two->password == "a&b&");
  CHECK_FALSE(split_credentials("alice"));
  CHECK(split_credentials("&")->id.empty());
}

TEST_CASE("opcodes of the table are known, and their direction follows from the top bit") {
  int known = 0;
  for (int value = 0; value < 256; ++value) {
    const auto opcode = static_cast<Opcode>(value);
    known += is_known(opcode) ? 1 : 0;
    CHECK(is_from_server(opcode) == (value >= 0x80));
    CHECK((name_of(opcode) == "unknown") == !is_known(opcode));
  }
  CHECK(known == 26);
  CHECK_FALSE(is_known(Opcode::kSpuriousClient));
  CHECK_FALSE(is_known(Opcode::kSpuriousServer));
}
