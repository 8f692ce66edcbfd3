package main

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct { uint8_t *data; size_t len; } Shard;
typedef struct { uint8_t success; char *error_msg; uint8_t *data; size_t data_len; } Outcome;

static void *new_with_key(void *at, int level, const uint8_t *key) { return ((void *(*)(int, const uint8_t *))at)(level, key); }
static Outcome reconstruct(void *at, void *handle, const Shard *shards, size_t count, const int *present) {
	return ((Outcome (*)(void *, const Shard *, size_t, const int *))at)(handle, shards, count, present);
}
static void free_handle(void *at, void *handle) { ((void (*)(void *))at)(handle); }
static void free_result(void *at, Outcome outcome) { ((void (*)(Outcome))at)(outcome); }
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// reconstructBy opens shards by libpangea_ces, as the Go node of the network does.
func reconstructBy(library string, key []byte, shards [][]byte) ([]byte, error) {
	path := C.CString(library)
	defer C.free(unsafe.Pointer(path))
	opened := C.dlopen(path, C.RTLD_NOW)
	if opened == nil {
		return nil, errors.New(C.GoString(C.dlerror()))
	}
	// Not closed again: threads of the library may outlive the call.
	symbols := map[string]unsafe.Pointer{}
	for _, name := range []string{"ces_new_with_key", "ces_reconstruct", "ces_free", "ces_free_result"} {
		text := C.CString(name)
		symbols[name] = C.dlsym(opened, text)
		C.free(unsafe.Pointer(text))
		if symbols[name] == nil {
			return nil, fmt.Errorf("%s has no %s", library, name)
		}
	}
	handle := C.new_with_key(symbols["ces_new_with_key"], 3, (*C.uint8_t)(unsafe.SliceData(key)))
	if handle == nil {
		return nil, errors.New("no handle")
	}
	defer C.free_handle(symbols["ces_free"], handle)
	given := make([]C.Shard, len(shards))
	present := make([]C.int, len(shards))
	for row, shard := range shards {
		if shard != nil {
			given[row] = C.Shard{data: (*C.uint8_t)(C.CBytes(shard)), len: C.size_t(len(shard))}
			present[row] = 1
			defer C.free(unsafe.Pointer(given[row].data))
		}
	}
	outcome := C.reconstruct(symbols["ces_reconstruct"], handle, unsafe.SliceData(given), C.size_t(len(given)), unsafe.SliceData(present))
	defer C.free_result(symbols["ces_free_result"], outcome)
	if outcome.success == 0 {
		return nil, errors.New(C.GoString(outcome.error_msg))
	}
	return C.GoBytes(unsafe.Pointer(outcome.data), C.int(outcome.data_len)), nil
}
