// The Go client of the bench: one JSON request a line on stdin, one JSON reply a line on stdout. `serve-raw` instead makes it
// the other end of a plain socket, for the rate that loopback gives to this language without RPC.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	pangea "pangea-node/clients/go"
)

type request struct {
	Op       string
	Address  string
	Token    string
	InFlight int
	Ms       int
	Bytes    int64
	Chunk    int
	Link     string
	Socket   string
}

// reply: Done calls or bytes in Seconds.
type reply struct {
	Done    int64   `json:"done"`
	Seconds float64 `json:"seconds"`
	Link    string  `json:"link,omitempty"`
	Error   string  `json:"error,omitempty"`
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve-raw" {
		serveRaw()
		return
	}
	lines := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked request
		err := json.Unmarshal(lines.Bytes(), &asked)
		var answer reply
		if err == nil {
			answer, err = measure(context.Background(), asked)
		}
		if err != nil {
			answer = reply{Error: err.Error()}
		}
		if err := out.Encode(answer); err != nil {
			return
		}
	}
}

func measure(ctx context.Context, r request) (reply, error) {
	switch r.Op {
	case "raw-put", "raw-get":
		return raw(r)
	case "control-put":
		return controlPut(r)
	case "control-get":
		return controlGet(r)
	}
	client, err := pangea.Dial(ctx, r.Address, pangea.WithToken(r.Token))
	if err != nil {
		return reply{}, err
	}
	defer client.Close()
	switch r.Op {
	case "about":
		return calls(r, func() error { _, err := client.AskAbout(ctx); return err })
	case "getNode":
		return calls(r, func() error { _, err := client.GetNode(ctx, 1); return err })
	case "echo":
		var block []pangea.Shard
		for row := range 8 {
			block = append(block, pangea.Shard{Index: uint32(row), Data: make([]byte, r.Bytes/8)})
		}
		answer, err := calls(r, func() error {
			data, err := client.CesReconstruct(ctx, block, 0)
			if err == nil && int64(len(data)) != r.Bytes {
				err = fmt.Errorf("%d bytes came back", len(data))
			}
			return err
		})
		answer.Done *= r.Bytes
		return answer, err
	case "put":
		start := time.Now()
		result, err := client.Put(ctx, "bench", io.LimitReader(zeros{}, r.Bytes))
		if err == nil && int64(result.Object.Bytes) != r.Bytes {
			err = fmt.Errorf("%d bytes arrived", result.Object.Bytes)
		}
		return reply{Done: r.Bytes, Seconds: time.Since(start).Seconds(), Link: result.Object.Link}, err
	case "get":
		start := time.Now()
		result, err := client.GetTo(ctx, r.Link, discard{}, pangea.WithRange(0, r.Bytes))
		if err == nil && int64(result.Bytes) != r.Bytes {
			err = fmt.Errorf("%d bytes came", result.Bytes)
		}
		return reply{Done: r.Bytes, Seconds: time.Since(start).Seconds()}, err
	}
	return reply{}, fmt.Errorf("there is no op %q", r.Op)
}

// calls makes them for so long, so many at a time.
func calls(r request, call func() error) (reply, error) {
	if err := call(); err != nil {
		return reply{}, err
	}
	var done atomic.Int64
	var failure atomic.Pointer[error]
	var group sync.WaitGroup
	start := time.Now()
	until := start.Add(time.Duration(r.Ms) * time.Millisecond)
	for range r.InFlight {
		group.Go(func() {
			for time.Now().Before(until) && failure.Load() == nil {
				if err := call(); err != nil {
					failure.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	if err := failure.Load(); err != nil {
		return reply{}, *err
	}
	return reply{Done: done.Load(), Seconds: time.Since(start).Seconds()}, nil
}

// zeros costs its readers nothing.
type zeros struct{}

func (zeros) Read(into []byte) (int, error) { return len(into), nil }

type discard struct{}

func (discard) Write(bytes []byte) (int, error) { return len(bytes), nil }
