/* runtime/descriptors.h - the limit of descriptors, raised for the time of a run. */
#ifndef LC_BINDING_RUNTIME_DESCRIPTORS_H
#define LC_BINDING_RUNTIME_DESCRIPTORS_H

#include <lua.h>

typedef struct runtime runtime;

void descriptors_open(lua_State *L, runtime *rt);
void descriptors_put_back(runtime *rt);
int descriptors_before(void); /* the limit before it was raised; 0: it is not raised */

#endif
