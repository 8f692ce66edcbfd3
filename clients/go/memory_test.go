package pangea

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"time"

	"capnproto.org/go/capnp/v3/rpc"
	"capnproto.org/go/capnp/v3/rpc/transport"

	"pangea-node/clients/go/internal/memnode"
	"pangea-node/clients/go/internal/schema"
)

const patience = 20 * time.Second

func startMemory(t *testing.T) *memnode.Node {
	t.Helper()
	node, err := memnode.Listen(func(socket net.Conn) rpc.Transport { return transport.New(newCodec(socket)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Close)
	return node
}

func dialMemory(t *testing.T) (*memnode.Node, *Client) {
	t.Helper()
	node := startMemory(t)
	client, err := Dial(t.Context(), node.Address(), WithToken(memnode.Token))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return node, client
}

func seeded(count int) []byte {
	source := rand.NewChaCha8([32]byte{1})
	content := make([]byte, count)
	source.Read(content)
	return content
}

func eventually(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !reached(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come in %v", what, patience)
		}
	}
}

func wants(t *testing.T, err error, kind *Error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got %v, want %s", err, kind.Code)
	}
}

func TestDialTellsWhatIsWrong(t *testing.T) {
	node := startMemory(t)
	directory := t.TempDir()
	t.Setenv("XDG_DATA_HOME", directory)
	t.Setenv("PANGEA_RPC_TOKEN", "")

	_, err := Dial(t.Context(), node.Address(), WithToken("wrong"))
	wants(t, err, ErrDenied)
	_, err = Dial(t.Context(), node.Address())
	wants(t, err, ErrDenied)
	if !bytes.Contains([]byte(err.Error()), []byte(filepath.Join(directory, "pangea-node", "rpc-token"))) {
		t.Fatalf("%v does not say where the token was looked for", err)
	}
	closed, _ := net.Listen("tcp", "127.0.0.1:0")
	address := closed.Addr().String()
	closed.Close()
	_, err = Dial(t.Context(), address, WithToken(memnode.Token))
	wants(t, err, ErrNotRunning)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Dial(ended, node.Address(), WithToken(memnode.Token))
	wants(t, err, ErrAborted)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v is not the context's error", err)
	}
}

