// Package memnode is a node in memory: a PangeaNode over real sockets whose objects are byte slices. Clients are tested
// against it where a real node would add nothing but time.
package memnode

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	capnp "capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/rpc"
	"capnproto.org/go/capnp/v3/server"

	"pangea-node/clients/go/internal/schema"
)

// Token that logs in.
const Token = "a-token-of-the-tests"

// Node holds objects for all of its connections.
type Node struct {
	mutex     sync.Mutex
	objects   map[string]*object
	order     []string
	listeners map[*subscription]bool
	settings  map[string]string
	Messages  [][]byte
	// GivenUp counts uploads that were released before they were finished.
	GivenUp int
	// Reading counts gets that are not over.
	Reading int
	// Before each chunk of a get; a test makes a node slow or faulty by it.
	BeforeChunk func(index int) error
	listener    net.Listener
	connections map[*rpc.Conn]bool
	transport   func(net.Conn) rpc.Transport
}

type object struct {
	record  record
	content []byte
	entries []entry
}

type record struct {
	root, name, mediaType string
	kind                  schema.ObjectKind
	bytes                 uint64
	created               time.Time
}

// Listen serves on a free port of loopback until Close. The transport is the client's own, so that large messages pass.
func Listen(transport func(net.Conn) rpc.Transport) (*Node, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	node := &Node{
		objects: map[string]*object{}, listeners: map[*subscription]bool{}, settings: map[string]string{},
		listener: listener, connections: map[*rpc.Conn]bool{}, transport: transport,
	}
	go node.accept()
	return node, nil
}

// Address to dial.
func (n *Node) Address() string { return n.listener.Addr().String() }

// Close ends all connections.
func (n *Node) Close() {
	n.listener.Close()
	n.Disconnect()
}

// Disconnect ends all connections, and takes new ones.
func (n *Node) Disconnect() {
	n.mutex.Lock()
	open := n.connections
	n.connections = map[*rpc.Conn]bool{}
	n.mutex.Unlock()
	for connection := range open {
		// The library's Close can wait for ever for a call of ours that the other side will not answer any more.
		go connection.Close()
	}
}

func (n *Node) accept() {
	for {
		socket, err := n.listener.Accept()
		if err != nil {
			return
		}
		connection := rpc.NewConn(n.transport(socket), &rpc.Options{BootstrapClient: capnp.NewClient(n.bootstrap())})
		n.with(func() { n.connections[connection] = true })
	}
}

func (n *Node) with(act func()) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	act()
}

// Inspect calls act while nothing of the node changes.
func (n *Node) Inspect(act func()) { n.with(act) }

// Objects counts what is stored.
func (n *Node) Objects() (count int) {
	n.with(func() { count = len(n.objects) })
	return count
}

// bootstrap offers the methods that `service` has; all others answer `unimplemented`.
func (n *Node) bootstrap() *server.Server {
	offered := map[string]bool{
		"about": true, "login": true, "getNode": true, "getAllNodes": true, "updateNode": true, "connectToPeer": true, "sendMessage": true,
		"getConnectedPeers": true, "getNetworkMetrics": true, "cesProcess": true, "cesReconstruct": true, "upload": true, "download": true,
		"getMdnsDiscovered": true, "connectMdnsPeer": true, "loadConfig": true, "saveConfig": true, "updateConfigValue": true, "listLibp2pPeers": true,
		"getLocalMultiaddr": true, "updateLatency": true, "getConnectionQuality": true, "disconnectPeer": true, "streamUpdates": true,
	}
	var methods []server.Method
	for _, method := range schema.PangeaNode_Methods(nil, service{node: n}) {
		if offered[method.MethodName] {
			methods = append(methods, method)
		}
	}
	return server.New(methods, n, nil)
}

func (s service) About(_ context.Context, call schema.PangeaNode_about) error {
	about, err := call.AllocResults()
	if err != nil {
		return err
	}
	about.SetNodeId(7)
	about.SetIsTokenNeeded(true)
	about.SetMaxMessageBytes(128 << 20)
	about.SetChunkBytes(64 << 10)
	return errors.Join(about.SetVersion("memory"), about.SetPeerId("12D3KooWMemory"))
}

func (s service) Login(_ context.Context, call schema.PangeaNode_login) error {
	token, err := call.Args().Token()
	if err != nil {
		return err
	}
	if token != Token {
		return errors.New("DENIED: the token is wrong: `pangea-node token` prints the right one")
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	rights, err := answer.NewRights()
	if err != nil {
		return err
	}
	all := &grant{read: true, write: true, remove: true, observe: true, control: true}
	if err := all.copyTo(rights); err != nil {
		return err
	}
	return answer.SetSession(s.node.session(all))
}
