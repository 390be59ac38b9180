/* http/methods.h - HTTP for the Lua modules. */
#ifndef LC_BINDING_HTTP_METHODS_H
#define LC_BINDING_HTTP_METHODS_H

#include <lua.h>

typedef struct runtime runtime;

void http_open(lua_State *L, runtime *rt);            /* all, into the table at the top */
void http_open_headers(lua_State *L, runtime *rt);    /* the types */
void http_open_reply_head(lua_State *L, runtime *rt); /* into that table */
void http_open_fields(lua_State *L, runtime *rt);
void http_open_reply_body(lua_State *L, runtime *rt);
void http_open_request(lua_State *L, runtime *rt); /* the type; its methods into that table */
void http_open_body(lua_State *L, runtime *rt); /* methods of requests, into the table at the top */
void http_open_upgrade(lua_State *L, runtime *rt); /* likewise */
void http_open_serving(lua_State *L, runtime *rt); /* into that table */
void http_open_stream(lua_State *L, runtime *rt);  /* likewise */
void http_open_file(lua_State *L, runtime *rt);    /* likewise */
void http_open_files(lua_State *L, runtime *rt);   /* likewise */
void http_open_response(lua_State *L, runtime *rt);
void http_open_websocket(lua_State *L, runtime *rt);
void http_open_broadcast(lua_State *L, runtime *rt);

/* The end of a turn of the loop: what its requests have shared goes. */
void http_end_turn(runtime *rt);

#endif
