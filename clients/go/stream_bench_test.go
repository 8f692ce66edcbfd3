package pangea

import (
	"io"
	"os"
	"testing"
)

// Of what the client itself costs: point PANGEA_TEST_RPC at a server that does nothing with the bytes, such as the C++ one
// of the node's benchmarks.
func benchmarkStream(b *testing.B, run func(*Client, int64) error) {
	address := os.Getenv("PANGEA_TEST_RPC")
	if address == "" {
		b.Skip("PANGEA_TEST_RPC names no node")
	}
	client, err := Dial(b.Context(), address)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	const bytes = 64 << 20
	b.SetBytes(bytes)
	for b.Loop() {
		if err := run(client, bytes); err != nil {
			b.Fatal(err)
		}
	}
}

type zeros struct{}

func (zeros) Read(into []byte) (int, error) { return len(into), nil }

func BenchmarkPut(b *testing.B) {
	benchmarkStream(b, func(client *Client, bytes int64) error {
		_, err := client.Put(b.Context(), "bench", io.LimitReader(zeros{}, bytes))
		return err
	})
}

func BenchmarkGet(b *testing.B) {
	benchmarkStream(b, func(client *Client, bytes int64) error {
		_, err := client.GetTo(b.Context(), "bench", struct{ io.Writer }{io.Discard}, WithRange(0, bytes))
		return err
	})
}
