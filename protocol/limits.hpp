// Every limit in one place. The first block is the protocol's: changing one changes what peers may
// send. The second is our own: a hub's operator or a later release may change it freely.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hub {

// --- The protocol's -----------------------------------------------------------------------------

inline constexpr std::size_t kMaxClientIdBytes = 31;
inline constexpr std::size_t kMaxPasswordBytes = 128;
inline constexpr std::size_t kMaxTextBytes = 1000;  // one UTF-8 line

inline constexpr std::size_t kClassicHeaderBytes = 12;
inline constexpr std::size_t kClassicMaxPayloadBytes = 255;  // what the length byte can say
inline constexpr std::uint32_t kClassicMaxRetrieve = 200;

inline constexpr std::uint16_t kDefaultPort = 32000;

// The sealed framing's.
inline constexpr std::uint8_t kSealedVersion = 1;
inline constexpr std::size_t kTransportHeaderBytes = 17;
inline constexpr std::size_t kTransportOverhead = kTransportHeaderBytes + 16;  // and the tag
inline constexpr std::size_t kHelloBytes = 203;
inline constexpr std::size_t kResetBytes = 25;

inline constexpr std::uint32_t kMaxRetrieve = 1000;  // sealed
/// Of a device's numbered requests the hub remembers the results of the last so many; a client has
/// no more than that unanswered.
inline constexpr std::uint64_t kRememberedRequests = 64;
/// A catch-up forwards the newest so many posts and counts the older ones.
inline constexpr std::uint32_t kMaxCatchUp = 1000;

/// A key is replaced after so many datagrams or so long, whichever comes first.
inline constexpr std::uint64_t kRekeyDatagrams = std::uint64_t{1} << 22;
inline constexpr std::chrono::hours kRekeyInterval{1};

/// Receive windows after a login, in message costs; before it they are the channel's initial ones.
inline constexpr std::size_t kTalkWindow = std::size_t{32} * 1024;
inline constexpr std::size_t kBulkWindow = std::size_t{256} * 1024;

/// The least that a client stretches its password with, unless told to accept weak parameters:
/// less would hand a false server cheap guesses. At most kMaxKdfMemory and kMaxKdfPasses.
inline constexpr std::uint64_t kMinClientKdfMemory = 19ull * 1024 * 1024;
inline constexpr std::uint32_t kMinClientKdfPasses = 2;

/// The reliable channel. Both sides start from the initial windows; window frames raise them.
inline constexpr std::size_t kMaxMessageBytes = 1100;
/// Added to a message's length against a window.
inline constexpr std::size_t kMessageCostBytes = 16;
inline constexpr std::size_t kInitialTalkWindow = 1024;
inline constexpr std::size_t kInitialBulkWindow = 0;
inline constexpr std::size_t kMaxBulkStreams = 64;  // open at once, each direction
/// What every path carries (IPv6's least MTU is 1,280): a handshake's and a new path's longest
/// datagram, and the unit that congestion control counts in.
inline constexpr std::size_t kBaseDatagramBytes = 1200;
/// The longest there is, sent only where the path is known to carry it: an Ethernet jumbo frame of
/// 9,000 bytes, less the headers of IPv6 and UDP.
inline constexpr std::size_t kMaxDatagramBytes = 8952;
inline constexpr std::size_t kBaseFrameBytes = kBaseDatagramBytes - kTransportOverhead;
inline constexpr std::size_t kMaxFrameBytes = kMaxDatagramBytes - kTransportOverhead;
inline constexpr std::chrono::milliseconds kMaxAckDelay{25};
/// Two datagrams or more of so many bytes together are acknowledged at once.
inline constexpr std::size_t kAckBytes = kBaseDatagramBytes;

// --- Our own ---

