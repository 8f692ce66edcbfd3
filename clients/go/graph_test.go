package pangea

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"
)

func nodeGraph(t *testing.T) (*Client, *Graph, string) {
	t.Helper()
	client := dialNode(t)
	graph, err := client.Graph(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { graph.Close() })
	status, err := graph.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !status.IsOn {
		t.Skip("the node serves no graph")
	}
	return client, graph, fmt.Sprintf("go/%d", time.Now().UnixNano())
}

func valuesOf(node GraphNode) map[string]any {
	values := map[string]any{}
	for key, field := range node.Fields {
		values[key] = field.Value
	}
	return values
}

func put(t *testing.T, graph *Graph, soul string, fields map[string]any) GraphPut {
	t.Helper()
	done, err := graph.Put(t.Context(), soul, fields)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestNodeGraphValues(t *testing.T) {
	_, graph, soul := nodeGraph(t)
	ctx := t.Context()
	type text string
	done := put(t, graph, soul, map[string]any{
		"text": "Grüße \U0001f44b", "own": text("t"), "int": -3, "uint": uint16(7), "float": 2.5, "yes": true, "gone": nil, "next": Link("other"),
	})
	if done.Stored != "disk" || done.State < 1e12 {
		t.Fatal(done)
	}
	node, err := graph.Get(ctx, soul)
	wanted := map[string]any{"text": "Grüße \U0001f44b", "own": "t", "int": -3.0, "uint": 7.0, "float": 2.5, "yes": true, "gone": nil, "next": Link("other")}
	if err != nil || !maps.Equal(valuesOf(node), wanted) || node.Fields["yes"].State != done.State || node.Value("absent") != nil {
		t.Fatal(node, err)
	}
	if line, err := json.Marshal(node.Fields["next"].Value); err != nil || string(line) != `{"#":"other"}` {
		t.Fatal(string(line), err)
	}
	node, err = graph.GetRange(ctx, soul, GraphRange{Key: "float"})
	if err != nil || !maps.Equal(valuesOf(node), map[string]any{"float": 2.5}) {
		t.Fatal(node, err)
	}
	_, err = graph.GetRange(ctx, soul+"/absent", GraphRange{Wait: -1})
	wants(t, err, ErrNotFound)
	for _, fields := range []map[string]any{{}, {"": 1}, {"_": 1}, {"x": math.NaN()}, {"x": []byte{1}}, {"x": int64(1<<53 + 1)}, {"x": uint64(math.MaxUint64)}, {"x": Link("")}} {
		_, err = graph.Put(ctx, soul+"/bad", fields)
		wants(t, err, ErrUsage)
	}
	_, err = graph.GetRange(ctx, soul+"/bad", GraphRange{Wait: -1})
	wants(t, err, ErrNotFound)
}

func TestNodeGraphPages(t *testing.T) {
	_, graph, soul := nodeGraph(t)
	ctx := t.Context()
	const count = 9_000
	for at := 0; at < count; at += 3_000 {
		fields := map[string]any{}
		for index := at; index < at+3_000; index++ {
			fields[fmt.Sprintf("k%05d", index)] = index
		}
		put(t, graph, soul, fields)
	}
	node, err := graph.Get(ctx, soul)
	if err != nil || len(node.Fields) != count || node.Value("k08999") != 8999.0 {
		t.Fatal(len(node.Fields), err)
	}
	node, err = graph.GetRange(ctx, soul, GraphRange{Prefix: "k0123", From: "k01235", To: "k01237"})
	if err != nil || !slices.Equal(slices.Sorted(maps.Keys(node.Fields)), []string{"k01235", "k01236", "k01237"}) {
		t.Fatal(node, err)
	}
	var souls []string
	for index := range 600 {
		soul := fmt.Sprintf("%s/%03d", soul, index)
		put(t, graph, soul, map[string]any{"x": 1})
		souls = append(souls, soul)
	}
	var found []string
	for each, err := range graph.Souls(ctx, soul+"/") {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, each)
	}
	if !slices.Equal(found, souls) {
		t.Fatal(len(found))
	}
	// A large node comes whole, in parts.
	whole := map[string]any{}
	for change, err := range graph.Watch(ctx, GraphInterest{Souls: []string{soul}, Whole: true}) {
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(whole, valuesOf(change.Node))
		if !change.More {
			break
		}
	}
	if len(whole) != count {
		t.Fatal(len(whole))
	}
}

