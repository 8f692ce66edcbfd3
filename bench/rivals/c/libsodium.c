/* libsodium's XChaCha20-Poly1305 where the bytes lie, a fresh random nonce each time. */
#include "protocol.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES };

struct sealing {
	uint8_t key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
	uint8_t nonce[NONCE];
	uint8_t tag[TAG];
	uint8_t *sealed;
	uint8_t *buffer;
	size_t bytes;
	int failed;
};

static void seal(void *state)
{
	struct sealing *it = state;
	randombytes_buf(it->nonce, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt_detached(it->buffer, it->tag, NULL, it->buffer, it->bytes, NULL, 0, NULL, it->nonce, it->key);
}

static void open(void *state)
{
	struct sealing *it = state;
	it->failed |= crypto_aead_xchacha20poly1305_ietf_decrypt_detached(it->buffer, NULL, it->sealed, it->bytes, it->tag, NULL, 0, it->nonce, it->key);
}

static void check_open(void *state, char out[17])
{
	struct sealing *it = state;
	if (it->failed)
		abort();
	xxhash64_hex(it->buffer, it->bytes, out);
}

static void measure(const struct request *request)
{
	int opening = !strcmp(request->op, "open");
	struct sealing it = { .buffer = take_memory(request->bytes), .sealed = take_memory(request->bytes), .bytes = request->bytes };
	if (!opening && strcmp(request->op, "seal")) {
		reply_error("no such op");
	} else if (read_data(request->file, it.buffer, it.bytes)) {
		memset(it.key, 7, sizeof it.key);
		if (opening) {
			seal(&it);
			memcpy(it.sealed, it.buffer, it.bytes);
		}
		struct subject subject = { NULL, opening ? open : seal, &it, it.bytes };
		reply_measured(request, &subject, opening ? check_open : NULL);
	}
	free(it.buffer);
	free(it.sealed);
}

int main(void)
{
	struct request request;
	if (sodium_init() < 0)
		return 1;
	while (next_request(&request)) {
		if (!strcmp(request.op, "hello"))
			reply_hello("libsodium", sodium_version_string(), "C", "the system's library; in place", "[\"seal\",\"open\"]");
		else
			measure(&request);
	}
	return 0;
}
