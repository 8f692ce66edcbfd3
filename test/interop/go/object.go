package main

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/reedsolomon"
	"golang.org/x/crypto/chacha20poly1305"
	"lukechampine.com/blake3"
)

const (
	dataRows  = 8
	totalRows = 12
	maxPlain  = 64 << 20
)

var linkLetters = base32.StdEncoding.WithPadding(base32.NoPadding)

// parseLink gives root and key of a read link, schema/link.md.
func parseLink(link string) (root, key []byte, err error) {
	text, isLink := strings.CutPrefix(link, "pangea:1:")
	raw, err := linkLetters.DecodeString(strings.ToUpper(text))
	if err != nil || !isLink || len(raw) != 1+32+32+4 || raw[0] != 1 {
		return nil, nil, errors.Join(err, errors.New("no read link"))
	}
	if !slices.Equal(deriveKey("pangea-node 1 link", raw[:65])[:4], raw[65:]) {
		return nil, nil, errors.New("the link's checksum does not fit")
	}
	return raw[1:33], raw[33:65], nil
}

func deriveKey(purpose string, material []byte) []byte {
	key := make([]byte, 32)
	blake3.DeriveKey(key, purpose, material)
	return key
}

// read finds the holders of a whole object by its link, fetches eight shards, the wanted rows first, and opens them.
func (n *peerNode) read(ctx context.Context, asked request) (answer, error) {
	root, key, err := parseLink(asked.Link)
	if err != nil {
		return nil, err
	}
	announced := sha256.Sum256(root)
	holders, err := n.providers(ctx, hex.EncodeToString(announced[:]), totalRows)
	if err != nil {
		return nil, err
	}
	shards := make([][]byte, totalRows)
	var rows []int
	from := map[string]int{}
	for _, row := range asked.Rows {
		name := shardName{hex.EncodeToString(root), uint32(row)}
		for _, holder := range holders {
			if holder.ID == n.host.ID() || len(rows) == dataRows {
				continue
			}
			shard, err := n.fetch(ctx, holder.ID.String(), name)
			if err == nil && len(shard) > 0 {
				shards[row] = shard
				rows = append(rows, row)
				from[holder.ID.String()]++
				break
			}
		}
	}
	if len(rows) < dataRows {
		return nil, fmt.Errorf("%d of eight shards from %d holders", len(rows), len(holders))
	}
	dataKey := deriveKey("pangea-node 1 data key", key)
	var plain []byte
	if asked.Library != "" {
		plain, err = reconstructBy(asked.Library, dataKey, shards)
	} else {
		plain, err = reconstruct(dataKey, shards)
	}
	if err != nil {
		return nil, err
	}
	return answer{"sha256": fmt.Sprintf("%x", sha256.Sum256(plain)), "bytes": len(plain), "rows": rows, "from": from}, nil
}

// reconstruct undoes a whole block, schema/ces-block.md. Missing shards are nil.
func reconstruct(key []byte, shards [][]byte) ([]byte, error) {
	code, err := reedsolomon.New(dataRows, totalRows-dataRows)
	if err != nil {
		return nil, err
	}
	if err := code.ReconstructData(shards); err != nil {
		return nil, err
	}
	block := slices.Concat(shards[:dataRows]...)
	if len(block) < 4 {
		return nil, errors.New("no block")
	}
	length := uint64(binary.LittleEndian.Uint32(block))
	if length < chacha20poly1305.NonceSizeX || length > uint64(len(block)-4) {
		return nil, errors.New("the block is shorter than it says")
	}
	sealed := block[4 : 4+length]
	cipher, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	frame, err := cipher.Open(nil, sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:], nil)
	if err != nil {
		return nil, err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxPlain))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	return decoder.DecodeAll(frame, nil)
}
