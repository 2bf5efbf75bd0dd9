// Whether an object leaves secrets behind when it dies. For tests with Catch.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include <catch2/catch.hpp>

#include "protocol/types.hpp"

namespace hub::test {

/// An object in memory of our own, which can be read after the object has died.
template <class T>
class Grave {
 public:
  explicit Grave(T object) : object_(new (memory_.data()) T(std::move(object))) {}

  bool holds(Bytes secret) const {
    return std::search(memory_.begin(), memory_.end(), secret.begin(), secret.end()) !=
           memory_.end();
  }

  T& object() { return *object_; }
  /// Once.
  void bury() { std::destroy_at(object_); }

 private:
  alignas(T) std::array<std::uint8_t, sizeof(T)> memory_{};
  T* object_;
};

template <class T>
void check_wiped(T object, Bytes secret) {
  Grave<T> grave(std::move(object));
  REQUIRE(grave.holds(secret));
  grave.bury();
  CHECK_FALSE(grave.holds(secret));
}

}  // namespace hub::test
