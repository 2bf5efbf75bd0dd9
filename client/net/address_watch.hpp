// Tells when an address of this machine comes or goes (rtnetlink(7)), so that a client that moved
// to another network says so at once instead of finding out. Owned by the loop, used on its thread.
#pragma once

namespace hub::client {

class AddressWatch {
 public:
  /// Watches nothing where the system does not let it: moves are then found out by silence.
  AddressWatch();
  ~AddressWatch();
  AddressWatch(const AddressWatch&) = delete;
  AddressWatch& operator=(const AddressWatch&) = delete;

  /// Readable when something changed; -1 where nothing is watched.
  int fd() const { return fd_; }
  /// Forgets what has been told so far.
  void drain() const;

 private:
  int fd_ = -1;
};

}  // namespace hub::client