/// What a channel takes from its application and keeps until it is acknowledged (cost, as the
/// windows count it); beyond, the application is told no.
inline constexpr std::size_t kMaxQueuedTalk = std::size_t{128} * 1024;
inline constexpr std::size_t kMaxQueuedBulk = std::size_t{512} * 1024;
/// Ranges of received numbers a channel remembers; the oldest are forgotten.
inline constexpr std::size_t kMaxAckRanges = 64;
/// Datagrams a channel remembers as sent: those in flight, and those lost whose ack may come late.
inline constexpr std::size_t kMaxSentPackets = 4096;
/// The whole interval between two probes, however often it has doubled.
inline constexpr std::chrono::seconds kMaxProbeTimeout{3};

/// The largest datagram looked at. Simple clients send whole buffers with stale bytes after the
/// text, so this is far above what a text needs; anything longer is dropped and counted.
inline constexpr std::size_t kMaxReceiveBytes = kMaxDatagramBytes;

/// How long spoke waits for a reply, and how often it sends a login before it gives up.
inline constexpr std::chrono::seconds kReplyTimeout{3};
inline constexpr int kLoginSends = 3;

/// Retrieve replies leave in bursts of this many, this far apart: a burst and the forwards beside
/// it fit the default receive buffer of a Linux UDP socket (212,992 bytes, about 270 small
/// datagrams).
inline constexpr std::size_t kRetrieveBurst = 50;
inline constexpr std::chrono::milliseconds kRetrievePause{5};

/// What a connection with nothing in flight may take in the hub's memory.
inline constexpr std::size_t kMaxIdleConnectionBytes = 432;
/// The same with what the hub knows of the connection; its session comes on top.
inline constexpr std::size_t kMaxIdleLinkBytes = 456;

/// What a catch-up leaves out is counted up to here; beyond, it is "more than".
inline constexpr std::uint32_t kMaxCountedEarlier = 10'000;
/// Posts that one page of a retrieve brings (sealed).
inline constexpr std::uint32_t kRetrievePage = 100;

/// Posts of history that one page of a catch-up looks at, and posts it brings.
inline constexpr std::uint32_t kCatchUpScan = 4096;
inline constexpr std::uint32_t kCatchUpPage = 16;

/// Verifiers are made within these bounds; a hub's own parameters lie between them.
inline constexpr std::uint64_t kMinKdfMemory =
    8ull * 1024;  // libsodium's minimum; tests and benches
inline constexpr std::uint64_t kMaxKdfMemory = 256ull * 1024 * 1024;
inline constexpr std::uint64_t kDefaultKdfMemory = 64ull * 1024 * 1024;
inline constexpr std::uint32_t kMinKdfPasses = 1;
inline constexpr std::uint32_t kMaxKdfPasses = 10;
inline constexpr std::uint32_t kDefaultKdfPasses = 2;

/// Rows of one page of a listing over the control socket.
inline constexpr std::uint32_t kControlPageRows = 500;
inline constexpr std::size_t kMaxControlLineBytes = std::size_t{256} * 1024;

static_assert(kClassicMaxPayloadBytes <= 0xFF, "the classic length is one byte");
static_assert(kClassicHeaderBytes + kMaxTextBytes + kMaxClientIdBytes + 2 < kMaxReceiveBytes);
static_assert(kResetBytes < kTransportOverhead + 1, "a reset is shorter than its trigger");
static_assert(kClassicMaxRetrieve <= kMaxRetrieve);
static_assert(kRetrieveBurst <= kClassicMaxRetrieve);
static_assert(kMaxMessageBytes + 1 + 8 + 8 + 2 <= kMaxFrameBytes, "a message fits one datagram");
static_assert(kMinKdfMemory <= kDefaultKdfMemory && kDefaultKdfMemory <= kMaxKdfMemory);
static_assert(kMinClientKdfMemory <= kDefaultKdfMemory && kMinClientKdfPasses <= kDefaultKdfPasses,
              "a client accepts what a hub asks for by default");
static_assert(kMinKdfMemory <= kMinClientKdfMemory && kMinKdfPasses <= kMinClientKdfPasses);

}  // namespace hub
