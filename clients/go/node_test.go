package pangea

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"capnproto.org/go/capnp/v3/rpc"
	"capnproto.org/go/capnp/v3/rpc/transport"

	"pangea-node/clients/go/internal/schema"
)

// These tests want a real node: its RPC address in PANGEA_TEST_RPC, its token in PANGEA_RPC_TOKEN.
// test/clients/go.test.ts of the node's own tests starts one for them.
func dialNode(t *testing.T) *Client {
	t.Helper()
	address := os.Getenv("PANGEA_TEST_RPC")
	if address == "" {
		t.Skip("PANGEA_TEST_RPC names no node")
	}
	client, err := Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// gauge reads one of the node's own figures.
func gauge(t *testing.T, client *Client, name string) float64 {
	t.Helper()
	text, err := client.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return number
		}
	}
	t.Fatalf("the node has no figure %s", name)
	return 0
}

func TestNodeTakesAndGives(t *testing.T) {
	client := dialNode(t)
	ctx := t.Context()
	for _, size := range []int{0, 1, 1 << 20, 16<<20 + 3, 64 << 20} {
		content := seeded(size)
		result, err := client.Put(ctx, "go-object", bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		var back bytes.Buffer
		if _, err := client.GetTo(ctx, result.Object.Link, &back); err != nil || !bytes.Equal(back.Bytes(), content) {
			t.Fatal(size, back.Len(), err)
		}
		object, err := client.Open(ctx, result.Object.Link)
		if err != nil || object.Size() != int64(size) {
			t.Fatal(size, err)
		}
		if size > 100 {
			part := make([]byte, 50)
			if _, err := object.ReadAt(part, int64(size)-70); err != nil || !bytes.Equal(part, content[size-70:size-20]) {
				t.Fatal(size, err)
			}
		}
		if removed, err := client.Remove(ctx, result.Object.Root); err != nil || removed.Root != result.Object.Root {
			t.Fatal(removed, err)
		}
		_, err = client.Info(ctx, result.Object.Root)
		wants(t, err, ErrNotFound)
	}
	_, err := client.GetTo(ctx, "no such object", io.Discard)
	wants(t, err, ErrNotFound)
}

func TestNodeTrees(t *testing.T) { treesComeBack(t, dialNode(t)) }

func TestNodeAnswersEverything(t *testing.T) {
	client := dialNode(t)
	ctx := t.Context()
	status, err := client.Status(ctx)
	if err != nil || status.NodeID != client.About().NodeID || status.PeerID == "" || len(status.Parts) == 0 {
		t.Fatal(status, err)
	}
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(what, err)
		}
	}
	_, err = client.Peers(ctx)
	must("peers", err)
	plan, err := client.Plan(ctx)
	if err != nil || len(plan.Stages) == 0 {
		t.Fatal(plan, err)
	}
	_, err = client.Firewall(ctx)
	must("firewall", err)
	_, err = client.Repair(ctx)
	must("repair", err)
	state, err := client.ControlRepair(ctx, RepairPause)
	if err != nil || !state.Paused {
		t.Fatal(state, err)
	}
	_, err = client.ControlRepair(ctx, RepairResume)
	must("resume", err)
	self, err := client.GetNode(ctx, status.NodeID)
	if err != nil || self.ID != status.NodeID {
		t.Fatal(self, err)
	}
	nodes, err := client.GetAllNodes(ctx)
	if err != nil || len(nodes) == 0 {
		t.Fatal(nodes, err)
	}
	_, err = client.GetNetworkMetrics(ctx)
	must("metrics", err)
	must("save", client.SaveConfig(ctx, ConfigData{NodeID: 5, CustomSettings: map[string]string{"theme": "dark"}}))
	config, err := client.LoadConfig(ctx)
	if err != nil || config.CustomSettings["theme"] != "dark" || config.NodeID != 5 {
		t.Fatal(config, err)
	}
	_, err = client.GetNode(ctx, 4_000_000_000)
	wants(t, err, ErrNotFound)
	_, err = client.ConnectPeer(ctx, "127.0.0.1:1")
	if err == nil {
		t.Fatal("nobody listens there")
	}
	if _, err := Dial(ctx, os.Getenv("PANGEA_TEST_RPC"), WithToken("wrong")); !errors.Is(err, ErrDenied) {
		t.Fatal(err)
	}
}

