package pangea

import (
	"context"

	"pangea-node/clients/go/internal/schema"
)

// Revoker ends a narrowed session, and all that were made from it, whoever holds them. Releasing it does not revoke.
type Revoker struct {
	remote schema.Revoker
}

// Narrow makes a session with at most these rights, to hand on. The node grants no more than this session has;
// what it granted is in the new session's Rights.
func (s *Session) Narrow(ctx context.Context, rights Rights) (*Session, *Revoker, error) {
	type narrowed struct {
		session *Session
		revoker *Revoker
	}
	fill := func(request schema.NarrowRequest) error {
		wanted, err := request.NewRights()
		if err != nil {
			return err
		}
		return setRights(wanted, rights)
	}
	made, err := ask(ctx, s.remote.Narrow, fill, func(r *reading, answer schema.NarrowResponse) narrowed {
		granted := structOf(r, readRights)(answer.Rights())
		session := newSession(answer.Session().AddRef(), granted, uint32(s.chunkBytes), s.ended)
		return narrowed{session, &Revoker{answer.Revoker().AddRef()}}
	})
	return made.session, made.revoker, err
}

func setRights(to schema.Rights, rights Rights) error {
	to.SetRead(rights.Read)
	to.SetWrite(rights.Write)
	to.SetRemove(rights.Remove)
	to.SetObserve(rights.Observe)
	to.SetControl(rights.Control)
	if !rights.Expires.IsZero() {
		to.SetExpiresMs(rights.Expires.UnixMilli())
	}
	if len(rights.OnlyObjects) == 0 {
		return nil
	}
	return setTexts(to.NewOnlyObjects, rights.OnlyObjects)
}

// Revoke makes the narrowed session answer ErrDenied from now on. It is safe to repeat.
func (r *Revoker) Revoke(ctx context.Context) error {
	_, err := ask(ctx, r.remote.Revoke, nothing[schema.RevokeRequest], func(*reading, schema.RevokeResponse) struct{} { return struct{}{} })
	return err
}

// Close releases the revoker; the session it could have revoked lives on.
func (r *Revoker) Close() error {
	r.remote.Release()
	return nil
}
