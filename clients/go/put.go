package pangea

import (
	"context"
	"errors"
	"io"

	capnp "capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/flowcontrol"

	"pangea-node/clients/go/internal/schema"
)

// Chunks of a stream that are under way at once. Eight of 1 MiB keep both sides busy on loopback, and a slow node holds
// no more of the caller's memory than that.
const chunksUnderWay = 8

// Put stores all that the reader gives as one object.
func (s *Session) Put(ctx context.Context, name string, content io.Reader, options ...PutOption) (PutResult, error) {
	writer, err := s.Create(ctx, name, options...)
	if err != nil {
		return PutResult{}, err
	}
	defer writer.Abort()
	if _, err := writer.ReadFrom(content); err != nil {
		return PutResult{}, err
	}
	if err := writer.Close(); err != nil {
		return PutResult{}, err
	}
	return writer.Result(), nil
}

// Create begins an object. What is written to it becomes the object when Close returns nil; given up before that, by
// Abort, by the context or by the end of the connection, nothing is kept. It waits for nothing: a refusal comes from
// the first Write that hears of it, or from Close.
func (s *Session) Create(ctx context.Context, name string, options ...PutOption) (*Writer, error) {
	settings := putSettingsOf(options)
	ctx, cancel := context.WithCancel(ctx)
	future, release := s.remote.Put(ctx, settings.fill(name))
	upload := future.Upload().AddRef()
	upload.SetFlowLimiter(flowcontrol.NewFixedLimiter(windowOf(s.chunkBytes)))
	return &Writer{ctx: ctx, cancel: cancel, release: release, upload: upload, buffer: make([]byte, 0, s.chunkBytes), progress: settings.progress}, nil
}

// windowOf leaves room for what a message has around its chunk: the limiter panics on one that is larger than itself.
func windowOf(chunkBytes int) int64 { return chunksUnderWay * int64(chunkBytes+4096) }

func (s putSettings) fill(name string) func(schema.PutRequest) error {
	return func(request schema.PutRequest) error {
		request.SetAcknowledge(schema.Acknowledge(s.acknowledge))
		request.SetExpectedBytes(s.expectedBytes)
		return errors.Join(request.SetObjectName(name), request.SetMediaType(s.mediaType), request.SetDictionary(s.dictionary), request.SetRequestId(s.requestID))
	}
}

// Writer is an object being made. It is an io.WriteCloser and an io.ReaderFrom.
type Writer struct {
	ctx      context.Context
	cancel   context.CancelFunc
	release  capnp.ReleaseFunc
	upload   schema.Upload
	buffer   []byte
	written  int64
	progress func(int64)
	result   PutResult
	err      error
	ended    bool
}

var errWriterClosed = &Error{Code: "USAGE", Message: "the object was finished or given up"}

// Write sends the bytes in chunks, and waits while too many are under way.
func (w *Writer) Write(bytes []byte) (int, error) {
	total := 0
	for len(bytes) > 0 {
		if len(w.buffer) == 0 && len(bytes) >= cap(w.buffer) {
			if err := w.send(bytes[:cap(w.buffer)]); err != nil {
				return total, err
			}
			bytes, total = bytes[cap(w.buffer):], total+cap(w.buffer)
			continue
		}
		taken := min(len(bytes), cap(w.buffer)-len(w.buffer))
		w.buffer = append(w.buffer, bytes[:taken]...)
		bytes, total = bytes[taken:], total+taken
		if err := w.flush(false); err != nil {
			return total, err
		}
	}
	if w.ended {
		return 0, errWriterClosed
	}
	return total, nil
}

// ReadFrom writes all that the reader gives.
func (w *Writer) ReadFrom(content io.Reader) (int64, error) {
	if w.ended {
		return 0, errWriterClosed
	}
	var total int64
	for {
		held := len(w.buffer)
		count, err := content.Read(w.buffer[held:cap(w.buffer)])
		w.buffer = w.buffer[:held+count]
		total += int64(count)
		if flushErr := w.flush(false); flushErr != nil {
			return total, flushErr
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

func (w *Writer) flush(all bool) error {
	if len(w.buffer) == 0 || (!all && len(w.buffer) < cap(w.buffer)) {
		return w.err
	}
	err := w.send(w.buffer)
	w.buffer = w.buffer[:0]
	return err
}

func (w *Writer) send(chunk []byte) error {
	if w.ended {
		return errWriterClosed
	}
	if w.err == nil {
		w.err = asError(w.upload.Write(w.ctx, func(p schema.Upload_write_Params) error { return p.SetChunk(chunk) }))
	}
	if w.err == nil {
		w.err = asError(w.ctx.Err())
	}
	if w.err == nil {
		w.written += int64(len(chunk))
		w.progress(w.written)
	}
	return w.err
}

// Close sends what is left, and waits until the object is as safe as was asked. Repeated, it gives the same answer.
func (w *Writer) Close() error {
	if w.ended {
		return w.err
	}
	if w.flush(true) == nil {
		w.result, w.err = ask(w.ctx, w.upload.Finish, nothing[schema.FinishRequest], readPutResult)
	}
	// Why a chunk was refused says more than that the object cannot be finished.
	if w.err != nil && w.ctx.Err() == nil {
		if refused := asError(w.upload.WaitStreaming()); refused != nil {
			w.err = refused
		}
	}
	w.end()
	return w.err
}

// Abort gives the object up. After Close it does nothing.
func (w *Writer) Abort() {
	if !w.ended {
		w.err = errWriterClosed
		w.end()
	}
}

func (w *Writer) end() {
	w.ended = true
	w.upload.Release()
	w.cancel()
	w.release()
	w.buffer = nil
}

// Result describes the object, after Close returned nil.
func (w *Writer) Result() PutResult { return w.result }