func TestNodeBlocks(t *testing.T) {
	client := dialNode(t)
	for _, size := range []int{1 << 20, 16 << 20, 64 << 20} {
		data := seeded(size)
		shards, err := client.CesProcess(t.Context(), data, 3)
		if err != nil || len(shards) != 12 {
			t.Fatal(size, len(shards), err)
		}
		shards[1].Data, shards[5].Data, shards[9].Data, shards[11].Data = nil, nil, nil, nil
		back, err := client.CesReconstruct(t.Context(), shards, 3)
		if err != nil || !bytes.Equal(back, data) {
			t.Fatal(size, len(back), err)
		}
	}
}

func TestNodeEventsComeAfterTheCallReturned(t *testing.T) {
	client := dialNode(t)
	got := make(chan Event, 16)
	subscription, err := client.Subscribe(t.Context(), EventKinds{Objects: true}, func(event Event) { got <- event })
	if err != nil {
		t.Fatal(err)
	}
	defer subscription.Close()
	result, err := client.Put(t.Context(), "event", bytes.NewReader(seeded(1000)))
	if err != nil {
		t.Fatal(err)
	}
	select {
	case event := <-got:
		if event.Object == nil || event.Object.Root != result.Object.Root || event.Sequence != 1 {
			t.Fatalf("%+v", event)
		}
	case <-time.After(patience):
		t.Fatal("no event came")
	}
}

func TestNodeNarrowsAndRevokes(t *testing.T) {
	client := dialNode(t)
	ctx := t.Context()
	one, err := client.Put(ctx, "narrow", bytes.NewReader(seeded(1000)))
	if err != nil {
		t.Fatal(err)
	}
	narrow, revoker, err := client.Narrow(ctx, Rights{Read: true, OnlyObjects: []string{one.Object.Root}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := narrow.GetTo(ctx, one.Object.Root, io.Discard); err != nil {
		t.Fatal(err)
	}
	_, err = narrow.Put(ctx, "more", bytes.NewReader(seeded(10)))
	wants(t, err, ErrDenied)
	if err := revoker.Revoke(ctx); err != nil {
		t.Fatal(err)
	}
	_, err = narrow.GetTo(ctx, one.Object.Root, io.Discard)
	wants(t, err, ErrDenied)
}

// bare is the RPC library without this package: what a program written from the schema alone would use.
func bare(t *testing.T) (schema.PangeaNode, *rpc.Conn, net.Conn) {
	t.Helper()
	if os.Getenv("PANGEA_TEST_RPC") == "" {
		t.Skip("PANGEA_TEST_RPC names no node")
	}
	socket, err := net.Dial("tcp", os.Getenv("PANGEA_TEST_RPC"))
	if err != nil {
		t.Fatal(err)
	}
	connection := rpc.NewConn(transport.NewStream(socket), nil)
	t.Cleanup(func() { go connection.Close() })
	return schema.PangeaNode(connection.Bootstrap(t.Context())), connection, socket
}

func login(p schema.LoginRequest) error { return p.SetToken(os.Getenv("PANGEA_RPC_TOKEN")) }

func TestNodePipelinesOnUnfinishedAnswers(t *testing.T) {
	node, _, _ := bare(t)
	ctx := t.Context()
	content := seeded(300_000)
	// Nothing is waited for until the last answer.
	session, _ := node.Login(ctx, login)
	put, _ := session.Session().Put(ctx, func(p schema.PutRequest) error { return p.SetObjectName("pipelined") })
	upload := put.Upload()
	for part := range 3 {
		if err := upload.Write(ctx, func(p schema.Upload_write_Params) error { return p.SetChunk(content[part*100_000 : (part+1)*100_000]) }); err != nil {
			t.Fatal(err)
		}
	}
	finish, release := upload.Finish(ctx, nil)
	defer release()
	answer, err := finish.Struct()
	if err != nil {
		t.Fatal(err)
	}
	object, err := answer.Object()
	if err != nil || object.Bytes() != uint64(len(content)) {
		t.Fatal(object.Bytes(), err)
	}
	// On an answer that is an exception, every call further on is that exception.
	refused, _ := node.Login(ctx, func(p schema.LoginRequest) error { return p.SetToken("wrong") })
	status, release := refused.Session().Status(ctx, nil)
	defer release()
	_, err = status.Struct()
	wants(t, asError(err), ErrDenied)
}

func TestNodeAnswersSixtyFourAtATime(t *testing.T) {
	client := dialNode(t)
	var group sync.WaitGroup
	failures := make(chan error, 64)
	for worker := range 64 {
		group.Go(func() {
			for range 20 {
				if node, err := client.GetNode(t.Context(), client.About().NodeID); err != nil || node.ID != client.About().NodeID {
					failures <- errors.Join(err, errors.New("worker "+strconv.Itoa(worker)))
					return
				}
			}
		})
	}
	group.Wait()
	close(failures)
	for err := range failures {
		t.Fatal(err)
	}
}

func TestNodeForgetsCancelledCalls(t *testing.T) {
	client := dialNode(t)
	before := gauge(t, client, "pangea_rpc_memory_bytes")
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				// Waits for a change that may not come.
				if _, err := client.StreamUpdates(ctx); err != nil && !errors.Is(err, ErrAborted) {
					t.Error(err)
				}
			})
		}
		time.Sleep(20 * time.Millisecond)
		cancel()
		group.Wait()
	}
	if _, err := client.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the memory of cancelled calls", func() bool { return gauge(t, client, "pangea_rpc_memory_bytes") <= before+256*1024 })
}

