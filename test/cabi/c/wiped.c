/*
 * Looks for the key in all memory of this process, by /proc/self/mem. The program itself keeps the key only under a
 * mask, and reads memory into one buffer that is left out of the search.
 */
#define _GNU_SOURCE
#include "program.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 20, MASK = 0xA5 };
static uint8_t masked_key[CES_KEY_BYTES];
static uint8_t buffer[BUFFER_BYTES];

static long occurrences_in(int memory, uintptr_t start, uintptr_t end)
{
	long found = 0;
	while (end - start >= CES_KEY_BYTES) {
		size_t wanted = end - start < BUFFER_BYTES ? end - start : BUFFER_BYTES;
		ssize_t got = pread(memory, buffer, wanted, (off_t)start);
		if (got < CES_KEY_BYTES)
			break; /* a page that cannot be read */
		size_t last = (size_t)got - CES_KEY_BYTES;
		for (size_t at = 0; at <= last; at++) {
			size_t same = 0;
			while (same < CES_KEY_BYTES && (buffer[at + same] ^ MASK) == masked_key[same])
				same++;
			found += same == CES_KEY_BYTES;
		}
		start += last + 1;
	}
	explicit_bzero(buffer, sizeof buffer);
	return found;
}

/* All writable memory except the buffer. */
static long occurrences(void)
{
	char line[512], access[8];
	unsigned long start, end;
	long found = 0;
	FILE *maps = fopen("/proc/self/maps", "r");
	int memory = open("/proc/self/mem", O_RDONLY);
	MUST(maps != NULL && memory >= 0);
	while (fgets(line, sizeof line, maps)) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, access) != 3 || access[1] != 'w')
			continue;
		uintptr_t from = (uintptr_t)buffer, to = from + sizeof buffer;
		if (start < to && from < end) {
			found += occurrences_in(memory, start, from < start ? start : from);
			start = to < end ? to : end;
		}
		found += occurrences_in(memory, start, end);
	}
	fclose(maps);
	close(memory);
	return found;
}

/* In a frame of its own, whose key is wiped here. */
static __attribute__((noinline)) CesHandle *make_handle(void)
{
	uint8_t key[CES_KEY_BYTES];
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = masked_key[i] ^ MASK;
	CesHandle *handle = ces_new_with_key(3, key);
	explicit_bzero(key, sizeof key);
	MUST(handle != NULL);
	return handle;
}

void check_key_is_wiped(void)
{
	static const int present[CES_TOTAL_SHARDS] = { 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	static uint8_t data[300000];
	FILE *random = fopen("/dev/urandom", "rb");
	MUST(random != NULL && fread(masked_key, 1, sizeof masked_key, random) == sizeof masked_key);
	MUST(fread(data, 1, sizeof data / 2, random) == sizeof data / 2);
	fclose(random);

	MUST(occurrences() == 0);
	CesHandle *handle = make_handle();
	MUST(occurrences() == 1); /* the search finds what is there: the handle's own, and no copy */
	for (size_t length = 0; length <= sizeof data; length = length * 3 + 100) {
		CesShards made = ces_process(handle, data, length);
		MUST(occurrences() == 1);
		CesResult opened = ces_reconstruct(handle, made.shards, made.count, present);
		MUST(opened.success && opened.data_len == length);
		MUST(occurrences() == 1);
		ces_free_result(opened);
		ces_free_shards(made);
	}
	ces_free(handle);
	MUST(occurrences() == 0);
}
