package pangea

import (
	"context"
	"errors"
	"io"
)

// Object is a file object opened for reading anywhere: an io.ReadSeekCloser and an io.ReaderAt, which is enough for
// archive/zip, image decoders and http.ServeContent. ReadAt may be called from many goroutines at once.
type Object struct {
	session   *Session
	ctx       context.Context
	reference string
	info      ObjectInfo
	options   []GetOption
	offset    int64
	stream    *Reader
}

// Open looks the object up. The context bounds all reads from it. A seek costs nothing; the first Read after it opens
// a stream there, which goes on as long as reads follow each other.
func (s *Session) Open(ctx context.Context, reference string) (*Object, error) {
	info, err := s.Info(ctx, reference)
	if err != nil {
		return nil, err
	}
	if info.Object.Kind != KindFile {
		return nil, failure("USAGE", nil, "%s is a directory: read one of its files by Get with WithPath, or all of it by GetTree", info.Object.Name)
	}
	return &Object{session: s, ctx: ctx, reference: reference, info: info}, nil
}

// Size in bytes.
func (o *Object) Size() int64 { return int64(o.info.Object.Bytes) }

// Info is what the node told when the object was opened.
func (o *Object) Info() ObjectInfo { return o.info }

// Read gives the next bytes, or io.EOF.
func (o *Object) Read(into []byte) (int, error) {
	if o.offset >= o.Size() {
		return 0, io.EOF
	}
	if o.stream == nil {
		stream, err := o.session.Get(o.ctx, o.reference, WithRange(uint64(o.offset), -1))
		if err != nil {
			return 0, err
		}
		o.stream = stream
	}
	count, err := o.stream.Read(into)
	o.offset += int64(count)
	return count, err
}

// ReadAt gives len(into) bytes from offset on, or fewer with io.EOF at the end.
func (o *Object) ReadAt(into []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, failure("USAGE", nil, "an offset of %d", offset)
	}
	left := o.Size() - offset
	if left <= 0 {
		return 0, io.EOF
	}
	wanted := min(int64(len(into)), left)
	if wanted == 0 {
		return 0, nil
	}
	reader, err := o.session.Get(o.ctx, o.reference, WithRange(uint64(offset), wanted))
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	count, err := io.ReadFull(reader, into[:wanted])
	if err == nil {
		// The proof comes after the last byte.
		if _, err = reader.Read(make([]byte, 1)); err == nil {
			err = failure("PROTOCOL", nil, "the node gave more than the %d bytes that were asked for", wanted)
		}
	}
	if errors.Is(err, io.EOF) && int64(count) == wanted {
		err = nil
		if wanted < int64(len(into)) {
			err = io.EOF
		}
	}
	return count, err
}

// Seek sets where the next Read begins.
func (o *Object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.offset
	case io.SeekEnd:
		offset += o.Size()
	}
	if offset < 0 {
		return o.offset, failure("USAGE", nil, "a seek to %d", offset)
	}
	if offset != o.offset {
		o.endStream()
	}
	o.offset = offset
	return offset, nil
}

// Close gives up what is being read.
func (o *Object) Close() error {
	o.endStream()
	return nil
}

func (o *Object) endStream() {
	if o.stream != nil {
		o.stream.Close()
		o.stream = nil
	}
}
