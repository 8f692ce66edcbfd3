/*
 * The C interface from C. `program encode KEYHEX LEVEL` and `program decode KEYHEX LOST,LOST…` turn stdin into stdout
 * (shards are written one after the other); `program check`, `loops N`, `threads` and `wiped` test what they name;
 * `leak` leaks on purpose, to prove that a leak would be found.
 */
#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fail(const char *condition, const char *file, int line)
{
	const char *error = ces_last_error();
	fprintf(stderr, "%s:%d: %s does not hold (last error: %s)\n", file, line, condition, error ? error : "none");
	exit(1);
}

static uint8_t *read_all(size_t *length)
{
	size_t room = 1 << 20;
	uint8_t *bytes = malloc(room);
	*length = 0;
	MUST(bytes != NULL);
	for (;;) {
		size_t got = fread(bytes + *length, 1, room - *length, stdin);
		*length += got;
		if (got == 0)
			return bytes;
		if (*length == room) {
			room *= 2;
			bytes = realloc(bytes, room);
			MUST(bytes != NULL);
		}
	}
}

static CesHandle *handle_of(const char *key_hex, int level)
{
	uint8_t key[CES_KEY_BYTES];
	MUST(strlen(key_hex) == 2 * sizeof key);
	for (size_t i = 0; i < sizeof key; i++) {
		unsigned value;
		MUST(sscanf(key_hex + 2 * i, "%2x", &value) == 1);
		key[i] = (uint8_t)value;
	}
	CesHandle *handle = ces_new_with_key(level, key);
	MUST(handle != NULL);
	return handle;
}

static void encode(const char *key_hex, int level)
{
	CesHandle *handle = handle_of(key_hex, level);
	size_t length;
	uint8_t *data = read_all(&length);
	CesShards made = ces_process(handle, data, length);
	MUST(made.count == CES_TOTAL_SHARDS);
	for (size_t i = 0; i < made.count; i++)
		MUST(fwrite(made.shards[i].data, 1, made.shards[i].len, stdout) == made.shards[i].len);
	ces_free_shards(made);
	ces_free(handle);
	free(data);
}

static void decode(const char *key_hex, const char *lost)
{
	CesHandle *handle = handle_of(key_hex, 3);
	size_t length;
	uint8_t *bytes = read_all(&length);
	CesShard shards[CES_TOTAL_SHARDS];
	int present[CES_TOTAL_SHARDS];
	for (size_t i = 0; i < CES_TOTAL_SHARDS; i++) {
		shards[i] = (CesShard){ bytes + i * (length / CES_TOTAL_SHARDS), length / CES_TOTAL_SHARDS };
		present[i] = 1;
	}
	for (char *end; *lost; lost = *end ? end + 1 : end) {
		long row = strtol(lost, &end, 10);
		MUST(row >= 0 && row < CES_TOTAL_SHARDS);
		present[row] = 0;
		shards[row] = (CesShard){ NULL, 0 };
	}
	CesResult opened = ces_reconstruct(handle, shards, CES_TOTAL_SHARDS, present);
	if (!opened.success) {
		fprintf(stderr, "%s\n", opened.error_msg);
		exit(2);
	}
	MUST(fwrite(opened.data, 1, opened.data_len, stdout) == opened.data_len);
	ces_free_result(opened);
	ces_free(handle);
	free(bytes);
}

/* In a frame that is overwritten by those of the check below. */
static __attribute__((noinline)) void leak_here(void)
{
	for (int i = 0; i < 100; i++)
		MUST(ces_new(3) != NULL);
}

static void leak(void)
{
	leak_here();
	check_loops(1);
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	if (!strcmp(command, "encode") && argc == 4)
		encode(argv[2], atoi(argv[3]));
	else if (!strcmp(command, "decode") && argc == 4)
		decode(argv[2], argv[3]);
	else if (!strcmp(command, "check"))
		check_arguments();
	else if (!strcmp(command, "loops") && argc == 3)
		check_loops(atol(argv[2]));
	else if (!strcmp(command, "threads"))
		check_threads();
	else if (!strcmp(command, "wiped"))
		check_key_is_wiped();
	else if (!strcmp(command, "leak"))
		leak();
	else
		return 64;
	return 0;
}
