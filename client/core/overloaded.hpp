// One visitor made of several lambdas, for std::visit.
#pragma once

namespace hub::client {

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace hub::client
