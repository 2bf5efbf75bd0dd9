// One place where a thread waits until the test lets it go on.
#pragma once

#include <future>

#include "tests/support/process.hpp"

namespace hub::test {

class Hold {
 public:
  /// On the thread that is held, once.
  void hold() {
    begun_.set_value();
    released_.get_future().wait();
  }
  /// Waits for it; false where it never comes.
  bool has_begun() { return begun_.get_future().wait_for(patience()) == std::future_status::ready; }
  void release() { released_.set_value(); }

 private:
  std::promise<void> begun_;
  std::promise<void> released_;
};

}  // namespace hub::test
