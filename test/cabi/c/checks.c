/* What the header promises about arguments, ownership and threads. */
#include "program.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if UINTPTR_MAX == UINT64_MAX
_Static_assert(sizeof(CesShard) == 16 && offsetof(CesShard, len) == 8, "CesShard");
_Static_assert(sizeof(CesShards) == 16 && offsetof(CesShards, count) == 8, "CesShards");
_Static_assert(sizeof(CesResult) == 32 && offsetof(CesResult, error_msg) == 8, "CesResult");
_Static_assert(offsetof(CesResult, data) == 16 && offsetof(CesResult, data_len) == 24, "CesResult");
#endif

enum { DATA_BYTES = 40000 };
static uint8_t data[DATA_BYTES];
static const int all[CES_TOTAL_SHARDS] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
static const int without_four[CES_TOTAL_SHARDS] = { 0, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1 };

static int starts_with(const char *text, const char *start)
{
	return text != NULL && strncmp(text, start, strlen(start)) == 0;
}

static void must_fail(CesResult result, const char *code)
{
	MUST(result.success == 0 && result.data == NULL && result.data_len == 0);
	MUST(starts_with(result.error_msg, code));
	MUST(strcmp(result.error_msg, ces_last_error()) == 0);
	ces_free_result(result);
}

static void must_open(CesResult result)
{
	MUST(result.success == 1 && result.error_msg == NULL && ces_last_error() == NULL);
	MUST(result.data_len == DATA_BYTES && memcmp(result.data, data, DATA_BYTES) == 0);
	ces_free_result(result);
}

static void fill(void)
{
	for (size_t i = 0; i < DATA_BYTES; i++)
		data[i] = (uint8_t)(i * i >> 5);
}

