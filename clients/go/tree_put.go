package pangea

import (
	"context"
	"errors"
	"io"
	"io/fs"

	capnp "capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/flowcontrol"

	"pangea-node/clients/go/internal/schema"
)

// Entries of a tree that were sent and not answered; each is small, so that a round trip a file would be all the time.
const entriesUnderWay = 256

// PutTree stores a file system, such as os.DirFS("photos"), as one object: directories, regular files and symlinks that
// point inside it, with permissions and times. Anything else is an error, and so is a file that changes its size meanwhile.
func (s *Session) PutTree(ctx context.Context, name string, tree fs.FS, options ...PutOption) (PutResult, error) {
	settings := putSettingsOf(options)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	future, release := s.remote.PutTree(ctx, settings.fill(name))
	defer release()
	upload := future.Upload().AddRef()
	defer upload.Release()
	upload.SetFlowLimiter(flowcontrol.NewFixedLimiter(windowOf(s.chunkBytes)))

	put := &treePut{ctx: ctx, upload: upload, buffer: make([]byte, s.chunkBytes), progress: settings.progress}
	defer put.drain(0)
	if err := fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return failure("FILE_IO", err, "cannot read %s: %v", path, err)
		}
		if path == "." {
			return nil
		}
		return put.entry(tree, path, entry)
	}); err != nil {
		return PutResult{}, asError(err)
	}
	if err := put.drain(0); err != nil {
		return PutResult{}, err
	}
	result, err := ask(ctx, upload.Finish, nothing[schema.FinishRequest], readPutResult)
	if err != nil && ctx.Err() == nil {
		if refused := asError(upload.WaitStreaming()); refused != nil {
			err = refused
		}
	}
	return result, err
}

type treePut struct {
	ctx      context.Context
	upload   schema.TreeUpload
	buffer   []byte
	waiting  []waitingEntry
	written  int64
	progress func(int64)
}

type waitingEntry struct {
	future  schema.EntryResponse_Future
	release capnp.ReleaseFunc
}

func (p *treePut) entry(tree fs.FS, path string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return failure("FILE_IO", err, "cannot read %s: %v", path, err)
	}
	switch info.Mode().Type() {
	case fs.ModeDir:
		return p.announce(path, schema.EntryType_directory, info, "")
	case fs.ModeSymlink:
		target, err := fs.ReadLink(tree, path)
		if err != nil {
			return failure("FILE_IO", err, "cannot read the link %s: %v", path, err)
		}
		if !staysInside(path, target) {
			return failure("UNSAFE_PATH", nil, "%s points out of the tree, to %s", path, target)
		}
		return p.announce(path, schema.EntryType_symlink, info, target)
	case 0:
		if err := p.announce(path, schema.EntryType_file, info, ""); err != nil {
			return err
		}
		return p.content(tree, path, info.Size())
	}
	return failure("DIRECTORY_INVALID", nil, "%s is neither a file nor a directory nor a symlink (%v)", path, info.Mode().Type())
}

// announce begins an entry without waiting for the answer.
func (p *treePut) announce(path string, kind schema.EntryType, info fs.FileInfo, target string) error {
	future, release := p.upload.Entry(p.ctx, func(entry schema.TreeEntry) error {
		entry.SetType(kind)
		entry.SetMode(uint32(info.Mode().Perm()))
		entry.SetModifiedMs(info.ModTime().UnixMilli())
		if kind == schema.EntryType_file {
			entry.SetBytes(uint64(info.Size()))
		}
		return errors.Join(entry.SetPath(path), entry.SetTarget(target))
	})
	p.waiting = append(p.waiting, waitingEntry{future, release})
	return p.drain(entriesUnderWay)
}

// drain waits until no more than so many entries are unanswered.
func (p *treePut) drain(most int) error {
	for len(p.waiting) > most {
		_, err := p.waiting[0].future.Struct()
		p.waiting[0].release()
		p.waiting = p.waiting[1:]
		if err != nil {
			return asError(err)
		}
	}
	return nil
}

func (p *treePut) content(tree fs.FS, path string, size int64) error {
	file, err := tree.Open(path)
	if err != nil {
		return failure("FILE_IO", err, "cannot read %s: %v", path, err)
	}
	defer file.Close()
	var sent int64
	for {
		count, err := io.ReadFull(file, p.buffer)
		if sent += int64(count); sent > size {
			return changed(path)
		}
		if count > 0 {
			if err := p.upload.Write(p.ctx, func(params schema.TreeUpload_write_Params) error { return params.SetChunk(p.buffer[:count]) }); err != nil {
				return asError(err)
			}
			p.written += int64(count)
			p.progress(p.written)
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return failure("FILE_IO", err, "cannot read %s: %v", path, err)
		}
	}
	if sent != size {
		return changed(path)
	}
	return nil
}

func changed(path string) *Error {
	return failure("FILE_CHANGED", nil, "%s changed its size while it was read: try again when nothing writes to it", path)
}
