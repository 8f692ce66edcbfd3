package memnode

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"pangea-node/clients/go/internal/schema"
)

// grant is what a session may do; those made from it end with it.
type grant struct {
	read, write, remove, observe, control bool
	only                                  []string
	revoked                               atomic.Bool
	parent                                *grant
}

func (g *grant) ended() bool { return g.revoked.Load() || (g.parent != nil && g.parent.ended()) }

func (g *grant) allow(right bool) error {
	if g.ended() {
		return errors.New("DENIED: the session was revoked")
	}
	if !right {
		return errors.New("DENIED: the session does not have this right")
	}
	return nil
}

func (g *grant) reach(right bool, root string) error {
	if err := g.allow(right); err != nil {
		return err
	}
	if len(g.only) > 0 && !slices.Contains(g.only, root) {
		return errors.New("DENIED: the session does not reach this object")
	}
	return nil
}

func (g *grant) copyTo(rights schema.Rights) error {
	rights.SetRead(g.read)
	rights.SetWrite(g.write)
	rights.SetRemove(g.remove)
	rights.SetObserve(g.observe)
	rights.SetControl(g.control)
	list, err := rights.NewOnlyObjects(int32(len(g.only)))
	for index, root := range g.only {
		err = errors.Join(err, list.Set(index, root))
	}
	return err
}

func (s *session) Narrow(_ context.Context, call schema.Session_narrow) error {
	if err := s.grant.allow(true); err != nil {
		return err
	}
	wanted, err := call.Args().Rights()
	if err != nil {
		return err
	}
	narrow := &grant{
		read: s.grant.read && wanted.Read(), write: s.grant.write && wanted.Write(), remove: s.grant.remove && wanted.Remove(),
		observe: s.grant.observe && wanted.Observe(), control: s.grant.control && wanted.Control(), only: s.grant.only, parent: s.grant,
	}
	list, err := wanted.OnlyObjects()
	if err != nil {
		return err
	}
	for index := range list.Len() {
		root, err := list.At(index)
		if err != nil {
			return err
		}
		narrow.only = append(narrow.only, root)
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	granted, err := answer.NewRights()
	if err != nil {
		return err
	}
	return errors.Join(narrow.copyTo(granted), answer.SetSession(s.node.session(narrow)), answer.SetRevoker(schema.Revoker_ServerToClient(revoker{narrow})))
}

type revoker struct{ grant *grant }

func (r revoker) Revoke(_ context.Context, call schema.Revoker_revoke) error {
	r.grant.revoked.Store(true)
	_, err := call.AllocResults()
	return err
}