void check_arguments(void)
{
	const uint8_t key[CES_KEY_BYTES] = { 1, 2, 3 };
	const CesShards no_shards = { NULL, 0 };
	const CesResult no_result = { 0, NULL, NULL, 0 };
	fill();
	MUST(strlen(ces_version()) > 0 && ces_last_error() == NULL);

	/* Nothing where something is needed. */
	ces_free(NULL);
	ces_free_shards(no_shards);
	ces_free_result(no_result);
	MUST(ces_new_with_key(3, NULL) == NULL && starts_with(ces_last_error(), "INTERNAL: key is NULL"));
	MUST(ces_process(NULL, data, 1).shards == NULL && starts_with(ces_last_error(), "INTERNAL: handle is NULL"));

	/* Every level makes a handle. */
	const int levels[] = { INT32_MIN, -1, 0, 1, 3, 22, 23, INT32_MAX };
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		CesHandle *handle = ces_new_with_key(levels[i], key);
		CesShards made = ces_process(handle, data, 1000);
		MUST(handle != NULL && made.count == CES_TOTAL_SHARDS);
		ces_free_shards(made);
		ces_free(handle);
	}

	CesHandle *handle = ces_new_with_key(3, key), *other = ces_new(3);
	MUST(handle != NULL && other != NULL && ces_last_error() == NULL);
	MUST(ces_process(handle, NULL, 1).shards == NULL && starts_with(ces_last_error(), "INTERNAL: data is NULL"));
	MUST(ces_process(handle, data, (size_t)CES_MAX_DATA_BYTES + 1).count == 0 && starts_with(ces_last_error(), "TOO_LARGE"));
	MUST(ces_process(handle, data, SIZE_MAX).count == 0 && starts_with(ces_last_error(), "TOO_LARGE"));

	CesShards made = ces_process(handle, data, DATA_BYTES);
	MUST(made.shards != NULL && made.count == CES_TOTAL_SHARDS && ces_last_error() == NULL);
	CesShard *shards = made.shards;
	must_open(ces_reconstruct(handle, shards, made.count, all));
	must_open(ces_reconstruct(handle, shards, made.count, without_four));
	must_open(ces_reconstruct(handle, shards, CES_DATA_SHARDS, all)); /* the rest counts as missing */

	must_fail(ces_reconstruct(NULL, shards, made.count, all), "INTERNAL: handle is NULL");
	must_fail(ces_reconstruct(handle, NULL, made.count, all), "INTERNAL: shards is NULL");
	must_fail(ces_reconstruct(handle, shards, made.count, NULL), "INTERNAL: present is NULL");
	must_fail(ces_reconstruct(handle, NULL, 0, NULL), "NOT_ENOUGH_SHARDS");
	must_fail(ces_reconstruct(handle, shards, CES_DATA_SHARDS - 1, all), "NOT_ENOUGH_SHARDS");
	must_fail(ces_reconstruct(handle, shards, CES_TOTAL_SHARDS + 1, all), "INTERNAL");
	must_fail(ces_reconstruct(handle, shards, SIZE_MAX, all), "INTERNAL");
	must_fail(ces_reconstruct(other, shards, made.count, all), "CORRUPT"); /* another key */

	CesShard changed[CES_TOTAL_SHARDS];
	memcpy(changed, shards, sizeof changed);
	changed[3].data = NULL;
	must_fail(ces_reconstruct(handle, changed, made.count, all), "INTERNAL: shard 3");
	changed[3] = (CesShard){ shards[3].data, 0 };
	must_fail(ces_reconstruct(handle, changed, made.count, all), "INTERNAL: shard 3");
	changed[3] = (CesShard){ shards[3].data, SIZE_MAX };
	must_fail(ces_reconstruct(handle, changed, made.count, all), "TOO_LARGE: shard 3");
	changed[3] = (CesShard){ shards[3].data, shards[3].len - 1 };
	must_fail(ces_reconstruct(handle, changed, made.count, all), "CORRUPT");
	for (size_t at = 0; at < shards[0].len; at += 97) { /* the first shard is used here, whatever byte it is */
		shards[0].data[at] ^= 0x40;
		must_fail(ces_reconstruct(handle, shards, made.count, all), "CORRUPT");
		shards[0].data[at] ^= 0x40;
	}
	must_open(ces_reconstruct(handle, shards, made.count, all));

	/* What was given out outlives its handle. */
	ces_free(handle);
	MUST(shards[11].len == shards[0].len && shards[11].data[0] == shards[11].data[0]);
	ces_free_shards(made);

	/* Nothing is something, too. */
	CesShards empty = ces_process(other, NULL, 0);
	MUST(empty.count == CES_TOTAL_SHARDS);
	CesResult opened = ces_reconstruct(other, empty.shards, empty.count, without_four);
	MUST(opened.success == 1 && opened.data != NULL && opened.data_len == 0);
	ces_free_result(opened);
	ces_free_shards(empty);
	ces_free(other);
}

static void round_trip(const CesHandle *handle, size_t length)
{
	CesShards made = ces_process(handle, data, length);
	MUST(made.count == CES_TOTAL_SHARDS);
	CesResult opened = ces_reconstruct(handle, made.shards, made.count, without_four);
	MUST(opened.success && opened.data_len == length && memcmp(opened.data, data, length) == 0);
	ces_free_result(opened);
	must_fail(ces_reconstruct(handle, made.shards, 4, all), "NOT_ENOUGH_SHARDS");
	ces_free_shards(made);
}

void check_loops(long rounds)
{
	fill();
	for (long round = 0; round < rounds; round++) {
		CesHandle *handle = ces_new((int)(round % 6));
		MUST(handle != NULL);
		round_trip(handle, (size_t)(round * 37) % DATA_BYTES);
		ces_free(handle);
	}
}

static void *many_round_trips(void *handle)
{
	for (size_t round = 0; round < 50; round++)
		round_trip(handle, 1 + round * 311 % DATA_BYTES);
	return NULL;
}

void check_threads(void)
{
	pthread_t threads[4];
	CesHandle *handle = ces_new(3);
	fill();
	for (size_t i = 0; i < 4; i++)
		MUST(pthread_create(&threads[i], NULL, many_round_trips, handle) == 0);
	for (size_t i = 0; i < 4; i++)
		MUST(pthread_join(threads[i], NULL) == 0);
	ces_free(handle);
}
