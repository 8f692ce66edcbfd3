package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A plain connection says first what it wants: 0 sends bytes and waits for their count, 1 wants bytes; then how many, and in
// chunks of which size.
type rawHead struct {
	Wants uint64
	Bytes uint64
	Chunk uint64
}

func serveRaw() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		socket, err := listener.Accept()
		if err != nil {
			return
		}
		go serveOne(socket)
	}
}

func serveOne(socket net.Conn) {
	defer socket.Close()
	var head rawHead
	if binary.Read(socket, binary.LittleEndian, &head) != nil {
		return
	}
	chunk := make([]byte, head.Chunk)
	if head.Wants == 1 {
		sendAll(socket, chunk, head.Bytes)
		return
	}
	received := receiveAll(socket, chunk, head.Bytes)
	binary.Write(socket, binary.LittleEndian, received)
}

func sendAll(socket net.Conn, chunk []byte, bytes uint64) error {
	for left := bytes; left > 0; {
		count, err := socket.Write(chunk[:min(left, uint64(len(chunk)))])
		if err != nil {
			return err
		}
		left -= uint64(count)
	}
	return nil
}

func receiveAll(socket net.Conn, chunk []byte, bytes uint64) (received uint64) {
	for received < bytes {
		count, err := socket.Read(chunk)
		received += uint64(count)
		if err != nil {
			break
		}
	}
	return received
}

func raw(r request) (reply, error) {
	socket, err := net.Dial("tcp", r.Address)
	if err != nil {
		return reply{}, err
	}
	defer socket.Close()
	head := rawHead{0, uint64(r.Bytes), uint64(r.Chunk)}
	if r.Op == "raw-get" {
		head.Wants = 1
	}
	start := time.Now()
	if err := binary.Write(socket, binary.LittleEndian, head); err != nil {
		return reply{}, err
	}
	chunk := make([]byte, r.Chunk)
	var received uint64
	if head.Wants == 1 {
		received = receiveAll(socket, chunk, head.Bytes)
	} else if err := sendAll(socket, chunk, head.Bytes); err != nil {
		return reply{}, err
	} else if err := binary.Read(socket, binary.LittleEndian, &received); err != nil {
		return reply{}, err
	}
	if received != head.Bytes {
		return reply{}, fmt.Errorf("%d bytes came", received)
	}
	return reply{Done: r.Bytes, Seconds: time.Since(start).Seconds()}, nil
}

// control speaks to the node's control socket as its command line does.
func control(r request, path string, options any, body io.Reader) (*http.Response, error) {
	client := &http.Client{Transport: &http.Transport{
		Dial: func(string, string) (net.Conn, error) { return net.Dial("unix", r.Socket) }, WriteBufferSize: r.Chunk, ReadBufferSize: r.Chunk,
	}}
	text, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	call, err := http.NewRequest(http.MethodPost, "http://localhost"+path, body)
	if err != nil {
		return nil, err
	}
	call.Header.Set("pangea-options", strings.ReplaceAll(url.QueryEscape(string(text)), "+", "%20"))
	answer, err := client.Do(call)
	if err == nil && answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		return nil, fmt.Errorf("%s: %s", answer.Status, text)
	}
	return answer, err
}

func controlPut(r request) (reply, error) {
	start := time.Now()
	answer, err := control(r, "/v1/put", map[string]any{"name": "bench"}, io.LimitReader(zeros{}, r.Bytes))
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	var result struct{ Link string }
	if err := json.NewDecoder(answer.Body).Decode(&result); err != nil {
		return reply{}, err
	}
	return reply{Done: r.Bytes, Seconds: time.Since(start).Seconds(), Link: result.Link}, nil
}

func controlGet(r request) (reply, error) {
	start := time.Now()
	answer, err := control(r, "/v1/get", map[string]any{"reference": r.Link}, nil)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	received, err := io.CopyBuffer(struct{ io.Writer }{discard{}}, answer.Body, make([]byte, r.Chunk))
	if err == nil && received != r.Bytes {
		err = fmt.Errorf("%d bytes came", received)
	}
	return reply{Done: received, Seconds: time.Since(start).Seconds()}, err
}
