// A device as a program has it, over its files on a real disk.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "client/net/device_files.hpp"
#include "protocol/fingerprint.hpp"

namespace hub::client {

inline Key key(std::uint8_t n) {
  Key out{};
  out.fill(n);
  return out;
}

inline OpenDevice ann(std::uint8_t hub_key = 1) { return {"ann", key(hub_key), std::nullopt}; }

inline std::filesystem::path directory_of(const std::filesystem::path& state,
                                          const OpenDevice& device) {
  return state / "devices" / (key_text(device.hub_key) + "-" + device.account);
}

inline mode_t mode_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

inline std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline bool says(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

/// A device as the program has it, over its files.
struct Program {
  explicit Program(const std::filesystem::path& state, const OpenDevice& which = ann())
      : files(state) {
    const auto found = files.open(which);
    if (!found) throw std::runtime_error(found.error());
    place = found->place;
    auto opened = OwnDevice::open(*found, random, out);
    if (!opened) throw std::runtime_error(opened.error());
    device.emplace(std::move(*opened));
    kept = keep();
  }
  /// False where any of it failed.
  bool keep() {
    bool all = true;
    for (const KeepOutput& each : std::exchange(out, {})) {
      const auto one = files.keep(each);
      all = all && one.has_value();
      if (!one) error = one.error();
    }
    return all;
  }
  bool ask(std::string text) {
    device->ask(Opcode::kPost, std::move(text), out);
    return keep();
  }
  bool answer(std::uint64_t number) {
    device->answered(number, true, out);
    return keep();
  }
  bool show(MessageId post) {
    device->shown(post, out);
    return keep();
  }

  SystemRandom random;
  DeviceFilesOnDisk files;
  std::vector<KeepOutput> out;
  std::string place;
  std::optional<OwnDevice> device;
  bool kept = false;
  std::string error;
};

}  // namespace hub::client
