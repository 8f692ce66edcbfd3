package pangea

import (
	"context"
	"iter"
	"time"

	capnp "capnproto.org/go/capnp/v3"

	"pangea-node/clients/go/internal/schema"
)

// Session is a capability with rights: what they do not cover fails with ErrDenied. It ends with its connection, when
// it is closed, or when it is revoked, and so does all that was begun from it.
type Session struct {
	remote     schema.Session
	rights     Rights
	chunkBytes int
	ended      <-chan struct{} // the connection's end; nil when it is not ours
}

const (
	defaultChunkBytes = 1 << 20
	maxChunkBytes     = 4 << 20
	pageLength        = 256
)

func newSession(remote schema.Session, rights Rights, chunkBytes uint32, ended <-chan struct{}) *Session {
	if chunkBytes == 0 || chunkBytes > maxChunkBytes {
		chunkBytes = defaultChunkBytes
	}
	return &Session{remote: remote, rights: rights, chunkBytes: int(chunkBytes), ended: ended}
}

// SessionFrom makes a session of a capability that came from elsewhere, such as a narrowed one that another program
// handed on. It takes the reference over. Rights are unknown.
func SessionFrom(capability capnp.Client) *Session {
	return newSession(schema.Session(capability), Rights{}, 0, nil)
}

// Capability is the session as Cap'n Proto knows it, to be handed on to others as a parameter or result of a call.
// The caller releases it.
func (s *Session) Capability() capnp.Client { return capnp.Client(s.remote.AddRef()) }

// Rights that the node granted.
func (s *Session) Rights() Rights { return s.rights }

// Close gives the session up. It is safe to repeat.
func (s *Session) Close() error {
	s.remote.Release()
	return nil
}

// Info tells an object's health. The reference is a link, root or name.
func (s *Session) Info(ctx context.Context, reference string) (ObjectInfo, error) {
	return ask(ctx, s.remote.Info, byReference(reference), readInfo)
}

// Remove removes an object from the catalogue and from its holders.
func (s *Session) Remove(ctx context.Context, reference string) (RemoveResult, error) {
	return ask(ctx, s.remote.Remove, byReference(reference), readRemoved)
}

func byReference(reference string) func(schema.ObjectRequest) error {
	return func(request schema.ObjectRequest) error { return request.SetReference(reference) }
}

// List gives all objects of the catalogue. It asks page by page, as the loop goes on; an error is the last thing it gives.
func (s *Session) List(ctx context.Context) iter.Seq2[ObjectRecord, error] { return s.Search(ctx, "") }

// Search gives the objects whose names contain the pattern; `*` and `?` match.
func (s *Session) Search(ctx context.Context, pattern string) iter.Seq2[ObjectRecord, error] {
	return func(yield func(ObjectRecord, error) bool) {
		for after := ""; ; {
			page, err := s.page(ctx, pattern, after)
			if err != nil {
				yield(ObjectRecord{}, err)
				return
			}
			for _, object := range page.objects {
				if !yield(object, nil) {
					return
				}
			}
			if page.next == "" {
				return
			}
			if page.next == after {
				yield(ObjectRecord{}, failure("PROTOCOL", nil, "the node gives the same page of the catalogue again"))
				return
			}
			after = page.next
		}
	}
}

type page struct {
	objects []ObjectRecord
	next    string
}

func (s *Session) page(ctx context.Context, pattern, after string) (page, error) {
	fill := func(request schema.ListRequest) error {
		request.SetLimit(pageLength)
		if err := request.SetAfter(after); err != nil {
			return err
		}
		return request.SetPattern(pattern)
	}
	return ask(ctx, s.remote.List, fill, func(r *reading, answer schema.ListResponse) page {
		return page{listOf[schema.ObjectRecord_List](r, readRecord)(answer.Objects()), r.text(answer.Next())}
	})
}

// Status of the node.
func (s *Session) Status(ctx context.Context) (Status, error) {
	return ask(ctx, s.remote.Status, nothing[schema.StatusRequest], readStatus)
}

// Peers that the node knows.
func (s *Session) Peers(ctx context.Context) ([]Peer, error) {
	return ask(ctx, s.remote.Peers, nothing[schema.PeersRequest], func(r *reading, answer schema.PeersResponse) []Peer {
		return listOf[schema.Peer_List](r, readPeer)(answer.Peers())
	})
}

// Plan says which variants the node runs.
func (s *Session) Plan(ctx context.Context) (Plan, error) {
	return ask(ctx, s.remote.Plan, nothing[schema.PlanRequest], readPlan)
}

// Metrics in the text format of Prometheus, version 0.0.4.
func (s *Session) Metrics(ctx context.Context) (string, error) {
	return ask(ctx, s.remote.Metrics, nothing[schema.MetricsRequest], func(r *reading, answer schema.MetricsResponse) string {
		return r.text(answer.Text())
	})
}

// Firewall gives the allowlist and what it did.
func (s *Session) Firewall(ctx context.Context) (FirewallState, error) {
	return ask(ctx, s.remote.Firewall, nothing[schema.FirewallRequest], readFirewall)
}

// SetFirewall replaces the allowlist by these CIDR blocks.
func (s *Session) SetFirewall(ctx context.Context, allow []string) (FirewallState, error) {
	fill := func(request schema.SetFirewallRequest) error { return setTexts(request.NewAllow, allow) }
	return ask(ctx, s.remote.SetFirewall, fill, readFirewall)
}

// Repair tells what the node restored.
func (s *Session) Repair(ctx context.Context) (RepairState, error) {
	return ask(ctx, s.remote.Repair, nothing[schema.RepairRequest], readRepair)
}

// ControlRepair runs a round of repair, pauses repair or goes on with it.
func (s *Session) ControlRepair(ctx context.Context, action RepairAction) (RepairState, error) {
	fill := func(request schema.ControlRepairRequest) error {
		request.SetAction(schema.RepairAction(action))
		return nil
	}
	return ask(ctx, s.remote.ControlRepair, fill, readRepair)
}

// ConnectPeer dials host:port over QUIC, or a multiaddr, and gives the peer's id.
func (s *Session) ConnectPeer(ctx context.Context, address string) (string, error) {
	fill := func(request schema.ConnectPeerRequest) error { return request.SetAddress(address) }
	return ask(ctx, s.remote.ConnectPeer, fill, func(r *reading, answer schema.ConnectPeerResponse) string { return r.text(answer.PeerId()) })
}

// RevokePeer takes a peer's membership of a private network back.
func (s *Session) RevokePeer(ctx context.Context, peerID string) error {
	fill := func(request schema.RevokePeerRequest) error { return request.SetPeerId(peerID) }
	_, err := ask(ctx, s.remote.RevokePeer, fill, func(*reading, schema.RevokePeerResponse) struct{} { return struct{}{} })
	return err
}

// Invite makes a ticket with which so many nodes can join a private network before it expires.
func (s *Session) Invite(ctx context.Context, uses uint32, expiresIn time.Duration) (string, error) {
	fill := func(request schema.InviteRequest) error {
		request.SetUses(uses)
		request.SetExpiresInMs(uint64(expiresIn.Milliseconds()))
		return nil
	}
	return ask(ctx, s.remote.Invite, fill, func(r *reading, answer schema.InviteResponse) string { return r.text(answer.Ticket()) })
}
