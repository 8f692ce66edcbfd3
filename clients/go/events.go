package pangea

import (
	"context"
	"iter"
	"sync"
	"time"

	"pangea-node/clients/go/internal/schema"
)

// EventKinds to be told of.
type EventKinds struct {
	Peers    bool `json:"peers"`
	Objects  bool `json:"objects"`
	Repair   bool `json:"repair"`
	Firewall bool `json:"firewall"`
	Messages bool `json:"messages"`
}

// AllEvents of a node.
var AllEvents = EventKinds{Peers: true, Objects: true, Repair: true, Firewall: true, Messages: true}

// Event of a node: one of the five pointers is set. Lost counts the events that the node dropped just before this one,
// because the listener was slow.
type Event struct {
	Sequence uint64         `json:"sequence"` // counts from 1 within a subscription
	Lost     uint64         `json:"lost"`
	At       time.Time      `json:"at,omitzero"`
	Peer     *PeerEvent     `json:"peer,omitempty"`
	Object   *ObjectEvent   `json:"object,omitempty"`
	Repair   *RepairEvent   `json:"repair,omitempty"`
	Firewall *FirewallEvent `json:"firewall,omitempty"`
	Message  *MessageEvent  `json:"message,omitempty"`
}

// PeerEvent: Change is found, connected, disconnected or changed.
type PeerEvent struct {
	Change string `json:"change"`
	Peer   Peer   `json:"peer"`
}

// ObjectEvent: Change is put or removed.
type ObjectEvent struct {
	Change string `json:"change"`
	Root   string `json:"root"`
	Name   string `json:"name"`
	Bytes  uint64 `json:"bytes"`
}

// RepairEvent: Change is roundEnded, restored, unreadable, paused or resumed. Root is empty for a whole round.
type RepairEvent struct {
	Change string `json:"change"`
	Root   string `json:"root"`
	Shards uint32 `json:"shards"`
}

// FirewallEvent: Change is denied or rules. Address is empty where the enforcer only counts.
type FirewallEvent struct {
	Change   string `json:"change"`
	Listener string `json:"listener"`
	Address  string `json:"address"`
	Count    uint64 `json:"count"`
}

// MessageEvent is a message of another node. FromNodeID is 0 when its label is not known.
type MessageEvent struct {
	FromPeerID string `json:"fromPeerId"`
	FromNodeID uint32 `json:"fromNodeId"`
	Data       []byte `json:"data"`
}

// Subscription lasts until it is closed, its context ends, or the connection does.
type Subscription struct {
	remote schema.Subscription
	stop   func() bool // forgets the context
	over   chan struct{}
	once   sync.Once
}

// Subscribe calls listener for each event, one at a time and in order, until the subscription is closed. While it does
// not return, the node keeps events back, and drops and counts those beyond its limit.
func (s *Session) Subscribe(ctx context.Context, kinds EventKinds, listener func(Event)) (*Subscription, error) {
	subscription := &Subscription{over: make(chan struct{})}
	fill := func(request schema.SubscribeRequest) error {
		request.SetPeers(kinds.Peers)
		request.SetObjects(kinds.Objects)
		request.SetRepair(kinds.Repair)
		request.SetFirewall(kinds.Firewall)
		request.SetMessages(kinds.Messages)
		return request.SetListener(schema.EventListener_ServerToClient(&eventListener{listener, subscription.over}))
	}
	remote, err := ask(ctx, s.remote.Subscribe, fill, func(_ *reading, answer schema.SubscribeResponse) schema.Subscription {
		return answer.Subscription().AddRef()
	})
	return subscription.begin(ctx, s.ended, remote, err)
}

// begin takes the answer of the call that made the subscription. It ends with the context, and with the connection.
func (s *Subscription) begin(ctx context.Context, ended <-chan struct{}, remote schema.Subscription, err error) (*Subscription, error) {
	if err != nil {
		close(s.over)
		return nil, err
	}
	s.remote = remote
	// Not Close, which reads `stop`: the context may end before that is set.
	s.stop = context.AfterFunc(ctx, s.end)
	if ended != nil {
		go func() {
			select {
			case <-ended:
				s.Close()
			case <-s.over:
			}
		}()
	}
	return s, nil
}

// Done is closed when no more events come.
func (s *Subscription) Done() <-chan struct{} { return s.over }

// Close ends the subscription. It is safe to repeat, and from within the listener.
func (s *Subscription) Close() error {
	s.stop()
	s.end()
	return nil
}

func (s *Subscription) end() {
	s.once.Do(func() {
		close(s.over)
		s.remote.Release()
	})
}

// Events gives events for as long as the loop takes them. When the context or the connection ends, an error is the last.
func (s *Session) Events(ctx context.Context, kinds EventKinds) iter.Seq2[Event, error] {
	return deliveries(ctx, func(listener func(Event)) (*Subscription, error) { return s.Subscribe(ctx, kinds, listener) })
}

// deliveries makes a loop of a listener, which waits while the loop is busy.
func deliveries[T any](ctx context.Context, subscribe func(func(T)) (*Subscription, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		next := make(chan T)
		left := make(chan struct{})
		subscription, err := subscribe(func(item T) {
			select {
			case next <- item:
			case <-left:
			}
		})
		if err != nil {
			yield(none, err)
			return
		}
		defer subscription.Close()
		defer close(left)
		for {
			select {
			case item := <-next:
				if !yield(item, nil) {
					return
				}
			case <-subscription.Done():
				err := asError(ctx.Err())
				if err == nil {
					err = failure("NODE_NOT_RUNNING", nil, "the connection to the node ended: dial again")
				}
				yield(none, err)
				return
			}
		}
	}
}

type eventListener struct {
	listener func(Event)
	over     <-chan struct{}
}

func (l *eventListener) Event(_ context.Context, call schema.EventListener_event) error {
	select {
	case <-l.over:
		return errReaderClosed
	default:
	}
	r := &reading{}
	event := readEvent(r, call.Args())
	if r.err != nil {
		return r.err
	}
	l.listener(event)
	return nil
}

func readEvent(r *reading, from schema.Event) Event {
	event := Event{Sequence: from.Sequence(), Lost: from.Lost(), At: instant(from.AtMs())}
	switch from.Which() {
	case schema.Event_Which_peer:
		of, err := from.Peer()
		r.fail(err)
		event.Peer = &PeerEvent{of.Change().String(), structOf(r, readPeer)(of.Peer())}
	case schema.Event_Which_object:
		of, err := from.Object()
		r.fail(err)
		event.Object = &ObjectEvent{of.Change().String(), r.text(of.Root()), r.text(of.ObjectName()), of.Bytes()}
	case schema.Event_Which_repair:
		of, err := from.Repair()
		r.fail(err)
		event.Repair = &RepairEvent{of.Change().String(), r.text(of.Root()), of.Shards()}
	case schema.Event_Which_firewall:
		of, err := from.Firewall()
		r.fail(err)
		event.Firewall = &FirewallEvent{of.Change().String(), r.text(of.Listener()), r.text(of.Address()), of.Count()}
	case schema.Event_Which_message_:
		of, err := from.Message_()
		r.fail(err)
		event.Message = &MessageEvent{r.text(of.FromPeerId()), of.FromNodeId(), r.bytes(of.Data())}
	}
	return event
}
