// Runs a fuzz target without a fuzzer, in every build: over the files named on the command line,
// and over as many inputs made from a fixed seed as --random says. For the targets' own sake, and
// as a test: what a fuzzer once found stays found.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/input.hpp"

namespace {

std::size_t run_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return 1;
}

std::size_t run_path(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return run_file(path);
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path)) count += run_file(entry);
  return count;
}

std::size_t run_random(std::size_t count) {
  std::mt19937 random(1);
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < count; ++i) {
    bytes.resize(random() % 600);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    if (bytes.size() > 2 && random() % 2 == 0) bytes[0] = bytes[1] = 'a';  // past the magic
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    count += argument.rfind("--random=", 0) == 0 ? run_random(std::stoul(argument.substr(9)))
                                                 : run_path(argument);
  }
  std::cout << count << " inputs\n";
  return count > 0 ? 0 : 1;
}
