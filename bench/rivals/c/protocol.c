#include "protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int parse_string(const char **at, char *out, size_t room)
{
	const char *p = *at;
	size_t length = 0;
	if (*p++ != '"')
		return 0;
	while (*p != '"') {
		if (*p == '\\') {
			p++;
			if (*p != '"' && *p != '\\' && *p != '/')
				return 0; /* no path of the harness needs more */
		}
		if ((unsigned char)*p < 0x20 || length + 1 >= room)
			return 0;
		out[length++] = *p++;
	}
	out[length] = 0;
	*at = p + 1;
	return 1;
}

static const char *skip_space(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
		p++;
	return p;
}

/* A flat object of strings and numbers; fields that nobody here knows are passed over. */
static int parse_request(const char *p, struct request *request)
{
	char name[64], text[4096];
	memset(request, 0, sizeof *request);
	request->rounds = 1;
	request->round_ms = 20;
	request->threads = 1;
	p = skip_space(p);
	if (*p++ != '{')
		return 0;
	for (p = skip_space(p); *p != '}'; p = skip_space(p)) {
		double number = 0;
		int is_text;
		if (!parse_string(&p, name, sizeof name))
			return 0;
		p = skip_space(p);
		if (*p++ != ':')
			return 0;
		p = skip_space(p);
		is_text = *p == '"';
		if (is_text) {
			if (!parse_string(&p, text, sizeof text))
				return 0;
		} else {
			char *end;
			number = strtod(p, &end);
			if (end == p)
				return 0;
			p = end;
		}
		if (is_text && !strcmp(name, "op"))
			snprintf(request->op, sizeof request->op, "%.31s", text);
		else if (is_text && !strcmp(name, "file"))
			snprintf(request->file, sizeof request->file, "%s", text);
		else if (is_text && !strcmp(name, "kernel"))
			snprintf(request->kernel, sizeof request->kernel, "%.31s", text);
		else if (!is_text && !strcmp(name, "bytes"))
			request->bytes = number >= 1 && number <= 1 << 30 ? (size_t)number : 0;
		else if (!is_text && !strcmp(name, "rounds"))
			request->rounds = number >= 1 && number <= MAX_ROUNDS ? (long)number : 0;
		else if (!is_text && !strcmp(name, "roundMs"))
			request->round_ms = number;
		else if (!is_text && !strcmp(name, "threads"))
			request->threads = (long)number;
		p = skip_space(p);
		if (*p == ',')
			p++;
		else if (*p != '}')
			return 0;
	}
	return request->op[0] != 0;
}

int next_request(struct request *request)
{
	static char line[16384];
	while (fgets(line, sizeof line, stdin)) {
		if (*skip_space(line) == 0)
			continue;
		if (!parse_request(line, request))
			reply_error("the line is no request");
		else if (!strcmp(request->op, "hello"))
			return 1;
		else if (request->bytes == 0 || request->rounds == 0)
			reply_error("bytes or rounds are missing or out of range");
		else if (request->threads != 1)
			reply_error("this program runs on one thread");
		else
			return 1;
	}
	return 0;
}

void reply_error(const char *message)
{
	printf("{\"error\":\"%s\"}\n", message);
	fflush(stdout);
}

void reply_hello(const char *name, const char *version, const char *language, const char *detail, const char *ops_json)
{
	printf("{\"name\":\"%s\",\"version\":\"%s\",\"language\":\"%s\",\"detail\":\"%s\",\"ops\":%s}\n", name, version, language, detail, ops_json);
	fflush(stdout);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double round_rate(const struct subject *subject, double seconds)
{
	double spent = 0;
	size_t calls = 0;
	do {
		if (subject->prepare)
			subject->prepare(subject->state);
		double start = now();
		subject->call(subject->state);
		spent += now() - start;
		calls++;
	} while (spent < seconds);
	return (double)subject->data_bytes * (double)calls / spent;
}

void reply_measured(const struct request *request, const struct subject *subject, void (*check)(void *state, char out[17]))
{
	char hash[17] = "";
	round_rate(subject, 0);
	printf("{\"rates\":[");
	for (long round = 0; round < request->rounds; round++)
		printf("%s%.0f", round ? "," : "", round_rate(subject, request->round_ms / 1000));
	if (check)
		check(subject->state, hash);
	printf("],\"check\":\"%s\"}\n", hash);
	fflush(stdout);
}

int read_data(const char *file, uint8_t *out, size_t bytes)
{
	FILE *in = fopen(file, "rb");
	size_t got = in ? fread(out, 1, bytes, in) : 0;
	if (in)
		fclose(in);
	if (got == bytes)
		return 1;
	reply_error(in ? "the file is too short" : "the file cannot be opened");
	return 0;
}

uint8_t *take_memory(size_t bytes)
{
	void *memory;
	if (posix_memalign(&memory, 4096, bytes ? bytes : 1) != 0) {
		fprintf(stderr, "no memory for %zu bytes\n", bytes);
		exit(1);
	}
	memset(memory, 0, bytes);
	return memory;
}

#define PRIME_1 UINT64_C(0x9E3779B185EBCA87)
#define PRIME_2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define PRIME_3 UINT64_C(0x165667B19E3779F9)
#define PRIME_4 UINT64_C(0x85EBCA77C2B2AE63)
#define PRIME_5 UINT64_C(0x27D4EB2F165667C5)

static uint64_t rotate(uint64_t value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static uint64_t lane(uint64_t sum, uint64_t input)
{
	return rotate(sum + input * PRIME_2, 31) * PRIME_1;
}

static uint64_t little_endian(const uint8_t *p, int bytes)
{
	uint64_t value = 0;
	for (int i = 0; i < bytes; i++)
		value |= (uint64_t)p[i] << (8 * i);
	return value;
}

/* After the specification of XXH64. */
void xxhash64_hex(const uint8_t *p, size_t length, char out[17])
{
	const uint8_t *end = p + length;
	uint64_t hash = PRIME_5;
	if (length >= 32) {
		uint64_t sums[4] = { PRIME_1 + PRIME_2, PRIME_2, 0, 0 - PRIME_1 };
		for (; end - p >= 32; p += 32)
			for (int i = 0; i < 4; i++)
				sums[i] = lane(sums[i], little_endian(p + 8 * i, 8));
		hash = rotate(sums[0], 1) + rotate(sums[1], 7) + rotate(sums[2], 12) + rotate(sums[3], 18);
		for (int i = 0; i < 4; i++)
			hash = (hash ^ lane(0, sums[i])) * PRIME_1 + PRIME_4;
	}
	hash += length;
	for (; end - p >= 8; p += 8)
		hash = rotate(hash ^ lane(0, little_endian(p, 8)), 27) * PRIME_1 + PRIME_4;
	for (; end - p >= 4; p += 4)
		hash = rotate(hash ^ little_endian(p, 4) * PRIME_1, 23) * PRIME_2 + PRIME_3;
	for (; p < end; p++)
		hash = rotate(hash ^ *p * PRIME_5, 11) * PRIME_1;
	hash = (hash ^ hash >> 33) * PRIME_2;
	hash = (hash ^ hash >> 29) * PRIME_3;
	hash ^= hash >> 32;
	snprintf(out, 17, "%016llx", (unsigned long long)hash);
}