func TestNodeGraphWatch(t *testing.T) {
	client, graph, soul := nodeGraph(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	put(t, graph, soul, map[string]any{"a": 1, "b": 2})
	subscriptions := gauge(t, client, "pangea_graph_subscriptions")
	step := 0
	for change, err := range graph.Watch(ctx, GraphInterest{Souls: []string{soul}}) {
		if err != nil {
			t.Fatal(err)
		}
		step++
		wanted := []map[string]any{{"a": 1.0, "b": 2.0}, {"b": Link("x")}, {"c": "later"}}[step-1]
		if change.Node.Soul != soul || change.Sequence != uint64(step) || change.Lost != 0 || !maps.Equal(valuesOf(change.Node), wanted) {
			t.Fatal(step, change)
		}
		switch step {
		case 1:
			put(t, graph, soul, map[string]any{"b": Link("x")})
		case 2:
			put(t, graph, soul, map[string]any{"c": "later"})
		}
		if step == 3 {
			break
		}
	}
	eventually(t, "the end of the watch", func() bool { return gauge(t, client, "pangea_graph_subscriptions") <= subscriptions })

	// The context ends it, and a lost connection.
	short, stop := context.WithCancel(ctx)
	for _, err := range graph.Watch(short, GraphInterest{Prefix: soul}) {
		if err != nil {
			wants(t, err, ErrAborted)
			break
		}
		stop()
	}
	stop()
	for _, err := range graph.Watch(ctx, GraphInterest{Prefix: soul}) {
		if err != nil {
			wants(t, err, ErrNotRunning)
			break
		}
		client.socket.Close()
	}
}

func TestNodeGraphRights(t *testing.T) {
	client, graph, soul := nodeGraph(t)
	ctx := t.Context()
	put(t, graph, soul, map[string]any{"a": 1})
	reader, revoker, err := client.Narrow(ctx, Rights{Read: true})
	if err != nil {
		t.Fatal(err)
	}
	reading, err := reader.Graph(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if node, err := reading.Get(ctx, soul); err != nil || node.Value("a") != 1.0 {
		t.Fatal(node, err)
	}
	_, err = reading.Put(ctx, soul, map[string]any{"a": 2})
	wants(t, err, ErrDenied)
	_, err = reading.Status(ctx)
	wants(t, err, ErrDenied)
	some, _, err := client.Narrow(ctx, Rights{Read: true, Write: true, OnlyObjects: []string{fmt.Sprintf("%064d", 0)}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = some.Graph(ctx)
	wants(t, err, ErrDenied)
	if err := revoker.Revoke(ctx); err != nil {
		t.Fatal(err)
	}
	_, err = reading.Get(ctx, soul)
	wants(t, err, ErrDenied)
}

func TestNodeGraphGivesItsCapabilitiesBack(t *testing.T) {
	client, _, soul := nodeGraph(t)
	// A connection has at most 256 sessions and graphs, and 16 watches.
	for range 3 {
		for range 100 {
			graph, err := client.Graph(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			graph.Close()
		}
		time.Sleep(400 * time.Millisecond)
	}
	graph, err := client.Graph(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	put(t, graph, soul, map[string]any{"a": 1})
	for range 3 {
		for range 10 {
			for _, err := range graph.Watch(t.Context(), GraphInterest{Souls: []string{soul}}) {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		time.Sleep(400 * time.Millisecond)
	}
}
