package pangea

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"pangea-node/clients/go/internal/schema"
)

const (
	maxEntries   = 1 << 24
	maxPathBytes = 4096
)

// TreeResult describes what GetTree wrote.
type TreeResult struct {
	Name    string `json:"name"`
	Entries uint64 `json:"entries"`
	Bytes   uint64 `json:"bytes"`
}

// GetTree writes a directory object into a directory, which is made when it is not there. Nothing is written outside of
// it, whatever the entries say, and nothing that is there already is written over: ErrUnsafePath, ErrFileExists.
// What was written before an error stays.
func (s *Session) GetTree(ctx context.Context, reference, directory string, options ...GetOption) (TreeResult, error) {
	settings := getSettingsOf(options)
	if err := os.MkdirAll(directory, 0o777); err != nil {
		return TreeResult{}, failure("FILE_IO", err, "cannot make %s: %v", directory, err)
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return TreeResult{}, failure("FILE_IO", err, "cannot open %s: %v", directory, err)
	}
	defer root.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sink := &treeSink{root: root, progress: settings.progress, cancel: cancel}
	result, err := ask(ctx, s.remote.GetTree, func(request schema.GetTreeRequest) error {
		return errors.Join(request.SetReference(reference), request.SetSink(schema.TreeSink_ServerToClient(sink)))
	}, func(r *reading, answer schema.GetTreeResponse) TreeResult {
		return TreeResult{Name: r.text(answer.ObjectName()), Entries: answer.Entries(), Bytes: answer.Bytes()}
	})
	// A node that still calls is refused: it writes to a root that is about to be closed.
	sink.mutex.Lock()
	defer sink.mutex.Unlock()
	sink.end()
	switch {
	case sink.err != nil:
		return TreeResult{}, sink.err
	case err != nil:
		return TreeResult{}, err
	case result.Bytes != uint64(sink.written) || !sink.done:
		return TreeResult{}, failure("PROTOCOL", nil, "the node says that it gave %d bytes, and %d came", result.Bytes, sink.written)
	}
	return result, nil
}

// treeSink is the directory as the node sees it.
type treeSink struct {
	mutex    sync.Mutex
	ended    bool
	root     *os.Root
	file     *os.File
	entry    treeEntry
	left     uint64
	folders  []treeEntry
	hasLinks bool
	entries  int
	written  int64
	progress func(int64)
	err      error
	done     bool
	cancel   context.CancelFunc
}

type treeEntry struct {
	path     string
	mode     fs.FileMode
	modified time.Time
}

// keep remembers the first thing that went wrong here, and ends the get: the node would only say that its call failed.
func (s *treeSink) keep(err error) error {
	if err != nil && s.err == nil {
		s.err = asError(err)
		s.cancel()
	}
	return s.err
}

func (s *treeSink) Entry(_ context.Context, call schema.TreeSink_entry) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := s.refusal(); err != nil {
		return err
	}
	from := call.Args()
	if err := s.endFile(); err != nil {
		return s.keep(err)
	}
	r := &reading{}
	name, target := r.text(from.Path()), r.text(from.Target())
	if r.err != nil {
		return s.keep(r.err)
	}
	if s.entries++; s.entries > maxEntries {
		return s.keep(failure("TOO_LARGE", nil, "a tree of more than %d entries", maxEntries))
	}
	return s.keep(s.begin(treeEntry{name, fs.FileMode(from.Mode()) & fs.ModePerm, time.UnixMilli(from.ModifiedMs())}, from.Type(), target, from.Bytes()))
}

func (s *treeSink) begin(entry treeEntry, kind schema.EntryType, target string, bytes uint64) error {
	if !isSafe(entry.path) {
		return failure("UNSAFE_PATH", nil, "the object names %q, which could lie outside of the directory", entry.path)
	}
	local := filepath.FromSlash(entry.path)
	if s.isBelowLink(entry.path) {
		return failure("UNSAFE_PATH", nil, "%s lies below a symlink of the object", entry.path)
	}
	switch kind {
	case schema.EntryType_directory:
		if err := s.root.MkdirAll(local, 0o700); err != nil {
			return wrote(entry.path, err)
		}
		s.folders = append(s.folders, entry)
		return nil
	case schema.EntryType_symlink:
		if !staysInside(entry.path, target) {
			return failure("UNSAFE_PATH", nil, "the object's symlink %s points out of it, to %s", entry.path, target)
		}
		s.hasLinks = true
		return wrote(entry.path, s.root.Symlink(filepath.FromSlash(target), local))
	case schema.EntryType_file:
		if err := s.root.MkdirAll(filepath.Dir(local), 0o777); err != nil {
			return wrote(entry.path, err)
		}
		file, err := s.root.OpenFile(local, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return wrote(entry.path, err)
		}
		s.file, s.entry, s.left = file, entry, bytes
		return nil
	}
	return failure("PROTOCOL", nil, "%s is of a kind that this client does not know", entry.path)
}

