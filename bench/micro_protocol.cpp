#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/load/database.hpp"
#include "protocol/classic.hpp"
#include "protocol/text.hpp"

namespace hub::bench {
namespace {

std::vector<std::uint8_t> encoded(std::size_t bytes) {
  classic::Header header;
  header.opcode = Opcode::kPost;
  header.token = 0x12345678;
  std::vector<std::uint8_t> out;
  classic::encode(header, text_of(bytes), out);
  return out;
}

void classic_encode(benchmark::State& state) {
  const std::string text = text_of(static_cast<std::size_t>(state.range(0)));
  classic::Header header;
  header.opcode = Opcode::kForward;
  std::vector<std::uint8_t> out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(classic::encode(header, text, out));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(classic_encode)->Arg(0)->Arg(100)->Arg(1000);

void classic_decode(benchmark::State& state) {
  const auto bytes = encoded(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    auto datagram = classic::decode(bytes);
    benchmark::DoNotOptimize(datagram);
  }
}
BENCHMARK(classic_decode)->Arg(0)->Arg(100);

void payload_text(benchmark::State& state) {
  const auto bytes = encoded(100);
  const auto datagram = classic::decode(bytes);
  for (auto _ : state) {
    auto text = classic::payload_text(*datagram);
    benchmark::DoNotOptimize(text);
  }
}
BENCHMARK(payload_text);

void text_check(benchmark::State& state) {
  const std::string text = text_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(is_text(text));
}
BENCHMARK(text_check)->Arg(100)->Arg(1000);

}  // namespace
}  // namespace hub::bench
