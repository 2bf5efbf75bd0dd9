// The server's keys on disk, in the data directory: hub.key, by which people know the hub, and
// reset.key, which makes stateless resets. Text files, mode 0600; one that others can read is
// refused. Each is replaced as a whole: written beside, synced, renamed.
//
//   hub.key                                      reset.key
//     # comments                                   # comments
//     hub-key 1                                    reset-key 1
//     current SECRET PUBLIC                        key KEY
//     next SECRET PUBLIC      (in a rotation)      generation N
//
// Keys are 43 characters of base64url (protocol/fingerprint.hpp). PUBLIC follows from SECRET and is
// there so that damage is noticed: to clients a flipped bit would be another server.
//
// The life of a key: begin_rotation() makes a next key beside the current one. From then on both
// are valid, and the next one is announced inside sessions whose server proof verified. When enough
// people have been there, finish_rotation() makes the next key the current one and forgets the old.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "protocol/crypto/x25519.hpp"
#include "protocol/random.hpp"
#include "protocol/types.hpp"
#include "store/data_directory.hpp"

namespace hub::store {

/// A sentence that says what is wrong with which file and what to do.
class KeyFileError : public std::runtime_error {
 public:
  enum class Why {
    kMissing,   // there is no such file
    kExists,    // there is one already, or a rotation is under way already
    kNothing,   // there is no rotation to finish
    kNoRoom,    // it could not be written: the disk is full
    kUnusable,  // readable by others, damaged, of a newer release, or the disk failed
  };
  KeyFileError(Why why, const std::string& what) : std::runtime_error(what), why_(why) {}
  Why why() const { return why_; }

 private:
  Why why_;
};

struct HubKeys {
  KeyPair current;
  std::optional<KeyPair> next;  // valid too, and announced
};

struct FoundHubKeys {
  HubKeys keys;
  bool are_new = false;
};

/// All of these throw KeyFileError. Those that write take a lock of their own for the moment (not
/// the directory's, which a running hubd holds), so two at a time do not lose a key.
HubKeys load_hub_keys(const DataDirectory& directory);
HubKeys create_hub_keys(const DataDirectory& directory, Random& random);
FoundHubKeys find_or_create_hub_keys(const DataDirectory& directory, Random& random);
HubKeys begin_rotation(const DataDirectory& directory, Random& random);
HubKeys finish_rotation(const DataDirectory& directory);

/// The generation is 24 bits.
inline constexpr std::uint32_t kMaxResetGeneration = (1u << 24) - 1;

/// What connection IDs and their reset tokens are made from: no two starts of hubd ever get the
/// same pair.
struct ResetKey {
  Key key{};
  std::uint32_t generation = 0;
};

/// Once at each start of hubd, the directory's lock held: a generation that was never given out
/// under this key, on disk before this returns. A new key at generation 0 where there is no file,
/// or after the last generation. Throws KeyFileError.
ResetKey next_reset_key(const DataDirectory& directory, Random& random);

}  // namespace hub::store
