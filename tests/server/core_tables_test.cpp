// The tables of the core, each against what the standard library has for it.
#include <map>
#include <memory>
#include <random>
#include <unordered_map>

#include <catch2/catch.hpp>

#include "server/core/flat_map.hpp"
#include "server/core/slots.hpp"
#include "server/core/small_list.hpp"

using namespace hub::server;

namespace {

using Map = FlatMap<std::uint64_t, std::unique_ptr<std::uint64_t>>;
using Oracle = std::unordered_map<std::uint64_t, std::uint64_t>;

void compare(const Map& map, const Oracle& oracle, std::uint64_t keys, std::uint64_t stride) {
  REQUIRE(map.size() == oracle.size());
  for (std::uint64_t i = 0; i < keys; ++i) {
    const std::uint64_t key = 1 + i * stride;
    const auto* found = map.find(key);
    const auto wanted = oracle.find(key);
    const bool same = wanted == oracle.end()
                          ? found == nullptr
                          : found != nullptr && *found != nullptr && **found == wanted->second;
    if (!same) FAIL("key " << key << " is not what it should be");
  }
}

}  // namespace

TEST_CASE("a flat map agrees with std::unordered_map, however it grows and shrinks") {
  const auto seed = GENERATE(range(1u, 21u));
  CAPTURE(seed);
  std::mt19937_64 dice(seed);
  // Near keys, keys a power of two apart, and keys that share the upper half of their hash.
  const std::uint64_t stride = std::array{1ull, 1ull << 20, 1ull << 40, 7919ull}[seed % 4];
  constexpr std::uint64_t kKeys = 1500;
  Map map;
  Oracle oracle;
  std::uint64_t goal = 0;  // how many shall be there
  for (int i = 0; i < 20'000; ++i) {
    if (i % 2000 == 0) goal = std::array{0ull, 40ull, 700ull, 1500ull}[dice() % 4];
    const std::uint64_t key = 1 + dice() % kKeys * stride;
    if (dice() % 8 < (oracle.size() < goal ? 7u : 1u)) {
      const std::uint64_t value = dice();
      map[key] = std::make_unique<std::uint64_t>(value);
      oracle[key] = value;
    } else {
      map.erase(key);
      oracle.erase(key);
    }
    if (i % 500 == 0) compare(map, oracle, kKeys, stride);
  }
  compare(map, oracle, kKeys, stride);
  for (std::uint64_t i = 0; i < kKeys; ++i) map.erase(1 + i * stride);
  CHECK(map.size() == 0);
  CHECK(map.capacity() <= 64);
}

TEST_CASE("a flat map takes a quarter to a half more than its entries") {
  FlatMap<std::int64_t, std::uint64_t> map;
  for (std::int64_t key = 1; key <= 100'000; ++key) {
    map[key] = 1;
    if (key < 1000) continue;
    const double spare = static_cast<double>(map.capacity()) / static_cast<double>(key);
    if (spare < 1.24 || spare > 1.57) FAIL("at " << key << " it has " << spare << " times that");
  }
  for (std::int64_t key = 1; key <= 100'000; ++key) {
    map.erase(key);
    if (map.capacity() > 64) REQUIRE(map.capacity() <= 4 * map.size());
  }
}

TEST_CASE("a flat map without entries finds and erases nothing") {
  FlatMap<std::int64_t, int> map;
  CHECK(map.find(1) == nullptr);
  map.erase(1);
  CHECK(map.size() == 0);
  CHECK(map.find(0) == nullptr);
  map[5] = 7;
  CHECK(map.find(0) == nullptr);
  REQUIRE(map.find(5) != nullptr);
  CHECK(*map.find(5) == 7);
}

TEST_CASE("a small list agrees with std::vector, and is small whenever it holds little") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  std::mt19937_64 dice(seed);
  SmallList<std::uint64_t> list;
  std::vector<std::uint64_t> oracle;
  for (int i = 0; i < 3000; ++i) {
    const bool grows = dice() % 100 < (i / 300 % 2 == 0 ? 60u : 40u);
    if (grows) {
      list.push_back(static_cast<std::uint64_t>(i));
      oracle.push_back(static_cast<std::uint64_t>(i));
    } else if (!oracle.empty() && dice() % 2 == 0) {
      const std::size_t first = dice() % oracle.size();
      const std::size_t last = first + dice() % (oracle.size() - first) + 1;
      const std::size_t end = std::min(last, first + 3);
      list.erase(list.begin() + first, list.begin() + end);
      oracle.erase(oracle.begin() + static_cast<std::ptrdiff_t>(first),
                   oracle.begin() + static_cast<std::ptrdiff_t>(end));
    } else if (!oracle.empty()) {
      const std::size_t at = dice() % oracle.size();
      list.take_out(list.begin() + at);
      oracle[at] = oracle.back();
      oracle.pop_back();
    }
    if (dice() % 10 == 0) {
      SmallList<std::uint64_t> moved(std::move(list));
      list = std::move(moved);
    }
    REQUIRE(std::equal(list.begin(), list.end(), oracle.begin(), oracle.end()));
    if (list.empty()) REQUIRE(list.is_inside());
  }
  static_assert(sizeof list == 16);
}

TEST_CASE("slots: each item stays where it is under its number, and empty chunks are given back") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  std::mt19937_64 dice(seed);
  struct Item {
    std::unique_ptr<int> value;  // so that a leak or a second end shows
  };
  Slots<Item> slots;
  std::map<std::uint32_t, std::pair<Item*, int>> oracle;
  for (int i = 0; i < 6000; ++i) {
    const bool grows = dice() % 100 < (i / 1000 % 2 == 0 ? 70u : 30u);
    if (grows) {
      auto [item, number] = slots.add();
      item.value = std::make_unique<int>(i);
      REQUIRE(oracle.emplace(number, std::pair(&item, i)).second);
      REQUIRE(number <= oracle.size() - 1);  // the lowest that was free
    } else if (!oracle.empty()) {
      const auto gone = std::next(oracle.begin(), static_cast<long>(dice() % oracle.size()));
      slots.remove(gone->first);
      oracle.erase(gone);
    }
    REQUIRE(slots.size() == oracle.size());
    REQUIRE(slots.end() <= (oracle.empty() ? 0 : oracle.rbegin()->first + slots.kChunk));
    if (i % 100 != 0) continue;
    for (std::uint32_t number = 0; number < slots.end() + 100; ++number) {
      const auto wanted = oracle.find(number);
      Item* const found = slots.at(number);
      const bool same = wanted == oracle.end() ? found == nullptr
                                               : found == wanted->second.first && found->value &&
                                                     *found->value == wanted->second.second;
      if (!same) FAIL("slot " << number << " is not what it should be");
    }
  }
}
