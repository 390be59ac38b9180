/* lastcall/state.h - the states of a connection, and the steps of a shutdown. */
#ifndef LASTCALL_STATE_H
#define LASTCALL_STATE_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lc_conn lc_conn;
typedef struct lc_server lc_server;

/*  new ----> active <----> idle        new: accepted, no byte received yet
 *   |  \       |            |          active: the embedder has work to do for it
 *   |   `------+----.-------'          idle: between two requests
 *   v               v                  closing: we have finished, the peer has not
 * closed <------ closing               closed: the descriptor is gone
 * (An abort or a reset leads from any state to closed. New may become idle.) */
typedef enum lc_state {
  LC_STATE_NEW,
  LC_STATE_ACTIVE,
  LC_STATE_IDLE,
  LC_STATE_CLOSING,
  LC_STATE_CLOSED,
  LC_STATES
} lc_state;
const char *lc_state_name(lc_state state);

/* The ladder of a shutdown, in order. A server has the steps LC_STEP_STOP to LC_STEP_KILL and
 * LC_STEP_DONE; the process has all. */
typedef enum lc_step {
  LC_STEP_SERVING,
  LC_STEP_UNREADY,
  LC_STEP_STOP,
  LC_STEP_DRAIN,
  LC_STEP_CANCEL,
  LC_STEP_KILL,
  LC_STEP_HOOKS,
  LC_STEP_DONE,
  LC_STEPS
} lc_step;
const char *lc_step_name(lc_step step);

#ifdef __cplusplus
}
#endif

#endif
