/* server/http.h - servers whose connections speak HTTP. */
#ifndef LC_BINDING_SERVER_HTTP_H
#define LC_BINDING_SERVER_HTTP_H

#include <lua.h>

#include "server/box.h"

/* Connections that are accepted from now on speak HTTP, by the options in the table at `index`. Raises when the server
 * has connections already. */
void server_speak_http(lua_State *L, server_box *box, int index);
/* Requests that are over, and those at work. */
void http_services_count(const server_box *box, uint64_t *served, uint64_t *failed,
                         uint64_t *in_flight);
void http_services_forget(server_box *box); /* the script's functions */
void http_services_free(server_box *box);

#endif
