// The Go implementation as a server: those methods of schema/pangea.capnp that the bench calls, and nothing behind them.
// Prints its port as one line of JSON; ends when it is killed.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"

	capnp "capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/exp/bufferpool"
	"capnproto.org/go/capnp/v3/flowcontrol"
	"capnproto.org/go/capnp/v3/rpc"
	"capnproto.org/go/capnp/v3/rpc/transport"
	"capnproto.org/go/capnp/v3/server"

	"pangea-node/clients/go/internal/schema"
)

const chunkBytes = 1 << 20

var content = make([]byte, chunkBytes)

// offered are the methods that the types below have; the embedded interfaces stand for all others, which are not offered.
func offered(methods []server.Method, names ...string) capnp.Client {
	return capnp.NewClient(server.New(slices.DeleteFunc(methods, func(method server.Method) bool { return !slices.Contains(names, method.MethodName) }), nil, nil))
}

type node struct{ schema.PangeaNode_Server }

func (node) About(_ context.Context, call schema.PangeaNode_about) error {
	about, err := call.AllocResults()
	if err != nil {
		return err
	}
	about.SetNodeId(1)
	about.SetChunkBytes(chunkBytes)
	return about.SetVersion("go")
}

func (node) Login(_ context.Context, call schema.PangeaNode_login) error {
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	return answer.SetSession(schema.Session(offered(schema.Session_Methods(nil, session{}), "put", "get")))
}

func (node) GetNode(_ context.Context, call schema.NodeService_getNode) error {
	query, err := call.Args().Query()
	if err != nil {
		return err
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	to, err := answer.NewNode()
	to.SetId(query.NodeId())
	to.SetLatencyMs(1)
	return err
}

func (node) CesReconstruct(_ context.Context, call schema.NodeService_cesReconstruct) error {
	request, err := call.Args().Request()
	if err != nil {
		return err
	}
	shards, err := request.Shards()
	if err != nil {
		return err
	}
	var whole []byte
	for index := range shards.Len() {
		data, err := shards.At(index).Data()
		if err != nil {
			return err
		}
		whole = append(slices.Grow(whole, len(data)*(shards.Len()-index)), data...)
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	response, err := answer.NewResponse()
	if err != nil {
		return err
	}
	response.SetSuccess(true)
	return response.SetData(whole)
}

type session struct{ schema.Session_Server }

func (session) Put(_ context.Context, call schema.Session_put) error {
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	return answer.SetUpload(schema.Upload_ServerToClient(&upload{}))
}

func (session) Get(ctx context.Context, call schema.Session_get) error {
	sink := call.Args().Sink().AddRef()
	defer sink.Release()
	bytes := call.Args().Length()
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	answer.SetBytes(uint64(bytes))
	call.Go()
	sink.SetFlowLimiter(flowcontrol.NewFixedLimiter(8 * (chunkBytes + 4096)))
	for left := bytes; left > 0; {
		chunk := content[:min(left, chunkBytes)]
		if err := sink.Write(ctx, func(p schema.ByteSink_write_Params) error { return p.SetChunk(chunk) }); err != nil {
			return err
		}
		left -= int64(len(chunk))
	}
	future, release := sink.Done(ctx, nil)
	defer release()
	_, err = future.Struct()
	return err
}

type upload struct{ received uint64 }

func (u *upload) Write(_ context.Context, call schema.Upload_write) error {
	chunk, err := call.Args().Chunk()
	u.received += uint64(len(chunk))
	return err
}

func (u *upload) Finish(_ context.Context, call schema.Upload_finish) error {
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	object, err := answer.NewObject()
	object.SetBytes(u.received)
	return err
}

// codec reads ahead, which the library's own does not: with it the Go server is at its best.
type codec struct {
	*capnp.Encoder
	decoder *capnp.Decoder
	net.Conn
}

func (c codec) Decode() (*capnp.Message, error) {
	message, err := c.decoder.Decode()
	if err == nil {
		message.TraverseLimit = 512 << 20
	}
	return message, err
}

func (c codec) Close() error { return c.Conn.Close() }

func main() {
	// Buffers above 512 KiB are kept, too, as our client does it.
	bufferpool.Default = *bufferpool.NewPool(1<<10, 25)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		socket, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		decoder := capnp.NewDecoder(bufio.NewReaderSize(socket, 64<<10))
		decoder.MaxMessageSize = 128 << 20
		bootstrap := offered(schema.PangeaNode_Methods(nil, node{}), "about", "login", "getNode", "cesReconstruct")
		rpc.NewConn(transport.New(codec{capnp.NewEncoder(socket), decoder, socket}), &rpc.Options{BootstrapClient: bootstrap})
	}
}
