/* lastcall.h - the whole public interface of liblastcall, in parts by concept (lastcall/).
 *
 * lastcall is the part of a TCP (or unix-domain stream) server that ends it with
 * care. It stops listening without losing a client, lets clients finish, ends on
 * time whatever a peer does, and reports which peers were slow.
 *
 * Threads. A loop and everything made from it belong to the thread that turns
 * it. Only lc_loop_wake may be called from other threads. Several loops may live
 * in one process. What they share belongs to the process itself: its signal
 * handlers, how many sockets listen, whether it has forked.
 *
 * Callbacks run inside lc_loop_turn only, never inside the call that caused
 * them: they run later in this turn or in the next. The exceptions are `state`,
 * which runs while the move is made, and `notice`. A callback may call anything but
 * lc_loop_turn and lc_loop_free. It may call lc_server_free and
 * lc_shutdown_free at LC_STEP_DONE only.
 *
 * Results. Functions that can fail return 0 or a positive result, or a negative
 * code: one of lastcall/code.h, or another -errno. Times are nanoseconds on the
 * monotonic clock (lc_time); sizes are bytes.
 *
 * Ownership. What lc_x_new makes, lc_x_free frees. Connections are counted: the
 * library holds one reference while the descriptor is open, and the embedder
 * takes more with lc_conn_ref. A closed connection stays readable (its state,
 * peer, verdict, statistics, buffered bytes) as long as the embedder holds it,
 * even when server and loop are gone. Options and settings are copied; event
 * tables and `cause` strings are not, and must outlive what they are given to.
 */
#ifndef LASTCALL_H
#define LASTCALL_H

#define LC_VERSION "0.1.0"

#include "lastcall/address.h"
#include "lastcall/close.h"
#include "lastcall/code.h"
#include "lastcall/conn.h"
#include "lastcall/descriptor.h"
#include "lastcall/events.h"
#include "lastcall/file.h"
#include "lastcall/http.h"
#include "lastcall/http_client.h"
#include "lastcall/http_service.h"
#include "lastcall/kernel.h"
#include "lastcall/loop.h"
#include "lastcall/options.h"
#include "lastcall/passing.h"
#include "lastcall/poll.h"
#include "lastcall/read.h"
#include "lastcall/ready.h"
#include "lastcall/report.h"
#include "lastcall/resolve.h"
#include "lastcall/server.h"
#include "lastcall/settings.h"
#include "lastcall/shutdown.h"
#include "lastcall/state.h"
#include "lastcall/subprocess.h"
#include "lastcall/time.h"
#include "lastcall/timer.h"
#include "lastcall/turn.h"
#include "lastcall/watchdog.h"
#include "lastcall/websocket.h"
#include "lastcall/websocket_conn.h"
#include "lastcall/write.h"

#endif