func TestNodeReleasesCapabilities(t *testing.T) {
	client := dialNode(t)
	// A connection has at most 256 sessions: five times two hundred pass only if released ones are gone.
	for range 5 {
		sessions := make([]*Session, 200)
		for index := range sessions {
			narrow, revoker, err := client.Narrow(t.Context(), Rights{Read: true})
			if err != nil {
				t.Fatal(index, err)
			}
			revoker.Close()
			sessions[index] = narrow
		}
		for _, session := range sessions {
			session.Close()
		}
		// The RPC library says that it is done with an answer, and what the answer holds, a quarter of a second late.
		time.Sleep(400 * time.Millisecond)
	}
}

func TestNodeSurvivesDisconnects(t *testing.T) {
	client := dialNode(t)
	content := seeded(8 << 20)
	stored, err := client.Put(t.Context(), "cut", bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	before := gauge(t, client, "pangea_rpc_connections")
	for range 5 {
		// In an upload, in a download, in the middle of one message, and with calls unanswered.
		uploading, err := Dial(t.Context(), os.Getenv("PANGEA_TEST_RPC"))
		if err != nil {
			t.Fatal(err)
		}
		writer, _ := uploading.Create(t.Context(), "half")
		writer.Write(content[:3<<20])
		uploading.socket.Close()
		writer.Abort()

		reading, err := Dial(t.Context(), os.Getenv("PANGEA_TEST_RPC"))
		if err != nil {
			t.Fatal(err)
		}
		reader, _ := reading.Get(t.Context(), stored.Object.Link)
		io.ReadFull(reader, make([]byte, 100_000))
		reading.socket.Close()
		reader.Close()

		node, _, socket := bare(t)
		node.StreamUpdates(t.Context(), nil)
		if err := node.Resolve(t.Context()); err != nil {
			t.Fatal(err)
		}
		socket.Close()

		plain, err := net.Dial("tcp", os.Getenv("PANGEA_TEST_RPC"))
		if err != nil {
			t.Fatal(err)
		}
		plain.Write([]byte{0, 0, 0, 0, 0, 0, 32, 0, 1, 2, 3})
		plain.Close()
	}
	eventually(t, "the end of connections that were cut", func() bool { return gauge(t, client, "pangea_rpc_connections") <= before })
	var back bytes.Buffer
	if _, err := client.GetTo(t.Context(), stored.Object.Link, &back); err != nil || !bytes.Equal(back.Bytes(), content) {
		t.Fatal(back.Len(), err)
	}
	for object, err := range client.Search(t.Context(), "half") {
		t.Fatal("a half upload was kept: ", object.Name, err)
	}
}

func TestNodeSaysWhatIsNotOffered(t *testing.T) {
	node, _, _ := bare(t)
	future, release := node.StartStreaming(t.Context(), nil)
	defer release()
	_, err := future.Struct()
	wants(t, asError(err), ErrNotSupported)
}
