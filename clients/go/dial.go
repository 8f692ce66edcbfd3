package pangea

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"capnproto.org/go/capnp/v3/rpc"
	"capnproto.org/go/capnp/v3/rpc/transport"

	"pangea-node/clients/go/internal/schema"
)

// DefaultAddress is where a node listens unless it is configured otherwise.
const DefaultAddress = "127.0.0.1:8080"

const (
	connectTimeout = 10 * time.Second
	tokenVariable  = "PANGEA_RPC_TOKEN"
	tokenFile      = "rpc-token"
	maxTokenBytes  = 4096
)

// Option of Dial and DialNodeService.
type Option func(*settings)

type settings struct {
	token    string
	hasToken bool
	dataDir  string
	tls      *tls.Config
}

// WithToken gives the node's token itself. Without it, the environment's PANGEA_RPC_TOKEN is taken, then the file
// rpc-token of WithDataDir, then, for a node of this machine, that of the default data directory; without any of them,
// none is shown.
func WithToken(token string) Option {
	return func(s *settings) { s.token, s.hasToken = token, true }
}

// WithDataDir says where the node on this machine keeps its data. The default is $XDG_DATA_HOME/pangea-node, or
// ~/.local/share/pangea-node.
func WithDataDir(directory string) Option {
	return func(s *settings) { s.dataDir = directory }
}

// WithTLS speaks TLS, at least 1.3, with this configuration; its Certificates are shown to a node that wants them.
func WithTLS(config *tls.Config) Option {
	return func(s *settings) { s.tls = config }
}

// Client is one connection to a node.
type Client struct {
	*Session
	*NodeService
	node  schema.PangeaNode
	about About
}

// Dial connects to a node and logs in. An empty address is DefaultAddress. The context bounds the dialling alone.
// Fails with ErrNotRunning when nobody listens there, ErrDenied when the token is wrong, and ErrNotSupported when it is
// a node without sessions, which DialNodeService can use.
func Dial(ctx context.Context, address string, options ...Option) (*Client, error) {
	s := settingsOf(options)
	token, from, err := s.findToken(address)
	if err != nil {
		return nil, err
	}
	service, err := dialService(ctx, address, s)
	if err != nil {
		return nil, err
	}
	client := &Client{NodeService: service, node: schema.PangeaNode(service.node)}
	if client.Session, err = client.login(ctx, token); err != nil {
		service.Close()
		if errors.Is(err, ErrDenied) && token == "" {
			return nil, failure("DENIED", err, "the node wants a token, and there is none: %s", from)
		}
		return nil, err
	}
	return client, nil
}

// DialNodeService connects without logging in: enough for what every node of the network offers.
func DialNodeService(ctx context.Context, address string, options ...Option) (*NodeService, error) {
	return dialService(ctx, address, settingsOf(options))
}

// About is what the node said of itself when it was dialled.
func (c *Client) About() About { return c.about }

// AskAbout asks the node for it again.
func (c *Client) AskAbout(ctx context.Context) (About, error) {
	return ask(ctx, c.node.About, nothing[schema.AboutRequest], readAbout)
}

// Close ends the connection, and with it all that was begun on it. It is safe to repeat.
func (c *Client) Close() error { return c.NodeService.Close() }

// Both questions go out at once: a login costs one round trip in all.
func (c *Client) login(ctx context.Context, token string) (*Session, error) {
	about, releaseAbout := c.node.About(ctx, nil)
	defer releaseAbout()
	login, releaseLogin := c.node.Login(ctx, func(request schema.LoginRequest) error { return request.SetToken(token) })
	defer releaseLogin()
	r := &reading{}
	answer, err := login.Struct()
	if err != nil {
		return nil, asError(err)
	}
	rights := structOf(r, readRights)(answer.Rights())
	self, err := about.Struct()
	if err != nil {
		return nil, asError(err)
	}
	if c.about = readAbout(r, self); r.err != nil {
		return nil, r.err
	}
	return newSession(answer.Session().AddRef(), rights, c.about.ChunkBytes, c.connection.Done()), nil
}

func settingsOf(options []Option) settings {
	var s settings
	for _, option := range options {
		option(&s)
	}
	return s
}

func dialService(ctx context.Context, address string, s settings) (*NodeService, error) {
	if address == "" {
		address = DefaultAddress
	}
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}
	var socket net.Conn
	var err error
	if s.tls == nil {
		socket, err = dialer.DialContext(ctx, "tcp", address)
	} else {
		config := s.tls.Clone()
		config.MinVersion = max(config.MinVersion, tls.VersionTLS13)
		socket, err = (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, "tcp", address)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, asError(ctx.Err())
		}
		return nil, failure("NODE_NOT_RUNNING", err, "cannot connect to %s (%v): is a node running there, and is its RPC on?", address, err)
	}
	connection := rpc.NewConn(transport.New(newCodec(socket)), nil)
	node := schema.NodeService(connection.Bootstrap(ctx))
	return &NodeService{socket: socket, connection: connection, node: node}, nil
}

// findToken gives the token and, when there is none, where it was looked for.
func (s settings) findToken(address string) (token, from string, err error) {
	if s.hasToken {
		return s.token, "WithToken was given an empty one", nil
	}
	if token := strings.TrimSpace(os.Getenv(tokenVariable)); token != "" {
		return token, "", nil
	}
	directory := s.dataDir
	if directory == "" {
		// This machine's token is no business of another machine's node.
		if !isLoopback(address) {
			return "", tokenVariable + " is not set, and no data directory was named", nil
		}
		directory = defaultDataDir()
	}
	path := filepath.Join(directory, tokenFile)
	bytes, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", tokenVariable + " is not set, and " + path + " does not exist", nil
	}
	if err != nil {
		return "", "", failure("FILE_IO", err, "cannot read the token: %v", err)
	}
	if len(bytes) > maxTokenBytes {
		return "", "", failure("USAGE", nil, "%s is no token: it has %d bytes", path, len(bytes))
	}
	return strings.TrimSpace(string(bytes)), path, nil
}

func isLoopback(address string) bool {
	if address == "" {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	// Without a host the dialler takes this machine.
	return host == "" || host == "localhost" || net.ParseIP(host).IsLoopback()
}

func defaultDataDir() string {
	if home := os.Getenv("XDG_DATA_HOME"); home != "" {
		return filepath.Join(home, "pangea-node")
	}
	home, _ := os.UserHomeDir()
	return filepath.Join(home, ".local", "share", "pangea-node")
}
