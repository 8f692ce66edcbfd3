package pangea

import (
	"context"

	capnp "capnproto.org/go/capnp/v3"
)

// ask makes one call, waits for its answer, and reads it before its memory is given back. P and R are the generated
// parameter and result structs, T is what the caller gets.
func ask[P, R, T any, F interface{ Struct() (R, error) }](
	ctx context.Context,
	method func(context.Context, func(P) error) (F, capnp.ReleaseFunc),
	fill func(P) error,
	read func(*reading, R) T,
) (T, error) {
	var none T
	future, release := method(ctx, fill)
	defer release()
	answer, err := future.Struct()
	if err != nil {
		return none, asError(err)
	}
	r := &reading{}
	value := read(r, answer)
	if r.err != nil {
		return none, r.err
	}
	return value, nil
}

// nothing fills the parameters of calls that have none.
func nothing[P any](P) error { return nil }

// reading keeps the first thing that was wrong with a message, so that readers of structs need not ask after each field.
type reading struct{ err error }

func (r *reading) fail(err error) {
	if r.err == nil && err != nil {
		r.err = failure("PROTOCOL", err, "the node's answer cannot be read: %v", err)
	}
}

func (r *reading) text(value string, err error) string {
	r.fail(err)
	return value
}

// bytes copies, because the message goes back to its pool.
func (r *reading) bytes(value []byte, err error) []byte {
	r.fail(err)
	return append([]byte(nil), value...)
}

func (r *reading) length(count int) int {
	if count > maxListLength {
		r.fail(failure("PROTOCOL", nil, "a list of %d entries", count))
		return 0
	}
	return count
}

func (r *reading) texts(list capnp.TextList, err error) []string {
	r.fail(err)
	if err != nil || !list.IsValid() {
		return nil
	}
	values := make([]string, r.length(list.Len()))
	for index := range values {
		values[index] = r.text(list.At(index))
	}
	return values
}

func (r *reading) numbers(list capnp.UInt32List, err error) []uint32 {
	r.fail(err)
	if err != nil || !list.IsValid() {
		return nil
	}
	values := make([]uint32, r.length(list.Len()))
	for index := range values {
		values[index] = list.At(index)
	}
	return values
}

type structList[S any] interface {
	IsValid() bool
	Len() int
	At(int) S
}

// listOf reads a list of structs: listOf[schema.Peer_List](r, readPeer)(answer.Peers()).
func listOf[L structList[S], S, T any](r *reading, read func(*reading, S) T) func(L, error) []T {
	return func(list L, err error) []T {
		r.fail(err)
		if err != nil || !list.IsValid() {
			return nil
		}
		values := make([]T, r.length(list.Len()))
		for index := range values {
			values[index] = read(r, list.At(index))
		}
		return values
	}
}

// structOf reads a field that is a struct: structOf(r, readRound)(answer.Last()).
func structOf[S, T any](r *reading, read func(*reading, S) T) func(S, error) T {
	return func(value S, err error) T {
		r.fail(err)
		return read(r, value)
	}
}

// setTexts fills a list that a generated New… made.
func setTexts(make func(int32) (capnp.TextList, error), values []string) error {
	list, err := make(int32(len(values)))
	if err != nil {
		return err
	}
	for index, value := range values {
		if err := list.Set(index, value); err != nil {
			return err
		}
	}
	return nil
}
