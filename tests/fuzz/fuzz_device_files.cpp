// Fuzzes the files of a device: any bytes in the three of them, with right checks where the input
// says so, then what a session does, with ends of the program and the power between. What can be
// read is what is written, and what is written is read the same again.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include <fmt/format.h>

#include "client/core/own_device.hpp"
#include "protocol/crypto/hash.hpp"
#include "protocol/limits.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/client_disk.hpp"

namespace hub::fuzz {
namespace {

using client::KeepOutput;
using client::OwnDevice;

class FixedRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) {
      state_ = state_ * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX
      byte = static_cast<std::uint8_t>(state_ >> 56);
    }
  }

 private:
  std::uint64_t state_ = 1;
};

std::string device_text(Input& input) {
  if (input.below(2) == 0) return std::string(input.piece());
  client::DeviceIdentity device;
  device.id.fill(input.u8());
  if (input.below(2) == 0) device.secret.emplace().fill(input.u8());
  return write_device(device);
}

std::vector<std::uint8_t> mark_bytes(Input& input) {
  std::vector<std::uint8_t> out;
  for (std::size_t records = input.below(4); records > 0; --records) {
    std::string record(input.bytes(24));
    const Key hash = sha256({text_bytes(record)});
    record.append(hash.begin(), hash.begin() + 8);
    out.insert(out.end(), record.begin(), record.end());
  }
  const std::string_view rest = input.piece();
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

std::string outbox_text(Input& input) {
  std::string out;
  for (std::size_t lines = input.below(8); lines > 0; --lines) {
    std::string line(input.piece());
    if (input.below(4) != 0) {
      line += ' ';
      const Key hash = sha256({text_bytes(line)});
      for (std::size_t i = 0; i < 4; ++i) line += fmt::format("{:02x}", hash[i]);
    }
    out += line + "\n";
  }
  return out + std::string(input.piece());
}

/// A device, and its disk.
struct World {
  explicit World(Input& input) {
    if (input.below(4) != 0) disk.files.device = device_text(input);
    disk.files.mark = mark_bytes(input);
    if (input.below(4) != 0) disk.files.outbox = outbox_text(input);
    disk.synced_outbox = disk.files.outbox ? disk.files.outbox->size() : 0;
    disk.synced_mark = disk.files.mark;
  }

  bool open() {
    const client::DeviceFiles before = disk.files;
    auto opened = OwnDevice::open(before, random, out);
    if (!opened) {
      must(is_harmless(opened.error()), "an error is one harmless line");
      must(out.empty(), "and changes nothing");
      return false;
    }
    if (!before.device) must(disk.set_aside.empty() && !out.empty(), "a new device is kept");
    device.emplace(std::move(*opened));
    keep();
    return true;
  }
  void keep() {
    for (const KeepOutput& each : out) disk.keep(each);
    out.clear();
  }
  /// The program ended, perhaps with the power, and is started again.
  void restart(bool loses_power) {
    const OwnDevice before = *device;
    if (loses_power) disk.cut_power();
    must(open(), "what is written can be read");
    must(device->id() == before.id(), "it is the same device");
    must(device->secret() == before.secret(), "with its secret");
    must(device->outbox().given() == before.outbox().given(), "no number is given out again");
    if (loses_power) {
      must(device->outbox().waiting().size() >= before.outbox().waiting().size(), "all is asked");
      return;
    }
    must(device->mark() == before.mark(), "with its mark");
    must(device->outbox().waiting() == before.outbox().waiting(), "and what it asked");
    must(device->outbox().acknowledged() == before.outbox().acknowledged(), "and was told");
  }

  FixedRandom random;
  test::ClientDisk disk;
  std::vector<KeepOutput> out;
  std::optional<OwnDevice> device;
};

void check(const OwnDevice& device) {
  const client::Outbox& box = device.outbox();
  must(box.acknowledged() <= box.given(), "nothing is answered that was not asked");
  std::uint64_t last = 0;
  for (const auto& request : box.waiting()) {
    must(request.number > last, "numbers rise, and none is 0");
    must(request.payload.size() <= kMaxTextBytes, "no request is too long");
    last = request.number;
  }
  must(last <= box.given(), "no number is of nobody");
}

void act(World& world, Input& input) {
  OwnDevice& device = *world.device;
  const std::uint64_t given = device.outbox().given();
  switch (input.below(9)) {
    case 0:
      must(device.ask(Opcode::kPost, std::string(input.piece()), world.out) == given + 1,
           "numbers rise by one");
      break;
    case 1:
      if (!device.outbox().waiting().empty()) {
        const std::size_t at = input.below(256) % device.outbox().waiting().size();
        const std::uint64_t number = device.outbox().waiting()[at].number;
        must(device.answered(number, input.below(2) == 0, world.out).has_value(), "it waits");
        must(!device.answered(number, true, world.out), "and is answered once");
      }
      break;
    case 2:
      device.take_mark({1U + input.below(3), input.u32()}, input.below(8), world.out);
      break;
    case 3: {
      const std::uint64_t post = input.u32();
      const bool rises = post > device.mark().post;
      device.shown(post, world.out);
      must(world.out.empty() != rises, "a mark rises only");
      break;
    }
    case 4:
      device.make_secret(world.random);
      if (input.below(2) == 0) device.keep_secret(world.out);
      break;
    case 5:
      device.forget_secret(world.out);
      must(!device.can_resume(), "a secret is forgotten");
      break;
    case 6:
      if (!device.agrees({input.below(3), 0}, input.u32())) {
        const auto id = device.id();
        const std::size_t waited = device.outbox().waiting().size();
        must(device.renew(world.random, world.out).size() == waited, "all is shown");
        must(device.id() != id && device.outbox().given() == 0, "it is another device");
      }
      break;
    default:
      world.restart(input.below(2) == 0);
      break;
  }
  world.keep();
  check(device);
}

}  // namespace
}  // namespace hub::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hub;
  fuzz::Input input(data, size);
  fuzz::World world(input);
  if (!world.open()) return 0;
  fuzz::check(*world.device);
  world.restart(false);
  while (!input.empty()) fuzz::act(world, input);
  world.restart(true);
  return 0;
}
