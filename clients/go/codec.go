package pangea

import (
	"bufio"
	"net"

	capnp "capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/exp/bufferpool"
)

// Bounds of one connection; the node's own are told by [About].
const (
	// A node's largest message: a block of 64 MiB as twelve shards fits.
	maxMessageBytes = 128 << 20
	// What reading one message may visit, so that a small message cannot pretend to be a huge one.
	maxTraversedBytes = 512 << 20
	readAheadBytes    = 64 << 10
	maxListLength     = 1 << 20
)

// codec frames messages on a socket. The library's own reads each frame's head with a system call, and takes no message
// above 64 MiB.
type codec struct {
	*capnp.Encoder
	decoder *capnp.Decoder
	socket  net.Conn
}

func newCodec(socket net.Conn) *codec {
	decoder := capnp.NewDecoder(bufio.NewReaderSize(socket, readAheadBytes))
	decoder.MaxMessageSize = maxMessageBytes
	return &codec{Encoder: capnp.NewEncoder(socket), decoder: decoder, socket: socket}
}

func (c *codec) Decode() (*capnp.Message, error) {
	message, err := c.decoder.Decode()
	if err == nil {
		message.TraverseLimit = maxTraversedBytes
	}
	return message, err
}

func (c *codec) Close() error { return c.socket.Close() }

func init() {
	// The library keeps no buffer above 512 KiB for the next message, and a chunk has 1 MiB: fresh memory for each, which the
	// kernel has to clear, costs more than all else that a stream does.
	bufferpool.Default = *bufferpool.NewPool(1<<10, 23)
}
