package memnode

import (
	"context"
	"errors"
	"time"

	"capnproto.org/go/capnp/v3/flowcontrol"

	"pangea-node/clients/go/internal/schema"
)

type subscription struct {
	node     *Node
	listener schema.EventListener
	sent     uint64
}

func (s *session) Subscribe(_ context.Context, call schema.Session_subscribe) error {
	if err := s.grant.allow(s.grant.observe); err != nil {
		return err
	}
	made := &subscription{node: s.node, listener: call.Args().Listener().AddRef()}
	made.listener.SetFlowLimiter(flowcontrol.NewFixedLimiter(1 << 20))
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	s.node.with(func() { s.node.listeners[made] = true })
	return answer.SetSubscription(schema.Subscription_ServerToClient(made))
}

// Shutdown is called when the subscriber released it.
func (s *subscription) Shutdown() {
	s.node.with(func() { delete(s.node.listeners, s) })
	s.listener.Release()
}

// Listeners counts subscriptions.
func (n *Node) Listeners() (count int) {
	n.with(func() { count = len(n.listeners) })
	return count
}

// Message tells listeners of one.
func (n *Node) Message(data []byte) {
	n.tell(func(event schema.Event) error {
		message, err := event.NewMessage_()
		if err != nil {
			return err
		}
		message.SetFromNodeId(9)
		return errors.Join(message.SetFromPeerId("12D3KooWOther"), message.SetData(data))
	})
}

func (n *Node) tell(fill func(schema.Event) error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for each := range n.listeners {
		each.sent++
		// A listener that is gone is taken out by Shutdown.
		_ = each.listener.Event(context.Background(), func(event schema.Event) error {
			event.SetSequence(each.sent)
			event.SetAtMs(time.Now().UnixMilli())
			return fill(event)
		})
	}
}
