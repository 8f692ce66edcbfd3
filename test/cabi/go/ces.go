// Package main calls the C interface by cgo as the Go node of the existing network does: with declarations of its
// own, the handle as void *, structures by value. Where the library lies comes from CGO_LDFLAGS.
package main

/*
#include <stdint.h>
#include <stdlib.h>

typedef struct { uint8_t *data; size_t len; } Shard;
typedef struct { Shard *shards; size_t count; } ShardArray;
typedef struct { uint8_t success; char *error_msg; uint8_t *data; size_t data_len; } Outcome;

void *ces_new(int level);
void *ces_new_with_key(int level, const uint8_t *key);
void ces_free(void *handle);
ShardArray ces_process(void *handle, const uint8_t *data, size_t len);
Outcome ces_reconstruct(void *handle, const Shard *shards, size_t count, const int *present);
void ces_free_result(Outcome outcome);
void ces_free_shards(ShardArray shards);
const char *ces_last_error(void);
*/
import "C"

import (
	"errors"
	"runtime"
	"unsafe"
)

const total = 12

// ces is one handle.
type ces struct{ handle unsafe.Pointer }

func newCes(level int, key []byte) (*ces, error) {
	runtime.LockOSThread() // the last error is the thread's
	defer runtime.UnlockOSThread()
	var handle unsafe.Pointer
	if key == nil {
		handle = C.ces_new(C.int(level))
	} else {
		handle = C.ces_new_with_key(C.int(level), (*C.uint8_t)(unsafe.SliceData(key)))
	}
	if handle == nil {
		return nil, errors.New(C.GoString(C.ces_last_error()))
	}
	return &ces{handle}, nil
}

func (c *ces) close() {
	C.ces_free(c.handle)
	c.handle = nil
}

func (c *ces) process(data []byte) ([][]byte, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	made := C.ces_process(c.handle, (*C.uint8_t)(unsafe.SliceData(data)), C.size_t(len(data)))
	defer C.ces_free_shards(made)
	if made.shards == nil {
		return nil, errors.New(C.GoString(C.ces_last_error()))
	}
	var shards [][]byte
	for _, shard := range unsafe.Slice(made.shards, made.count) {
		shards = append(shards, C.GoBytes(unsafe.Pointer(shard.data), C.int(shard.len)))
	}
	return shards, nil
}

// reconstruct takes nil where a shard is missing.
func (c *ces) reconstruct(shards [][]byte) ([]byte, error) {
	there := make([]C.Shard, len(shards))
	present := make([]C.int, len(shards))
	for index, shard := range shards {
		if shard != nil {
			there[index] = C.Shard{data: (*C.uint8_t)(C.CBytes(shard)), len: C.size_t(len(shard))}
			present[index] = 1
		}
	}
	defer func() {
		for _, shard := range there {
			C.free(unsafe.Pointer(shard.data))
		}
	}()
	outcome := C.ces_reconstruct(c.handle, unsafe.SliceData(there), C.size_t(len(there)), unsafe.SliceData(present))
	defer C.ces_free_result(outcome)
	if outcome.success == 0 {
		return nil, errors.New(C.GoString(outcome.error_msg))
	}
	return C.GoBytes(unsafe.Pointer(outcome.data), C.int(outcome.data_len)), nil
}
