/*
 * libpangea_ces: CES blocks for programs in any language that can call C.
 *
 * ces_process compresses (one zstd frame), seals (XChaCha20-Poly1305) and cuts in 8 data and 4 parity shards;
 * ces_reconstruct gives the bytes back from any 8 of the 12. The bytes of a block stand in schema/ces-block.md.
 *
 * Rules
 *  - Bad arguments and damaged shards are answered, never a crash: by NULL, by an empty CesShards or by success == 0.
 *    ces_last_error says why. What cannot be told from good arguments are pointers to memory that is not there,
 *    lengths that are too large for their memory, and anything freed twice. Where memory runs out the process ends.
 *  - A handle may be used by any number of threads at once; nothing may use it any more when it is freed.
 *    A call works on the thread that made it and starts no other.
 *  - What ces_process and ces_reconstruct return belongs to the caller, who gives it back by the ces_free_ function
 *    named there: whole and unchanged, on any thread, also after ces_free. Never by free().
 *  - Arguments are only read, and only during the call.
 *  - The key is wiped by ces_free, and what calls left of it on the stack before they return. Plaintext is not wiped.
 *  - Limits: 64 MiB of data in a block. A block that declares or turns out to hold more is refused.
 */
#ifndef PANGEA_CES_H
#define PANGEA_CES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	CES_DATA_SHARDS = 8,
	CES_TOTAL_SHARDS = 12, /* data first, then parity */
	CES_KEY_BYTES = 32,
	CES_MAX_DATA_BYTES = 64 * 1024 * 1024
};

/* A key and a compression level. Callers that declare it as void * are right too. */
typedef struct CesHandle CesHandle;

/* On LP64: 16 bytes, data at 0, len at 8. */
typedef struct {
	uint8_t *data;
	size_t len;
} CesShard;

/* On LP64: 16 bytes, shards at 0, count at 8. Passed and returned by value. */
typedef struct {
	CesShard *shards; /* NULL when the call failed */
	size_t count;     /* CES_TOTAL_SHARDS, or 0 when the call failed */
} CesShards;

/* On LP64: 32 bytes, success at 0, error_msg at 8, data at 16, data_len at 24. Passed and returned by value. */
typedef struct {
	uint8_t success; /* 1 or 0 */
	char *error_msg; /* NULL, or "CODE: message" in UTF-8 when success is 0 */
	uint8_t *data;   /* NULL when success is 0; otherwise not NULL, even when there are no bytes */
	size_t data_len;
} CesResult;

/*
 * A handle with a random key of its own, which never leaves it: only this handle opens what it makes.
 * `level` is a zstd level. 0 is zstd's own choice, 3; others are taken as the nearest of 1 to 22.
 * NULL when the system gives no randomness, or no implementation here passes its self-test.
 */
CesHandle *ces_new(int level);

/* The same with the caller's key of 32 bytes, which is copied. NULL also when `key` is NULL. */
CesHandle *ces_new_with_key(int level, const uint8_t key[32]);

/* Wipes the key and gives the handle back. NULL is allowed. */
void ces_free(CesHandle *handle);

/*
 * Twelve shards of one length; give them back by ces_free_shards. `data` may be NULL only when `len` is 0.
 * The same data gives other shards each time: the nonce is random.
 */
CesShards ces_process(const CesHandle *handle, const uint8_t *data, size_t len);

/*
 * The data out of `count` shards, at most 12, each at its own place; places from `count` on count as missing.
 * Shard i is used when present[i] is not 0, and must have bytes then. Give the result back by ces_free_result,
 * whether or not it succeeded. Codes: CORRUPT, NOT_ENOUGH_SHARDS, TOO_LARGE, INTERNAL (bad arguments and bugs).
 * A shard with damaged bytes is not told from others: the block does not open, and the caller may try without it.
 */
CesResult ces_reconstruct(const CesHandle *handle, const CesShard *shards, size_t count, const int *present);

/* Frees what the result points to. One that is all zero is allowed. */
void ces_free_result(CesResult result);

/* Frees all shards at once. An empty one (NULL, 0) is allowed. */
void ces_free_shards(CesShards shards);

/* Why this thread's last call failed, as "CODE: message"; NULL when it did not. Valid until its next call. */
const char *ces_last_error(void);

/* Version of the library. */
const char *ces_version(void);

#ifdef __cplusplus
}
#endif

#endif
