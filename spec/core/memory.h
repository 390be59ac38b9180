/* memory.h - makes one allocation of the library fail, or all from there on.
 *
 * The linker hands every malloc, calloc, realloc and free of the C tests and of the
 * library inside them to memory.c (-Wl,--wrap); libc's own are left alone.
 */
#ifndef MEMORY_H
#define MEMORY_H

void memory_fail(unsigned nth, unsigned times); /* the nth allocation from now on, from 1 */
void memory_well(void);
unsigned memory_failed(void); /* how many did, since memory_fail */
long memory_live(void);       /* pieces allocated and not freed */

#endif
