// Judges a run by what could be seen of it. What is checked, exactly:
//
// Of the database, by the journal that its triggers kept:
//   sound     SQLite and `hubadmin check` find nothing wrong with it.
//   once      No text is in a history twice. (Everybody types each text once.)            P4
//   kept      A post whose ack was printed is there. A restore is the exception: what it
//             undid was there before.                                            P1, P2, P3
//   refused   A post whose refusal was printed is not there, other than "store_failed",
//             which says that nobody knows. (Unless the client's machine lost power later, or its
//             files were rewound: it may have forgotten the refusal, and then asks again.)
//   order     The posts of one client stand in the order in which they were typed. (Unless its
//             files were rewound: what it had forgotten may come back.)
//   follows   A "subscribe_ack#successful" was true at some time between asking and ack; an
//             "unsubscribe_ack#successful" undid a follow in that time, a failed one found none.
//             Taken together, unfollows were done as often as their acks say.             P4
//   silence   Nobody posts while disabled.                                               P23
//
// Of each client, against that journal. A post is due to an account if it was committed while the
// account followed its author.
//   invented  Every post shown is in the history.                                    P2, P5
//   not due   It is due. After an "unsubscribe_ack#successful" none of before is shown.
//   repeated  It is shown once: again only right after the client was killed, and then only what
//             it showed in its last turn, with one datagram, since it had not kept its mark yet; or
//             after its machine lost power, its files were rewound or its disk was full, also
//             before a restore, which may set it back further.                           P5
//   disorder  Posts are shown in the order of the history. (What its author's being disabled kept
//             from a client may come when that is over, and so after newer ones, where a client
//             goes on from an older mark.)                                               P5
//   gap       Every due post is shown, unless before anything newer was shown it was deleted, its
//             author unfollowed or disabled, or the client became a new one, which begins with
//             what comes then; or it is among the oldest of many, and the client was told that so
//             many are left out.                                                         P5
//   ended     Two seconds after an account was disabled (a network may take nearly one), nothing
//             is shown to it until it is enabled.                                        P23
//   taken back  Two seconds after the hub said that a post was deleted, or its author disabled, it
//             is shown to nobody; unless it was handed to a connection before, on a network that
//             did not work.
//   past      The last retrieve brings the newest posts of those followed, newest first.
//
//   forgetful A client never finds that its hub knows more of its device than its own files do,
//             a loss of power or not. (Unless its files were rewound or its disk was full, the
//             database was put back, or a device of that account made room or was forgotten.)   P4
//
// Of all together:
//   back      Where the network loses nothing, a client that had a session when the hub went down,
//             and that nothing happened to, has one again within five seconds of the hub's being
//             up. (Nothing: it did not move since it logged in, was not cut off, nor ended or
//             logged out.)                                                                       P8
//   rest      When all trouble is over, everybody comes to rest within three minutes: logged in,
//             nothing unanswered.
//
// A restore begins the history anew: before it is one run that ends without warning, after it
// another, in which clients begin with what comes when they are back.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/whole_history.hpp"

namespace hub::test {

struct Violation {
  std::string check;  // its name above
  std::string what;   // a sentence
  int client = -1;
  Duration at{};
  std::string text;  // of the post that it is about
};

/// In no particular order; empty is good.
std::vector<Violation> judge(const History& history);

}  // namespace hub::test
