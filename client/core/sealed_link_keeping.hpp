// How SealedLink lets its device write down what is to be kept. Private to its files.
#pragma once

#include <type_traits>
#include <utility>
#include <vector>

#include "client/core/sealed_link.hpp"

namespace hub::client {

/// Calls `action(out)`; what it puts there is to be kept, in that order. Gives what it gives.
template <typename Action>
auto SealedLink::keeping(Action&& action) {
  std::vector<KeepOutput> out;
  const auto hand_on = [&] {
    for (KeepOutput& each : out) {
      outputs_.push_back(Keep{std::move(each)});
    }
  };
  if constexpr (std::is_void_v<decltype(action(out))>) {
    action(out);
    hand_on();
  } else {
    auto result = action(out);
    hand_on();
    return result;
  }
}

}  // namespace hub::client
