/* The rivals' side of bench/protocol.ts for programs in C: one request a line in, one reply a line out. */
#ifndef PANGEA_RIVAL_PROTOCOL_H
#define PANGEA_RIVAL_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

enum { DATA_ROWS = 8, PARITY_ROWS = 4, MAX_ROUNDS = 10000 };

struct request {
	char op[32];
	char file[4096];
	char kernel[32]; /* empty: the best of the machine */
	size_t bytes;
	long rounds;
	double round_ms;
	long threads;
};

/* What one kind of call works on; `prepare` (may be NULL) brings back what `call` used up, and is not timed. */
struct subject {
	void (*prepare)(void *state);
	void (*call)(void *state);
	void *state;
	size_t data_bytes; /* bytes of data that one call works on */
};

/* The next request: 1, or 0 at the end of input. Lines that are no request are answered here. */
int next_request(struct request *request);
/* Warms up, measures, and replies; `check` is asked for behind the last round. */
void reply_measured(const struct request *request, const struct subject *subject, void (*check)(void *state, char out[17]));
void reply_error(const char *message);
void reply_hello(const char *name, const char *version, const char *language, const char *detail, const char *ops_json);

/* `bytes` bytes of `file` at `out`: 1, or 0 after an error reply. */
int read_data(const char *file, uint8_t *out, size_t bytes);
/* Memory that starts on a page, touched. Ends the program where there is none. */
uint8_t *take_memory(size_t bytes);
/* xxhash64 with seed 0, as 16 hexadecimal digits. */
void xxhash64_hex(const uint8_t *bytes, size_t length, char out[17]);

#endif
