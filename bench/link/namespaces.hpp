// Network namespaces of the program's own: each has its interfaces and addresses, and nothing of it
// can be seen outside. Gone with the object, once no process is left inside.
#pragma once

#include <optional>

#include "bench/load/process.hpp"

namespace hub::bench {

class NetworkNamespace {
 public:
  /// Throws NotHere, saying why, where the system does not permit it. As root, or where users may
  /// have namespaces of their own: then the whole program is in one from then on.
  /// `loopback_mtu`: what its loopback interface carries, where that is not the usual 65,536.
  explicit NetworkNamespace(std::optional<int> loopback_mtu = {});

  /// The calling thread is inside as long as this lives: what it opens and starts belongs there.
  class Inside {
   public:
    explicit Inside(const NetworkNamespace& where);
    ~Inside();
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    Descriptor before_;
  };

 private:
  Descriptor fd_;
};

}  // namespace hub::bench
