/* step.h - what the steps share: how a line is begun and ended. */
#ifndef STEP_H
#define STEP_H

#include "scene.h"

void scene_put(scene *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void scene_put_events(scene *s, uint32_t events);
const char *scene_name(const scene *s, int fd); /* of a descriptor */
const char *scene_code(ssize_t code);

void scene_rest(scene *s); /* the network comes to rest */
/* The line's end, and the step's: a failure by its name, else the result, which it gives. */
int scene_end(scene *s, int result);
/* The same for a call that gave a descriptor. */
int scene_opened(scene *s, int fd, const char *name);

/* Descriptors that are to be closed when the scene ends, or are now. */
void scene_remember(scene *s, int fd, const char *name);
int scene_close(scene *s, int fd);

lc_address scene_address(const scene *s, int fd); /* its own */

#endif
