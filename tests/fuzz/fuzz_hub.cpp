// Fuzzes the hub's core: datagrams from members and strangers, verdicts, commits, pages and time in
// any order, failing commits and restarts between them. Asserts what no order may break:
//   - an address that has not logged in gets no more bytes than it sent
//   - a post ack is sent only for a commit, a forward only to a follower's session at its address
//   - nothing is sent in a session that was said to be over, and no forward inside a retrieve run
//   - when all is delivered nothing is pending, and when all is silent no session is left
#include "tests/fuzz/hub_world.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hub::fuzz::Input input(data, size);
  hub::fuzz::HubWorld world(input.u8());
  while (!input.empty()) world.step(input);
  world.finish();
  return 0;
}
