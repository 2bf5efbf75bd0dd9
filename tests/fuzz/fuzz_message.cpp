// Fuzzes the messages inside a sealed connection: whatever is read is written and read the same
// again, in the same bytes.
#include <string>
#include <vector>

#include "protocol/crypto/hash.hpp"
#include "protocol/sealed/message.hpp"
#include "tests/fuzz/input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hub;
  using namespace hub::sealed;
  using fuzz::must;
  const Bytes bytes(data, size);
  const auto message = read_message(bytes);
  must(message.has_value() == (size >= 9), "a message is as long as its head, or longer");
  if (!message) return 0;
  const auto written = write_message(*message);
  must(std::equal(written.begin(), written.end(), bytes.begin(), bytes.end()),
       "a message is written as it was read");

  // The payload is read as each of them, whatever the opcode says.
  const std::string payload(message->payload);
  const auto same = [&payload](const auto& read, auto write) {
    if (read) must(write(*read) == payload, "a payload is written as it was read");
  };
  same(read_login_start(payload), write_login_start);
  same(read_login_challenge(payload), write_login_challenge);
  same(read_login_proof(payload), write_login_proof);
  same(read_resume(payload), write_resume);
  same(read_login_ok(payload), write_login_ok);
  same(read_earlier_posts(payload), write_earlier_posts);
  same(read_refusal(payload), write_refusal);
  return 0;
}
