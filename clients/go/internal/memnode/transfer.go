package memnode

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"capnproto.org/go/capnp/v3/flowcontrol"

	"pangea-node/clients/go/internal/schema"
)

const chunkBytes = 64 << 10

type entry struct {
	path, target string
	kind         schema.EntryType
	mode         uint32
	modifiedMs   int64
	content      []byte
}

func (s *session) Put(_ context.Context, call schema.Session_put) error {
	if err := s.grant.allow(s.grant.write); err != nil {
		return err
	}
	name, err := call.Args().ObjectName()
	if err != nil {
		return err
	}
	mediaType, err := call.Args().MediaType()
	if err != nil {
		return err
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	return answer.SetUpload(schema.Upload_ServerToClient(&upload{node: s.node, name: name, mediaType: mediaType, expected: call.Args().ExpectedBytes()}))
}

type upload struct {
	node            *Node
	name, mediaType string
	expected        int64
	content         []byte
	finished        bool
}

func (u *upload) Write(_ context.Context, call schema.Upload_write) error {
	chunk, err := call.Args().Chunk()
	if err != nil {
		return err
	}
	if u.name == "full" && len(u.content) > 4*chunkBytes {
		return errors.New("STORE_FULL: the store is full")
	}
	u.content = append(u.content, chunk...)
	return nil
}

func (u *upload) Finish(_ context.Context, call schema.Upload_finish) error {
	if u.expected >= 0 && u.expected != int64(len(u.content)) {
		return fmt.Errorf("FILE_CHANGED: %d bytes were announced, and %d came", u.expected, len(u.content))
	}
	u.finished = true
	return finish(call.AllocResults, u.node.store(u.name, u.mediaType, schema.ObjectKind_file, u.content, nil))
}

func finish(alloc func() (schema.PutResult, error), kept *object) error {
	answer, err := alloc()
	if err != nil {
		return err
	}
	answer.SetHolders(12)
	answer.SetFsynced(12)
	to, err := answer.NewObject()
	if err != nil {
		return err
	}
	return kept.record.copyTo(to)
}

func (u *upload) Shutdown() {
	if !u.finished {
		u.node.with(func() { u.node.GivenUp++ })
	}
}

func (s *session) Get(ctx context.Context, call schema.Session_get) error {
	kept, err := s.node.find(call.Args().Reference())
	if err != nil {
		return err
	}
	if err := s.grant.reach(s.grant.read, kept.record.root); err != nil {
		return err
	}
	offset, length := call.Args().Offset(), call.Args().Length()
	if offset > uint64(len(kept.content)) {
		return errors.New("USAGE: the range begins behind the end")
	}
	content := kept.content[offset:]
	if length >= 0 {
		content = content[:min(uint64(length), uint64(len(content)))]
	}
	sink := call.Args().Sink().AddRef()
	defer sink.Release()
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	call.Go()
	s.node.with(func() { s.node.Reading++ })
	defer s.node.with(func() { s.node.Reading-- })
	sink.SetFlowLimiter(flowcontrol.NewFixedLimiter(8 * 2 * chunkBytes))
	index := 0
	for chunk := range slices.Chunk(content, chunkBytes) {
		if s.node.BeforeChunk != nil {
			if err := s.node.BeforeChunk(index); err != nil {
				return err
			}
		}
		if err := sink.Write(ctx, func(p schema.ByteSink_write_Params) error { return p.SetChunk(chunk) }); err != nil {
			return err
		}
		index++
	}
	if err := s.done(ctx, sink); err != nil {
		return err
	}
	answer.SetBytes(uint64(len(content)))
	return errors.Join(answer.SetObjectName(kept.record.name), answer.SetMediaType(kept.record.mediaType))
}

func (s *session) done(ctx context.Context, sink schema.ByteSink) error {
	future, release := sink.Done(ctx, nil)
	defer release()
	_, err := future.Struct()
	return err
}

func (s *session) PutTree(_ context.Context, call schema.Session_putTree) error {
	if err := s.grant.allow(s.grant.write); err != nil {
		return err
	}
	name, err := call.Args().ObjectName()
	if err != nil {
		return err
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	return answer.SetUpload(schema.TreeUpload_ServerToClient(&treeUpload{node: s.node, name: name}))
}

type treeUpload struct {
	node    *Node
	name    string
	entries []entry
}

func (u *treeUpload) Entry(_ context.Context, call schema.TreeUpload_entry) error {
	from := call.Args()
	name, err := from.Path()
	if err != nil {
		return err
	}
	target, err := from.Target()
	if err != nil {
		return err
	}
	u.entries = append(u.entries, entry{name, target, from.Type(), from.Mode(), from.ModifiedMs(), nil})
	_, err = call.AllocResults()
	return err
}

func (u *treeUpload) Write(_ context.Context, call schema.TreeUpload_write) error {
	chunk, err := call.Args().Chunk()
	if err != nil {
		return err
	}
	if len(u.entries) == 0 {
		return errors.New("PROTOCOL: content before an entry")
	}
	last := &u.entries[len(u.entries)-1]
	last.content = append(last.content, chunk...)
	return nil
}

func (u *treeUpload) Finish(_ context.Context, call schema.TreeUpload_finish) error {
	return finish(call.AllocResults, u.node.store(u.name, "", schema.ObjectKind_directory, nil, u.entries))
}

// PutEntry makes a directory object whose only entry is what a hostile node might give.
func (n *Node) PutEntry(name, path, target string, kind schema.EntryType) {
	n.store(name, "", schema.ObjectKind_directory, nil, []entry{{path, target, kind, 0o644, 0, []byte("x")}})
}

func (s *session) GetTree(ctx context.Context, call schema.Session_getTree) error {
	kept, err := s.node.find(call.Args().Reference())
	if err != nil {
		return err
	}
	if err := s.grant.reach(s.grant.read, kept.record.root); err != nil {
		return err
	}
	sink := call.Args().Sink().AddRef()
	defer sink.Release()
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	call.Go()
	sink.SetFlowLimiter(flowcontrol.NewFixedLimiter(8 * 2 * chunkBytes))
	var total int
	for _, each := range kept.entries {
		if err := giveEntry(ctx, sink, each); err != nil {
			return err
		}
		for chunk := range slices.Chunk(each.content, chunkBytes) {
			if err := sink.Write(ctx, func(p schema.TreeSink_write_Params) error { return p.SetChunk(chunk) }); err != nil {
				return err
			}
		}
		total += len(each.content)
	}
	future, release := sink.Done(ctx, nil)
	defer release()
	if _, err := future.Struct(); err != nil {
		return err
	}
	answer.SetBytes(uint64(total))
	answer.SetEntries(uint64(len(kept.entries)))
	return answer.SetObjectName(kept.record.name)
}

func giveEntry(ctx context.Context, sink schema.TreeSink, each entry) error {
	future, release := sink.Entry(ctx, func(to schema.TreeEntry) error {
		to.SetType(each.kind)
		to.SetMode(each.mode)
		to.SetModifiedMs(each.modifiedMs)
		to.SetBytes(uint64(len(each.content)))
		return errors.Join(to.SetPath(each.path), to.SetTarget(each.target))
	})
	defer release()
	_, err := future.Struct()
	return err
}
