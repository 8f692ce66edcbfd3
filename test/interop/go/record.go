package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// The peer record, schema/peer-record.md.
const (
	nodesTopic     = "/pangea/nodes/1"
	recordPurpose  = "pangea-node 1 peer record\x00"
	recordLifetime = 48*time.Hour + 10*time.Minute
	signatureBytes = 64
	maxSafe        = 1 << 53
)

type statement struct {
	peer      peer.ID
	sequence  uint64
	expires   uint64
	label     uint32
	version   string
	addresses []string
}

func signRecord(key crypto.PrivKey, said statement) ([]byte, error) {
	public, err := key.GetPublic().Raw()
	if err != nil {
		return nil, err
	}
	body := append([]byte("PGPR\x01\x00\x00\x00"), public...)
	body = binary.LittleEndian.AppendUint64(body, said.sequence)
	body = binary.LittleEndian.AppendUint64(body, said.expires)
	body = binary.LittleEndian.AppendUint32(body, said.label)
	body = append(append(body, byte(len(said.version))), said.version...)
	body = append(body, byte(len(said.addresses)))
	for _, address := range said.addresses {
		body = append(append(body, byte(len(address))), address...)
	}
	signature, err := key.Sign(append([]byte(recordPurpose), body...))
	return append(body, signature...), err
}

func parseRecord(data []byte) (said statement, err error) {
	left := data
	take := func(count int) []byte {
		if count > len(left) {
			err = errors.New("ends too early")
			return make([]byte, count)
		}
		taken := left[:count]
		left = left[count:]
		return taken
	}
	if head := take(8); !bytes.Equal(head, []byte("PGPR\x01\x00\x00\x00")) {
		return said, errors.New("no peer record of version 1")
	}
	public, keyErr := crypto.UnmarshalEd25519PublicKey(take(32))
	if keyErr != nil {
		return said, keyErr
	}
	said.sequence = binary.LittleEndian.Uint64(take(8))
	said.expires = binary.LittleEndian.Uint64(take(8))
	said.label = binary.LittleEndian.Uint32(take(4))
	said.version = string(take(int(take(1)[0])))
	count := int(take(1)[0])
	if said.sequence >= maxSafe || said.expires >= maxSafe || len(said.version) > 64 || !utf8.ValidString(said.version) || count > 16 {
		return said, errors.New("a field is out of its limits")
	}
	for range count {
		address := string(take(int(take(1)[0])))
		if len(address) < 2 || address[0] != '/' || strings.ContainsFunc(address, func(r rune) bool { return r < 33 || r > 126 }) {
			return said, errors.New("an address is none")
		}
		said.addresses = append(said.addresses, address)
	}
	signature := take(signatureBytes)
	if err != nil || len(left) > 0 {
		return said, errors.Join(err, errors.New("not of the length it says"))
	}
	signed := append([]byte(recordPurpose), data[:len(data)-signatureBytes]...)
	if good, err := public.Verify(signed, signature); err != nil || !good {
		return said, errors.Join(err, errors.New("the signature does not fit"))
	}
	said.peer, err = peer.IDFromPublicKey(public)
	return said, err
}

func (s statement) current(now time.Time) error {
	nowMs := uint64(now.UnixMilli())
	if s.expires < nowMs || s.expires > nowMs+uint64(recordLifetime.Milliseconds()) {
		return errors.New("expired, or too long to live")
	}
	return nil
}

// validator keeps `/pangea/peer/<PeerId>` and nothing else.
type validator struct{}

func (validator) Validate(key string, value []byte) error {
	id, isPeer := strings.CutPrefix(key, "/pangea/peer/")
	if !isPeer {
		return errors.New("no rules for this type of value")
	}
	said, err := parseRecord(value)
	if err != nil {
		return err
	}
	if said.peer.String() != id {
		return errors.New("signed by another peer")
	}
	return said.current(time.Now())
}

func (validator) Select(_ string, values [][]byte) (int, error) {
	best, bestSequence := -1, uint64(0)
	for index, value := range values {
		said, err := parseRecord(value)
		if err != nil {
			continue
		}
		if best < 0 || cmp.Or(cmp.Compare(said.sequence, bestSequence), bytes.Compare(value, values[best])) > 0 {
			best, bestSequence = index, said.sequence
		}
	}
	if best < 0 {
		return 0, errors.New("none is valid")
	}
	return best, nil
}

// judge passes on what its author says of itself.
func judge(_ context.Context, _ peer.ID, message *pubsub.Message) bool {
	said, err := parseRecord(message.Data)
	return err == nil && said.peer == message.GetFrom() && said.current(time.Now()) == nil
}