// isBelowLink tells whether a part of the path before its last name is a symlink: what a relative target below it leads to
// cannot be told from the path. It asks the directory, which knows what of two spellings is one name.
func (s *treeSink) isBelowLink(name string) bool {
	for parent := path.Dir(name); s.hasLinks && parent != "."; parent = path.Dir(parent) {
		if info, err := s.root.Lstat(filepath.FromSlash(parent)); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return true
		}
	}
	return false
}

func (s *treeSink) Write(_ context.Context, call schema.TreeSink_write) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := s.refusal(); err != nil {
		return err
	}
	bytes, err := call.Args().Chunk()
	if err != nil {
		return s.keep(err)
	}
	if s.file == nil || uint64(len(bytes)) > s.left {
		return s.keep(failure("PROTOCOL", nil, "the node gave content that no file announced"))
	}
	if _, err := s.file.Write(bytes); err != nil {
		return s.keep(wrote(s.entry.path, err))
	}
	s.left -= uint64(len(bytes))
	s.written += int64(len(bytes))
	s.progress(s.written)
	return nil
}

func (s *treeSink) Done(context.Context, schema.TreeSink_done) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := s.refusal(); err != nil {
		return err
	}
	if err := s.endFile(); err != nil {
		return s.keep(err)
	}
	// Deepest first: a directory's own mode may forbid writing into it, and writing changes its time.
	for index := len(s.folders) - 1; index >= 0; index-- {
		folder := s.folders[index]
		local := filepath.FromSlash(folder.path)
		if err := errors.Join(s.root.Chtimes(local, folder.modified, folder.modified), s.root.Chmod(local, folder.mode)); err != nil {
			return s.keep(wrote(folder.path, err))
		}
	}
	s.done = true
	return nil
}

func (s *treeSink) endFile() error {
	if s.file == nil {
		return nil
	}
	file := s.file
	s.file = nil
	if s.left != 0 {
		file.Close()
		return failure("PROTOCOL", nil, "%s ends %d bytes early", s.entry.path, s.left)
	}
	err := errors.Join(file.Chmod(s.entry.mode), file.Close(), s.root.Chtimes(filepath.FromSlash(s.entry.path), s.entry.modified, s.entry.modified))
	return wrote(s.entry.path, err)
}

func (s *treeSink) refusal() error {
	if s.ended || s.done {
		return errReaderClosed
	}
	return s.err
}

func (s *treeSink) end() {
	s.ended = true
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}

func isSafe(name string) bool {
	return len(name) <= maxPathBytes && fs.ValidPath(name) && name != "." && filepath.IsLocal(filepath.FromSlash(name))
}

// staysInside tells whether a symlink at this path, none of whose parents is one, leads to something within the tree. Steps
// up may only come first: after a name they would start from wherever a link of that name leads.
func staysInside(name, target string) bool {
	if target == "" || len(target) > maxPathBytes || strings.ContainsRune(target, 0) || path.IsAbs(target) || filepath.IsAbs(target) {
		return false
	}
	isDown := false
	for step := range strings.SplitSeq(filepath.ToSlash(target), "/") {
		if step == ".." && isDown {
			return false
		}
		isDown = isDown || step != ".." && step != "." && step != ""
	}
	return filepath.IsLocal(filepath.FromSlash(path.Join(path.Dir(name), target)))
}

func wrote(name string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		return failure("FILE_EXISTS", err, "%s is there already", name)
	}
	// os.Root refuses what would lead out of it.
	if strings.Contains(err.Error(), "escapes from parent") {
		return failure("UNSAFE_PATH", err, "%s would lie outside of the directory", name)
	}
	return failure("FILE_IO", err, "cannot write %s: %v", name, err)
}