func TestTokenIsFoundInTheDataDirectoryAndTheEnvironment(t *testing.T) {
	node := startMemory(t)
	directory := t.TempDir()
	t.Setenv("PANGEA_RPC_TOKEN", "")
	if err := os.WriteFile(filepath.Join(directory, "rpc-token"), []byte(memnode.Token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := Dial(t.Context(), node.Address(), WithDataDir(directory))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if about := client.About(); about.NodeID != 7 || about.ChunkBytes != 64<<10 || !client.Rights().Control {
		t.Fatalf("%+v %+v", about, client.Rights())
	}
	t.Setenv("PANGEA_RPC_TOKEN", memnode.Token)
	other, err := Dial(t.Context(), node.Address(), WithDataDir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	t.Setenv("PANGEA_RPC_TOKEN", "wrong")
	_, err = Dial(t.Context(), node.Address(), WithDataDir(directory))
	wants(t, err, ErrDenied)
	given, err := Dial(t.Context(), node.Address(), WithToken(memnode.Token))
	if err != nil {
		t.Fatal(err)
	}
	given.Close()
}

func TestPutAndGet(t *testing.T) {
	_, client := dialMemory(t)
	for _, size := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 3<<20 + 17} {
		content := seeded(size)
		var sent, got int64
		result, err := client.Put(t.Context(), "data", iotest.HalfReader(bytes.NewReader(content)), WithMediaType("application/x"), WithProgress(func(bytes int64) { sent = bytes }), WithExpectedBytes(int64(size)))
		if err != nil {
			t.Fatal(err)
		}
		if result.Object.Bytes != uint64(size) || result.Fsynced != 12 || sent != int64(size) {
			t.Fatalf("%+v, told of %d bytes", result, sent)
		}
		var copied bytes.Buffer
		told, err := client.GetTo(t.Context(), result.Object.Link, &copied, WithProgress(func(bytes int64) { got = bytes }))
		if err != nil || !bytes.Equal(copied.Bytes(), content) {
			t.Fatalf("%d of %d bytes came: %v", copied.Len(), size, err)
		}
		if told.MediaType != "application/x" || told.Bytes != uint64(size) || got != int64(size) {
			t.Fatalf("%+v, told of %d bytes", told, got)
		}
		reader, err := client.Get(t.Context(), "data")
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(reader, content); err != nil {
			t.Fatal(err)
		}
		reader.Close()
	}
}

func TestWriterTakesWritesOfEverySize(t *testing.T) {
	_, client := dialMemory(t)
	content := seeded(1<<20 + 5)
	writer, err := client.Create(t.Context(), "pieces")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for rest := content; len(rest) > 0; {
		count := min(len(rest), 1+random.IntN(200_000))
		if wrote, err := writer.Write(rest[:count]); wrote != count || err != nil {
			t.Fatal(wrote, err)
		}
		rest = rest[count:]
	}
	if err := errors.Join(writer.Close(), writer.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write([]byte("late")); err == nil {
		t.Fatal("a finished object took more")
	}
	var back bytes.Buffer
	if _, err := client.GetTo(t.Context(), writer.Result().Object.Root, &back); err != nil || !bytes.Equal(back.Bytes(), content) {
		t.Fatal(back.Len(), err)
	}
}

func TestUploadGivenUpLeavesNothing(t *testing.T) {
	node, client := dialMemory(t)
	givenUp := func() (count int) {
		node.Inspect(func() { count = node.GivenUp })
		return count
	}
	// More than may be under way, so that the node has seen the upload before it is given up.
	begun := seeded(1 << 20)
	writer, _ := client.Create(t.Context(), "aborted")
	writer.Write(begun)
	writer.Abort()
	eventually(t, "the end of an aborted upload", func() bool { return givenUp() == 1 })

	ctx, cancel := context.WithCancel(t.Context())
	writer, _ = client.Create(ctx, "cancelled")
	writer.Write(begun)
	cancel()
	wants(t, writer.Close(), ErrAborted)
	eventually(t, "the end of a cancelled upload", func() bool { return givenUp() == 2 })

	broken := iotest.DataErrReader(io.MultiReader(bytes.NewReader(begun), iotest.ErrReader(errors.New("the disk broke"))))
	if _, err := client.Put(t.Context(), "broken", broken); err == nil || err.Error() != "the disk broke" {
		t.Fatal(err)
	}
	eventually(t, "the end of a broken upload", func() bool { return givenUp() == 3 })

	writer, _ = client.Create(t.Context(), "disconnected")
	writer.Write(begun)
	node.Disconnect()
	eventually(t, "the end of an upload whose client went", func() bool { return givenUp() == 4 })
	wants(t, writer.Close(), ErrNotRunning)
	if node.Objects() != 0 {
		t.Fatal("something was kept")
	}
}

func TestRefusalInTheMiddleIsTold(t *testing.T) {
	_, client := dialMemory(t)
	_, err := client.Put(t.Context(), "full", bytes.NewReader(seeded(4<<20)))
	wants(t, err, ErrStoreFull)
	_, err = client.Put(t.Context(), "short", bytes.NewReader(seeded(10)), WithExpectedBytes(11))
	wants(t, err, ErrFileChanged)
}

func TestReaderEndsEarly(t *testing.T) {
	node, client := dialMemory(t)
	content := seeded(8 << 20)
	if _, err := client.Put(t.Context(), "long", bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	idle := func() (count int) {
		node.Inspect(func() { count = node.Reading })
		return count
	}
	reader, _ := client.Get(t.Context(), "long")
	if _, err := io.ReadFull(reader, make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	reader.Close()
	_, err := reader.Read(make([]byte, 1))
	wants(t, err, ErrAborted)
	eventually(t, "the end of the node's reading", func() bool { return idle() == 0 })

	ctx, cancel := context.WithCancel(t.Context())
	reader, _ = client.Get(ctx, "long")
	reader.Read(make([]byte, 1))
	cancel()
	_, err = io.Copy(io.Discard, reader)
	wants(t, err, ErrAborted)
	eventually(t, "the end of the node's reading", func() bool { return idle() == 0 })

	_, err = client.GetTo(t.Context(), "long", iotest.TruncateWriter(io.Discard, 0))
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.GetTo(t.Context(), "nothing of this name", io.Discard)
	wants(t, err, ErrNotFound)

	node.Inspect(func() {
		node.BeforeChunk = func(index int) error {
			if index == 20 {
				return errors.New("CORRUPT: a segment is not what was put")
			}
			return nil
		}
	})
	var got bytes.Buffer
	_, err = client.GetTo(t.Context(), "long", &got)
	wants(t, err, ErrCorrupt)
	if !bytes.HasPrefix(content, got.Bytes()) {
		t.Fatal("what came before the error is not the content's beginning")
	}
	node.Inspect(func() {
		node.BeforeChunk = func(index int) error {
			if index == 20 {
				go node.Disconnect()
			}
			return nil
		}
	})
	_, err = client.GetTo(t.Context(), "long", io.Discard)
	if err == nil {
		t.Fatal("a connection that ended gave a whole object")
	}
}

func TestObjectReadsAnywhere(t *testing.T) {
	_, client := dialMemory(t)
	content := seeded(100_000)
	if _, err := client.Put(t.Context(), "file", bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	object, err := client.Open(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	defer object.Close()
	if whole, err := io.ReadAll(object); err != nil || !bytes.Equal(whole, content) {
		t.Fatal(len(whole), err)
	}
	// Asks for every byte by itself.
	section := io.NewSectionReader(object, 70_000, 300)
	if err := iotest.TestReader(section, content[70_000:70_300]); err != nil {
		t.Fatal(err)
	}
	for _, place := range []int64{99_990, 0, 65_536} {
		if at, err := object.Seek(place, io.SeekStart); at != place || err != nil {
			t.Fatal(at, err)
		}
		if rest, err := io.ReadAll(object); err != nil || !bytes.Equal(rest, content[place:]) {
			t.Fatal(len(rest), err)
		}
	}
	if count, err := object.ReadAt(make([]byte, 20), 99_990); count != 10 || err != io.EOF {
		t.Fatal(count, err)
	}
	var part bytes.Buffer
	if _, err := client.GetTo(t.Context(), "file", &part, WithRange(99_990, -1)); err != nil || !bytes.Equal(part.Bytes(), content[99_990:]) {
		t.Fatal(part.Len(), err)
	}
}

func TestCatalogueAndTheSmallCalls(t *testing.T) {
	_, client := dialMemory(t)
	ctx := t.Context()
	for _, name := range []string{"a.txt", "b.txt", "c.csv", "d.txt", "e.txt", "f.txt", "g.txt"} {
		if _, err := client.Put(ctx, name, bytes.NewReader([]byte(name))); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for object, err := range client.List(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, object.Name)
	}
	if len(names) != 7 || names[6] != "g.txt" {
		t.Fatal(names)
	}
	for object, err := range client.Search(ctx, "*.csv") {
		if err != nil || object.Name != "c.csv" {
			t.Fatal(object, err)
		}
	}
	info, err := client.Info(ctx, "c.csv")
	if err != nil || info.ShardsTotal != 12 || len(info.Holders) != 1 || info.Object.Name != "c.csv" {
		t.Fatal(info, err)
	}
	removed, err := client.Remove(ctx, info.Object.Link)
	if err != nil || removed.Root != info.Object.Root {
		t.Fatal(removed, err)
	}
	_, err = client.Info(ctx, "c.csv")
	wants(t, err, ErrNotFound)
	status, err := client.Status(ctx)
	if err != nil || !status.Ready || status.ObjectsCatalogue != 6 || len(status.Parts) != 1 {
		t.Fatal(status, err)
	}
	peers, err := client.Peers(ctx)
	if err != nil || len(peers) != 1 || peers[0].LatencyMs == peers[0].LatencyMs || peers[0].FreeBytes != -1 || !peers[0].LastSeen.IsZero() {
		t.Fatal(peers, err)
	}
	if text, err := client.Metrics(ctx); err != nil || text == "" {
		t.Fatal(text, err)
	}
	firewall, err := client.SetFirewall(ctx, []string{"10.0.0.0/8", "127.0.0.0/8"})
	if err != nil || len(firewall.Allow) != 2 {
		t.Fatal(firewall, err)
	}
	_, err = client.SetFirewall(ctx, []string{"everybody"})
	wants(t, err, &Error{Code: "CONFIG_INVALID"})
	if state, err := client.ControlRepair(ctx, RepairPause); err != nil || !state.Paused {
		t.Fatal(state, err)
	}
	if _, err := client.Repair(ctx); err != nil {
		t.Fatal(err)
	}
	if ticket, err := client.Invite(ctx, 3, time.Minute); err != nil || ticket != "ticket-3-60000" {
		t.Fatal(ticket, err)
	}
	_, err = client.Plan(ctx)
	wants(t, err, ErrNotSupported)
}

func TestNarrowedSessionIsHandedOnAndRevoked(t *testing.T) {
	_, client := dialMemory(t)
	ctx := t.Context()
	one, _ := client.Put(ctx, "one", bytes.NewReader(seeded(10)))
	client.Put(ctx, "two", bytes.NewReader(seeded(10)))
	narrow, revoker, err := client.Narrow(ctx, Rights{Read: true, OnlyObjects: []string{one.Object.Root}})
	if err != nil {
		t.Fatal(err)
	}
	defer revoker.Close()
	if rights := narrow.Rights(); !rights.Read || rights.Write || len(rights.OnlyObjects) != 1 {
		t.Fatalf("%+v", rights)
	}
	handedOn := SessionFrom(narrow.Capability())
	defer handedOn.Close()
	narrow.Close()
	if _, err := handedOn.Info(ctx, "one"); err != nil {
		t.Fatal(err)
	}
	_, err = handedOn.Info(ctx, "two")
	wants(t, err, ErrDenied)
	_, err = handedOn.Put(ctx, "three", bytes.NewReader(seeded(10)))
	wants(t, err, ErrDenied)
	further, _, err := handedOn.Narrow(ctx, Rights{Read: true, Control: true})
	if err != nil || further.Rights().Control {
		t.Fatal(further, err)
	}
	if err := revoker.Revoke(ctx); err != nil {
		t.Fatal(err)
	}
	for _, session := range []*Session{handedOn, further} {
		_, err = session.Info(ctx, "one")
		wants(t, err, ErrDenied)
	}
	if _, err := client.Info(ctx, "one"); err != nil {
		t.Fatal(err)
	}
}

func TestEvents(t *testing.T) {
	node, client := dialMemory(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := make(chan Event, 10)
	subscription, err := client.Subscribe(ctx, AllEvents, func(event Event) { got <- event })
	if err != nil {
		t.Fatal(err)
	}
	client.Put(ctx, "seen", bytes.NewReader(seeded(10)))
	node.Message([]byte("hello"))
	put, message := <-got, <-got
	if put.Sequence != 1 || put.Object == nil || put.Object.Change != "put" || put.Object.Name != "seen" || put.Object.Bytes != 10 {
		t.Fatalf("%+v", put)
	}
	if message.Message == nil || string(message.Message.Data) != "hello" || message.Message.FromNodeID != 9 {
		t.Fatalf("%+v", message)
	}
	subscription.Close()
	eventually(t, "the end of the subscription", func() bool { return node.Listeners() == 0 })

	go func() {
		for node.Listeners() == 0 {
			time.Sleep(time.Millisecond)
		}
		node.Message([]byte("first"))
	}()
	count := 0
	for event, err := range client.Events(ctx, EventKinds{Messages: true}) {
		if err != nil {
			if count != 3 {
				t.Fatal(err)
			}
			wants(t, err, ErrAborted)
			break
		}
		if count++; count == 3 {
			cancel()
			continue
		}
		node.Message([]byte{byte(event.Sequence)})
	}
	eventually(t, "the end of the subscription", func() bool { return node.Listeners() == 0 })
}

func TestEventsEndWithTheConnection(t *testing.T) {
	node, client := dialMemory(t)
	go func() {
		for node.Listeners() == 0 {
			time.Sleep(time.Millisecond)
		}
		node.Disconnect()
	}()
	var last error
	for _, err := range client.Events(t.Context(), AllEvents) {
		last = err
	}
	wants(t, last, ErrNotRunning)
	_, err := client.Status(t.Context())
	wants(t, err, ErrNotRunning)
}

func TestHostileTrees(t *testing.T) {
	node, client := dialMemory(t)
	outside := t.TempDir()
	inside := filepath.Join(outside, "target")
	for _, hostile := range []struct {
		path, target string
		kind         schema.EntryType
	}{
		{"../escaped", "", schema.EntryType_file},
		{"/escaped", "", schema.EntryType_file},
		{"a/../../escaped", "", schema.EntryType_file},
		{"", "", schema.EntryType_file},
		{".", "", schema.EntryType_directory},
		{"link", "../escaped", schema.EntryType_symlink},
		{"link", "/etc/passwd", schema.EntryType_symlink},
		{"link", "", schema.EntryType_symlink},
	} {
		node.PutEntry("hostile", hostile.path, hostile.target, hostile.kind)
		_, err := client.GetTree(t.Context(), "hostile", inside)
		wants(t, err, ErrUnsafePath)
	}
	left, _ := filepath.Glob(filepath.Join(outside, "*"))
	if len(left) != 1 {
		t.Fatal("something was written outside: ", left)
	}
	// A symlink that is there already, and leads out.
	os.Symlink(outside, filepath.Join(inside, "way"))
	node.PutEntry("through", "way/escaped", "", schema.EntryType_file)
	_, err := client.GetTree(t.Context(), "through", inside)
	wants(t, err, ErrUnsafePath)
	os.WriteFile(filepath.Join(inside, "there"), []byte("mine"), 0o600)
	node.PutEntry("over", "there", "", schema.EntryType_file)
	_, err = client.GetTree(t.Context(), "over", inside)
	wants(t, err, ErrFileExists)
	if kept, _ := os.ReadFile(filepath.Join(inside, "there")); string(kept) != "mine" {
		t.Fatal("it was written over")
	}
}
