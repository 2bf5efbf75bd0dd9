// A counter beside every drop and every queue. The names here are the names `hubadmin stats`
// prints. Owned by the reactor thread; passed by reference; read and written there only.
#pragma once

#include <cstdint>
#include <string_view>

namespace hub::server {

// clang-format off
#define HUB_COUNTERS(X)                                                                          \
  X(datagrams_received)          /* all of them, also those dropped below */                     \
  X(datagrams_sent)                                                                              \
  X(send_failures)               /* the kernel refused a datagram: no route, full buffer */      \
  X(datagrams_too_long)          /* ... longer than the network carries: a probe, mostly */      \
  X(drop_short)                  /* fewer than 12 bytes */                                       \
  X(drop_oversized)                                                                              \
  X(drop_bad_magic)                                                                              \
  X(drop_classic_refused)        /* --classic does not admit this source */                      \
  X(drop_empty_payload)          /* a request that needs a payload and has none */               \
  X(drop_bad_text)               /* not UTF-8, control characters, too long */                   \
  X(drop_server_opcode)          /* a server's message from somebody without a session */        \
  X(drop_unauthenticated_rate)   /* an answer withheld: its source prefix asks too fast */       \
  X(drop_sealed_malformed)       /* below 0x20, and no message of the sealed framing */          \
  X(drop_bad_cookie)             /* a hello with a cookie that is not ours, or too old */        \
  X(drop_bad_hello)              /* a hello that does not authenticate */                        \
  X(drop_half_open_full)         /* too many handshakes wait for their client */                 \
  X(drop_strangers)              /* too many connections without a login, of one prefix */       \
  X(drop_forged)                 /* a datagram that does not authenticate */                     \
  X(drop_replayed)               /* a datagram seen before */                                    \
  X(drop_login_throttled)        /* too many tries at an account from one prefix */              \
  X(drop_resume_again)           /* another try on a connection whose resume failed */           \
  X(drop_login_rate)             /* a login withheld for the same reason */                      \
  X(drop_login_repeat)           /* the same login again while the first is being checked */     \
  X(drop_busy_login)             /* the stretching pool's inbox is full */                       \
  X(drop_busy_store)             /* the store's inbox is full */                                 \
  X(drop_busy_reader)            /* the reader's inbox is full */                                \
  X(drop_post_rate)              /* a classic session posts faster than its cap */               \
  X(sessions_paced)              /* ... a sealed one: what it asks is left unread for a while */ \
  X(drop_retrieve_queue)         /* more retrieves at once than a session may wait for */        \
  X(drop_sessions_full)                                                                          \
  X(drop_store_failed)           /* the store refused: full or failing disk */                   \
  X(drop_unknown_reset)          /* a session reset that fits no session */                      \
  X(drop_pending_forward)        /* a forward behind a retrieve run, over the cap */             \
  X(forward_forgotten)           /* oldest unacknowledged forward, over the cap */               \
  X(forward_ack_unknown)         /* an ack for a forward that is not outstanding: ignored */     \
  X(hellos_welcomed)                                                                             \
  X(cookies_asked)               /* a hello was to prove its address first */                    \
  X(versions_refused)            /* a hello of another version */                                \
  X(key_answers_sent)            /* our keys, to who asked or had another one */                 \
  X(stateless_resets_sent)       /* for connections that are not ours, or no more */             \
  X(closes_sent_again)           /* why a connection was ended, to who still speaks to it */     \
  X(connections_opened)                                                                          \
  X(connections_violated)        /* closed: the peer broke the protocol */                       \
  X(connections_overrun)         /* closed: it asks and does not listen */                       \
  X(connections_busy)            /* closed: a repeated request that could not be looked up */    \
  X(strangers_timed_out)         /* nobody logged in */                                          \
  X(sessions_fell_behind)        /* too slow for what was posted: catches up from the store */   \
  X(retrieve_pages_from_memory)  /* sealed: answered without asking the store */                 \
  X(retrieve_pages_read)         /* ... read from the store */                                   \
  X(catch_up_pages)                                                                              \
  X(catch_ups_cut)               /* more was missed than is forwarded: the rest is counted */    \
  X(must_login_first_sent)                                                                       \
  X(logins_ok)                                                                                   \
  X(logins_failed)                                                                               \
  X(resumes_ok)                  /* devices that came back without a password */                 \
  X(resumes_failed)                                                                              \
  X(sessions_timed_out)                                                                          \
  X(sessions_replaced)                                                                           \
  X(sessions_reset_by_client)                                                                    \
  X(sessions_reset_spurious)     /* unknown opcode or a server's opcode in a live session */     \
  X(posts_committed)                                                                             \
  X(requests_repeated)           /* asked again under their number: not done again */            \
  X(progress_saved)              /* marks and addresses told to the store between times */       \
  X(forwards_sent)                                                                               \
  X(forwards_acknowledged)                                                                       \
  X(retrieves_served)
// clang-format on

struct Counters {
#define HUB_COUNTER_FIELD(name) std::uint64_t name = 0;
  HUB_COUNTERS(HUB_COUNTER_FIELD)
#undef HUB_COUNTER_FIELD
};

/// Calls `visit(std::string_view name, std::uint64_t value)` for each, in the order above.
template <typename Visitor>
void for_each_counter(const Counters& counters, Visitor&& visit) {
#define HUB_COUNTER_VISIT(name) visit(std::string_view(#name), counters.name);
  HUB_COUNTERS(HUB_COUNTER_VISIT)
#undef HUB_COUNTER_VISIT
}

}  // namespace hub::server
