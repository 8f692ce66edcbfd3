/* What the parts of the C test program share. */
#ifndef CABI_TEST_PROGRAM_H
#define CABI_TEST_PROGRAM_H

#include "pangea_ces.h"

/* Ends the program with the line that does not hold. */
#define MUST(condition) ((condition) ? (void)0 : fail(#condition, __FILE__, __LINE__))

_Noreturn void fail(const char *condition, const char *file, int line);

void check_arguments(void);
void check_loops(long rounds);
void check_threads(void);
/* Whether the key is found while the handle lives, and nowhere in this process after it is freed. */
void check_key_is_wiped(void);

#endif
