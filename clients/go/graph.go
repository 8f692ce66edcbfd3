package pangea

import (
	"context"
	"errors"
	"iter"
	"time"

	"pangea-node/clients/go/internal/schema"
)

// Graph is the realtime graph that a node shares with programs of gun.js: nodes by their soul, with fields. The session's
// right to read is for Get, Watch and Souls, that to write for Put, that to observe for Status; a session that reaches some
// objects only has no graph. Calls fail with ErrNotSupported where the node was started without --graph-addr.
type Graph struct {
	remote schema.Graph
	ended  <-chan struct{}
}

// GraphRange says which fields of a node are read; all without a condition. Keys are in byte order.
type GraphRange struct {
	Key    string // this one alone
	Prefix string
	From   string // included
	To     string // included
	// Wait is how long peers are asked when nothing is here: 2 s when 0, at most 60 s, and nobody is when it is negative.
	Wait time.Duration
}

const (
	graphPage        = 4096
	defaultGraphWait = 2 * time.Second
)

// Graph gives the node's graph. It is closed by its Close, and ends with the session's rights.
func (s *Session) Graph(ctx context.Context) (*Graph, error) {
	return ask(ctx, s.remote.Graph, nothing[schema.GraphRequest], func(_ *reading, answer schema.GraphResponse) *Graph {
		return &Graph{answer.Graph().AddRef(), s.ended}
	})
}

// Close gives the graph up; what is watched goes on. It is safe to repeat.
func (g *Graph) Close() error {
	g.remote.Release()
	return nil
}

// Get reads all of a node. It fails with ErrNotFound when nobody has it.
func (g *Graph) Get(ctx context.Context, soul string) (GraphNode, error) {
	return g.GetRange(ctx, soul, GraphRange{})
}

// GetRange reads some fields of a node, page by page. It fails with ErrNotFound when nobody has any of them.
func (g *Graph) GetRange(ctx context.Context, soul string, wanted GraphRange) (GraphNode, error) {
	node := GraphNode{Soul: soul, Fields: map[string]GraphField{}}
	if wanted.Wait == 0 {
		wanted.Wait = defaultGraphWait
	}
	for after := ""; ; {
		next, found, err := g.page(ctx, wanted, after, node)
		switch {
		case err != nil:
			return GraphNode{}, err
		case !found && after == "":
			return GraphNode{}, failure("NOT_FOUND", nil, "nobody who was asked has %q", soul)
		case next == "" || !found:
			return node, nil
		case next == after:
			return GraphNode{}, failure("PROTOCOL", nil, "the node gives the same page of fields again")
		}
		after, wanted.Wait = next, -1
	}
}

// page adds fields to a node, and tells where the next page begins.
func (g *Graph) page(ctx context.Context, wanted GraphRange, after string, into GraphNode) (next string, found bool, err error) {
	fill := func(request schema.GraphGetRequest) error {
		request.SetLimit(graphPage)
		request.SetWaitMs(uint32(max(0, wanted.Wait.Milliseconds())))
		return errors.Join(
			request.SetSoul(into.Soul), request.SetKey(wanted.Key), request.SetPrefix(wanted.Prefix), request.SetFrom(wanted.From),
			request.SetTo(wanted.To), request.SetAfter(after),
		)
	}
	_, err = ask(ctx, g.remote.Get, fill, func(r *reading, answer schema.GraphGetResponse) struct{} {
		found, next = answer.Found(), r.text(answer.Next())
		readFields(r, into.Fields)(answer.Fields())
		return struct{}{}
	})
	return next, found, err
}

// Put sets fields of a node, at most 4,096: text, any kind of number, bool, [Link], or nil, which deletes one. It returns when
// the node has stored them.
func (g *Graph) Put(ctx context.Context, soul string, fields map[string]any) (GraphPut, error) {
	fill := func(request schema.GraphPutRequest) error {
		list, err := request.NewFields(int32(len(fields)))
		if err != nil {
			return err
		}
		index := 0
		for key, value := range fields {
			if err := setField(list.At(index), key, value); err != nil {
				return err
			}
			index++
		}
		return request.SetSoul(soul)
	}
	return ask(ctx, g.remote.Put, fill, func(_ *reading, answer schema.GraphPutResponse) GraphPut {
		return GraphPut{State: answer.State(), Stored: answer.Stored().String()}
	})
}

// GraphInterest is what Watch is told of: nodes by their souls, or all whose soul begins with Prefix.
type GraphInterest struct {
	Souls  []string
	Prefix string
	Whole  bool // all of the node with each change, instead of what changed; large ones come in several, see GraphChange.More
}

// Watch gives the nodes as they are, then what changes, for as long as the loop takes it. A loop that is slower than the
// changes gets the newest value of each field. When the context or the connection ends, an error is the last.
func (g *Graph) Watch(ctx context.Context, interest GraphInterest) iter.Seq2[GraphChange, error] {
	return deliveries(ctx, func(listener func(GraphChange)) (*Subscription, error) {
		subscription := &Subscription{over: make(chan struct{})}
		fill := func(request schema.GraphWatchRequest) error {
			request.SetWhole(interest.Whole)
			return errors.Join(
				setTexts(request.NewSouls, interest.Souls), request.SetPrefix(interest.Prefix),
				request.SetListener(schema.GraphListener_ServerToClient(&graphListener{listener, subscription.over})),
			)
		}
		remote, err := ask(ctx, g.remote.Watch, fill, func(_ *reading, answer schema.GraphWatchResponse) schema.Subscription {
			return answer.Subscription().AddRef()
		})
		return subscription.begin(ctx, g.ended, remote, err)
	})
}

// Souls gives the souls of all nodes that are here, in byte order. It asks page by page; an error is the last thing it gives.
func (g *Graph) Souls(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for after := ""; ; {
			fill := func(request schema.GraphSoulsRequest) error {
				request.SetLimit(pageLength)
				return errors.Join(request.SetPrefix(prefix), request.SetAfter(after))
			}
			next := ""
			souls, err := ask(ctx, g.remote.Souls, fill, func(r *reading, answer schema.GraphSoulsResponse) []string {
				next = r.text(answer.Next())
				return r.texts(answer.Souls())
			})
			if err == nil && next == after && next != "" {
				err = failure("PROTOCOL", nil, "the node gives the same page of souls again")
			}
			if err != nil {
				yield("", err)
				return
			}
			for _, soul := range souls {
				if !yield(soul, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			after = next
		}
	}
}

// Status of the graph; IsOn is false where the node serves none.
func (g *Graph) Status(ctx context.Context) (GraphStatus, error) {
	return ask(ctx, g.remote.Status, nothing[schema.GraphStatusRequest], readGraphStatus)
}

type graphListener struct {
	listener func(GraphChange)
	over     <-chan struct{}
}

func (l *graphListener) Change(_ context.Context, call schema.GraphListener_change) error {
	select {
	case <-l.over:
		return errReaderClosed
	default:
	}
	r := &reading{}
	from := call.Args()
	change := GraphChange{
		Node: GraphNode{Soul: r.text(from.Soul()), Fields: map[string]GraphField{}}, Origin: from.Origin().String(), Sequence: from.Sequence(),
		Lost: from.Lost(), More: from.More(),
	}
	readFields(r, change.Node.Fields)(from.Fields())
	if r.err != nil {
		return r.err
	}
	l.listener(change)
	return nil
}
