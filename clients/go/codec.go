package pangea

import (
	"bufio"
	"net"

	capnp "capnproto.org/go/capnp/v3"
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
