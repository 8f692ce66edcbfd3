package memnode

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	capnp "capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/server"

	"pangea-node/clients/go/internal/schema"
)

type session struct {
	// Methods that are not offered; calling one would be a bug here.
	schema.Session_Server
	node  *Node
	grant *grant
}

func (n *Node) session(grant *grant) schema.Session {
	notOffered := []string{"plan", "revokePeer", "connectPeer", "graph"}
	methods := slices.DeleteFunc(schema.Session_Methods(nil, &session{node: n, grant: grant}), func(method server.Method) bool {
		return slices.Contains(notOffered, method.MethodName)
	})
	return schema.Session(capnp.NewClient(server.New(methods, nil, nil)))
}

func (n *Node) store(name, mediaType string, kind schema.ObjectKind, content []byte, entries []entry) *object {
	sum := sha256.Sum256(append([]byte(name), content...))
	kept := &object{record{hex.EncodeToString(sum[:]), name, mediaType, kind, uint64(len(content)), time.Now()}, content, entries}
	n.with(func() {
		if n.objects[name] == nil {
			n.order = append(n.order, name)
		}
		n.objects[name] = kept
	})
	n.tell(func(event schema.Event) error {
		put, err := event.NewObject()
		if err != nil {
			return err
		}
		put.SetBytes(kept.record.bytes)
		return errors.Join(put.SetRoot(kept.record.root), put.SetObjectName(name))
	})
	return kept
}

func (n *Node) find(reference string, err error) (*object, error) {
	if err != nil {
		return nil, err
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for _, kept := range n.objects {
		if reference == kept.record.name || reference == kept.record.root || reference == kept.record.link() {
			return kept, nil
		}
	}
	return nil, fmt.Errorf("NOT_FOUND: no object has the name or root %.20s: `list` shows what there is", reference)
}

func (r record) link() string { return "pangea:1:" + r.root }

func (r record) copyTo(to schema.ObjectRecord) error {
	to.SetKind(r.kind)
	to.SetBytes(r.bytes)
	to.SetCreatedMs(r.created.UnixMilli())
	return errors.Join(to.SetRoot(r.root), to.SetLink(r.link()), to.SetObjectName(r.name), to.SetMediaType(r.mediaType))
}

func (s *session) Info(_ context.Context, call schema.Session_info) error {
	kept, err := s.node.find(call.Args().Reference())
	if err != nil {
		return err
	}
	if err := s.grant.reach(s.grant.read, kept.record.root); err != nil {
		return err
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	answer.SetShardsTotal(12)
	answer.SetShardsPresent(12)
	answer.SetSurvivesFailures(4)
	to, err := answer.NewObject()
	if err != nil {
		return err
	}
	holders, err := answer.NewHolders(1)
	if err != nil {
		return err
	}
	holders.At(0).SetShards(12)
	holders.At(0).SetLive(true)
	return errors.Join(holders.At(0).SetPeerId("12D3KooWMemory"), kept.record.copyTo(to))
}

func (s *session) List(_ context.Context, call schema.Session_list) error {
	if err := s.grant.allow(s.grant.read); err != nil {
		return err
	}
	pattern, err := call.Args().Pattern()
	if err != nil {
		return err
	}
	after, err := call.Args().After()
	if err != nil {
		return err
	}
	// Small pages, so that clients are seen to ask on.
	const pageLength = 3
	var found []record
	next := ""
	s.node.with(func() {
		names := slices.Sorted(slices.Values(s.node.order))
		for _, name := range names {
			matches, _ := path.Match("*"+pattern+"*", name)
			if s.node.objects[name] == nil || name <= after && after != "" || pattern != "" && !matches {
				continue
			}
			if len(found) == pageLength {
				next = found[pageLength-1].name
				break
			}
			found = append(found, s.node.objects[name].record)
		}
	})
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	list, err := answer.NewObjects(int32(len(found)))
	if err != nil {
		return err
	}
	for index, record := range found {
		if err := record.copyTo(list.At(index)); err != nil {
			return err
		}
	}
	return answer.SetNext(next)
}

func (s *session) Remove(_ context.Context, call schema.Session_remove) error {
	kept, err := s.node.find(call.Args().Reference())
	if err != nil {
		return err
	}
	if err := s.grant.reach(s.grant.remove, kept.record.root); err != nil {
		return err
	}
	s.node.with(func() { delete(s.node.objects, kept.record.name) })
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	answer.SetConfirmed(1)
	answer.SetHolders(1)
	return answer.SetRoot(kept.record.root)
}

func (s *session) Status(_ context.Context, call schema.Session_status) error {
	if err := s.grant.allow(s.grant.observe); err != nil {
		return err
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	answer.SetReady(true)
	answer.SetNodeId(7)
	answer.SetObjectsCatalogue(uint64(s.node.Objects()))
	parts, err := answer.NewParts(1)
	if err != nil {
		return err
	}
	parts.At(0).SetUp(true)
	return errors.Join(parts.At(0).SetPart("RPC"), answer.SetVersion("memory"), answer.SetReachability("private"))
}

func (s *session) Peers(_ context.Context, call schema.Session_peers) error {
	if err := s.grant.allow(s.grant.observe); err != nil {
		return err
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	list, err := answer.NewPeers(1)
	if err != nil {
		return err
	}
	list.At(0).SetNodeId(8)
	list.At(0).SetConnected(true)
	return list.At(0).SetPath("direct")
}

func (s *session) Metrics(_ context.Context, call schema.Session_metrics) error {
	if err := s.grant.allow(s.grant.observe); err != nil {
		return err
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	return answer.SetText("# TYPE pangea_objects gauge\n")
}

func (s *session) Firewall(_ context.Context, call schema.Session_firewall) error {
	return s.firewall(call.AllocResults, s.grant.observe, []string{"127.0.0.0/8"})
}

func (s *session) SetFirewall(_ context.Context, call schema.Session_setFirewall) error {
	list, err := call.Args().Allow()
	if err != nil {
		return err
	}
	var allow []string
	for index := range list.Len() {
		block, err := list.At(index)
		if err != nil {
			return err
		}
		if !strings.Contains(block, "/") {
			return fmt.Errorf("CONFIG_INVALID: %s is no CIDR block", block)
		}
		allow = append(allow, block)
	}
	return s.firewall(call.AllocResults, s.grant.control, allow)
}

func (s *session) firewall(alloc func() (schema.FirewallState, error), right bool, allow []string) error {
	if err := s.grant.allow(right); err != nil {
		return err
	}
	answer, err := alloc()
	if err != nil {
		return err
	}
	list, err := answer.NewAllow(int32(len(allow)))
	for index, block := range allow {
		err = errors.Join(err, list.Set(index, block))
	}
	return errors.Join(err, answer.SetMode("userspace"))
}

func (s *session) Repair(_ context.Context, call schema.Session_repair) error {
	_, err := call.AllocResults()
	return errors.Join(err, s.grant.allow(s.grant.observe))
}

func (s *session) ControlRepair(_ context.Context, call schema.Session_controlRepair) error {
	if err := s.grant.allow(s.grant.control); err != nil {
		return err
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	answer.SetPaused(call.Args().Action() == schema.RepairAction_pause)
	return nil
}

func (s *session) Invite(_ context.Context, call schema.Session_invite) error {
	if err := s.grant.allow(s.grant.control); err != nil {
		return err
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	return answer.SetTicket(fmt.Sprintf("ticket-%d-%d", call.Args().Uses(), call.Args().ExpiresInMs()))
}
