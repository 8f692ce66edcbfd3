/*
 * Intel ISA-L with our matrix: its tables take any matrix over the same field, so that parity is byte for byte ours.
 * One source for two rivals: Debian's 2.30 (shared library) and a newer one built with GFNI (static).
 * Its best case: tables made beforehand, rows on cache lines in one piece of memory.
 */
#include "protocol.h"

#include <isa-l/erasure_code.h>
#include <stdlib.h>
#include <string.h>

#ifdef RIVAL_VERSION /* built from source: 2.31 or newer */
#define RIVAL_DETAIL "ISA-L of the crate isal-sys, its own Makefile: GFNI where the machine has it"
void ec_init_tables_base(int k, int rows, unsigned char *a, unsigned char *gftbls);
#define init_plain_tables ec_init_tables_base /* ec_init_tables makes affine matrices where the machine has GFNI */
#else
#include <isa-l.h>
#define TEXT(value) #value
#define DOTTED(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)
#define RIVAL_VERSION DOTTED(ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION, ISAL_PATCH_VERSION)
#define RIVAL_DETAIL "the system's shared library; AVX-512 or AVX2 shuffle as it picks"
#define init_plain_tables ec_init_tables
#endif

enum { ROWS = DATA_ROWS + PARITY_ROWS };

static const uint8_t parity_matrix[PARITY_ROWS][DATA_ROWS] = {
	{ 26, 132, 186, 51, 231, 16, 198, 39 },
	{ 132, 26, 51, 186, 16, 231, 39, 198 },
	{ 186, 51, 26, 132, 198, 39, 231, 16 },
	{ 51, 186, 132, 26, 39, 198, 16, 231 },
};

typedef void encode(int, int, int, unsigned char *, unsigned char **, unsigned char **);

struct coding {
	encode *encode;
	int bytes;
	int outputs;
	uint8_t *in[DATA_ROWS];
	uint8_t *out[PARITY_ROWS];
	uint8_t tables[32 * DATA_ROWS * PARITY_ROWS];
};

static void call(void *state)
{
	struct coding *coding = state;
	coding->encode(coding->bytes, DATA_ROWS, coding->outputs, coding->tables, coding->in, coding->out);
}

static void check(void *state, char out[17])
{
	struct coding *coding = state; /* the outputs lie in a row only when their length is a multiple of 64 */
	uint8_t *joined = take_memory((size_t)coding->bytes * (size_t)coding->outputs);
	for (int row = 0; row < coding->outputs; row++)
		memcpy(joined + (size_t)row * (size_t)coding->bytes, coding->out[row], (size_t)coding->bytes);
	xxhash64_hex(joined, (size_t)coding->bytes * (size_t)coding->outputs, out);
	free(joined);
}

/* The first `lost` rows out of the eight that follow them. */
static void decoding_matrix(int lost, uint8_t out[PARITY_ROWS * DATA_ROWS])
{
	uint8_t present[DATA_ROWS * DATA_ROWS] = { 0 }, inverse[DATA_ROWS * DATA_ROWS];
	for (int i = 0; i < DATA_ROWS; i++) {
		if (i + lost < DATA_ROWS)
			present[i * DATA_ROWS + i + lost] = 1;
		else
			memcpy(present + i * DATA_ROWS, parity_matrix[i + lost - DATA_ROWS], DATA_ROWS);
	}
	gf_invert_matrix(present, inverse, DATA_ROWS);
	memcpy(out, inverse, (size_t)lost * DATA_ROWS);
}

static void measure(const struct request *request)
{
	struct coding coding = { .encode = ec_encode_data, .bytes = (int)request->bytes, .outputs = PARITY_ROWS };
	int plain = !strcmp(request->kernel, "avx2");
	int lost = !strcmp(request->op, "rs-decode") ? PARITY_ROWS : !strcmp(request->op, "rs-repair") ? 1 : 0;
	size_t stride = (request->bytes + 63) / 64 * 64;
	uint8_t matrix[PARITY_ROWS * DATA_ROWS], *memory, *rows[ROWS];

	if (!lost && strcmp(request->op, "rs-encode")) {
		reply_error("no such op");
		return;
	}
	if (request->kernel[0] && !plain) {
		reply_error("kernel is avx2 or absent");
		return;
	}
	if (plain && !__builtin_cpu_supports("avx2")) {
		reply_error("this machine has no AVX2");
		return;
	}
	memory = take_memory(stride * (ROWS + PARITY_ROWS) + request->bytes * DATA_ROWS);
	for (int row = 0; row < ROWS; row++)
		rows[row] = memory + stride * (size_t)row;
	uint8_t *file = memory + stride * (ROWS + PARITY_ROWS);
	if (!read_data(request->file, file, request->bytes * DATA_ROWS)) {
		free(memory);
		return;
	}
	for (int row = 0; row < DATA_ROWS; row++)
		memcpy(rows[row], file + request->bytes * (size_t)row, request->bytes);

	if (plain)
		coding.encode = ec_encode_data_avx2;
	memcpy(matrix, parity_matrix, sizeof matrix);
	memcpy(coding.in, rows, sizeof coding.in);
	memcpy(coding.out, rows + DATA_ROWS, sizeof coding.out);
	(plain ? init_plain_tables : ec_init_tables)(DATA_ROWS, PARITY_ROWS, matrix, coding.tables);
	if (lost) {
		call(&coding); /* makes the parity */
		decoding_matrix(lost, matrix);
		(plain ? init_plain_tables : ec_init_tables)(DATA_ROWS, lost, matrix, coding.tables);
		coding.outputs = lost;
		memcpy(coding.in, rows + lost, sizeof coding.in);
		for (int row = 0; row < lost; row++)
			coding.out[row] = memory + stride * (size_t)(ROWS + row);
	}
	struct subject subject = { NULL, call, &coding, request->bytes * DATA_ROWS };
	reply_measured(request, &subject, check);
	free(memory);
}

int main(void)
{
	struct request request;
	while (next_request(&request)) {
		if (!strcmp(request.op, "hello"))
			reply_hello("ISA-L", RIVAL_VERSION, "C and assembly", RIVAL_DETAIL, "[\"rs-encode\",\"rs-decode\",\"rs-repair\"]");
		else
			measure(&request);
	}
	return 0;
}
