package pangea

import (
	"context"
	"errors"
	"io"
	"sync"

	"pangea-node/clients/go/internal/schema"
)

// Get opens an object for reading from the front. The reference is a link, root or name. It waits for nothing: that an
// object is not there comes from the first Read. What was read is proven to be the object's only once Read gave io.EOF.
func (s *Session) Get(ctx context.Context, reference string, options ...GetOption) (*Reader, error) {
	settings := getSettingsOf(options)
	ctx, cancel := context.WithCancel(ctx)
	reader := &Reader{
		cancel: cancel, chunks: make(chan *chunk), closed: make(chan struct{}), finished: make(chan struct{}), progress: settings.progress,
	}
	future, release := s.remote.Get(ctx, func(request schema.GetRequest) error {
		request.SetOffset(settings.offset)
		request.SetLength(settings.length)
		return errors.Join(request.SetReference(reference), request.SetPath(settings.path), request.SetSink(schema.ByteSink_ServerToClient(reader.sink())))
	})
	go func() {
		defer close(reader.finished)
		defer release()
		answer, err := future.Struct()
		if err != nil {
			reader.err = asError(err)
			return
		}
		r := &reading{}
		reader.result = readGetResult(r, answer)
		reader.err = r.err
	}()
	return reader, nil
}

// GetTo writes an object to w, and returns after the last byte is there and proven.
func (s *Session) GetTo(ctx context.Context, reference string, w io.Writer, options ...GetOption) (GetResult, error) {
	reader, err := s.Get(ctx, reference, options...)
	if err != nil {
		return GetResult{}, err
	}
	defer reader.Close()
	if _, err := reader.WriteTo(w); err != nil {
		return GetResult{}, err
	}
	return reader.Result(), nil
}

// Reader is an object being read. It is an io.ReadCloser and an io.WriterTo. The node sends on only as fast as it is read.
type Reader struct {
	cancel   context.CancelFunc
	chunks   chan *chunk
	closed   chan struct{}
	once     sync.Once
	finished chan struct{} // closed when result and err stand
	result   GetResult
	err      error

	current  *chunk
	read     uint64
	progress func(int64)
}

// chunk is lent by the call that brought it, which waits until done is closed. When that call ends early its memory goes
// away; whoever reads it holds the mutex.
type chunk struct {
	mutex sync.Mutex
	bytes []byte
	done  chan struct{}
}

var errReaderClosed = &Error{Code: "ABORTED", Message: "the reader was closed"}

// Read gives the next bytes, or io.EOF after the last.
func (r *Reader) Read(into []byte) (int, error) {
	if len(into) == 0 {
		return 0, nil
	}
	for {
		if err := r.fetch(); err != nil {
			return 0, err
		}
		count, _ := r.take(func(bytes []byte) (int, error) { return copy(into, bytes), nil })
		if count > 0 {
			return count, nil
		}
	}
}

// WriteTo writes all that is left, chunk by chunk, without a copy.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		if err := r.fetch(); err == io.EOF {
			return total, nil
		} else if err != nil {
			return total, err
		}
		count, err := r.take(w.Write)
		total += int64(count)
		if err != nil {
			return total, err
		}
	}
}

// fetch waits for a chunk.
func (r *Reader) fetch() error {
	select {
	case <-r.closed:
		return errReaderClosed
	default:
	}
	if r.current != nil {
		return nil
	}
	select {
	case r.current = <-r.chunks:
		return nil
	case <-r.closed:
		return errReaderClosed
	case <-r.finished:
		return r.verdict()
	}
}

// take lets use have what is left of the chunk, which may be nothing.
func (r *Reader) take(use func([]byte) (int, error)) (int, error) {
	lent := r.current
	lent.mutex.Lock()
	defer lent.mutex.Unlock()
	count := 0
	var err error
	if len(lent.bytes) > 0 {
		count, err = use(lent.bytes)
	}
	r.read += uint64(count)
	if lent.bytes = lent.bytes[count:]; len(lent.bytes) == 0 {
		r.current = nil
		close(lent.done)
		r.progress(int64(r.read))
	}
	return count, err
}

func (r *Reader) verdict() error {
	if r.err != nil {
		return r.err
	}
	if r.result.Bytes != r.read {
		return failure("PROTOCOL", nil, "the node says that it gave %d bytes, and %d came", r.result.Bytes, r.read)
	}
	return io.EOF
}

// Result describes what was read, after Read gave io.EOF.
func (r *Reader) Result() GetResult {
	<-r.finished
	return r.result
}

// Close gives up what was not read. It is safe to repeat, and from another goroutine while a Read waits.
func (r *Reader) Close() error {
	r.once.Do(func() {
		close(r.closed)
		r.cancel()
	})
	return nil
}

func (r *Reader) sink() schema.ByteSink_Server { return byteSink{r} }

// byteSink is the reader as the node sees it.
type byteSink struct{ reader *Reader }

// Write is answered when the chunk was read: that is the flow control.
func (s byteSink) Write(ctx context.Context, call schema.ByteSink_write) error {
	bytes, err := call.Args().Chunk()
	if err != nil {
		return err
	}
	lent := &chunk{bytes: bytes, done: make(chan struct{})}
	select {
	case s.reader.chunks <- lent:
	case <-s.reader.closed:
		return errReaderClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-lent.done:
		return nil
	case <-s.reader.closed:
	case <-ctx.Done():
	}
	lent.mutex.Lock()
	defer lent.mutex.Unlock()
	lent.bytes = nil
	return errReaderClosed
}

// Done has nothing to do: the answer to get, which the node gives after this, ends the reading.
func (s byteSink) Done(context.Context, schema.ByteSink_done) error { return nil }
