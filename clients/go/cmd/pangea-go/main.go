// Command pangea-go stores and reads objects of a Pangea node over its RPC port.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	pangea "pangea-node/clients/go"
)

const usage = `usage: pangea-go [--addr HOST:PORT] [--token TOKEN] [--data-dir DIR] [--json] COMMAND

  put FILE|DIR|- [NAME]     store a file, a directory, or what comes in; prints the link
  get REFERENCE [OUT]       read an object into a file or directory; without OUT to standard output
  ls [PATTERN]              objects; * and ? match
  info REFERENCE            one object and its health
  rm REFERENCE              remove an object
  status                    the node
  events                    what happens in the node, until Ctrl-C

A reference is a link, a root or a name. The token is taken from --token, $PANGEA_RPC_TOKEN, or DIR/rpc-token.
`

// Exit codes, as those of pangea-node (sysexits.h).
var exitCodes = map[string]int{
	"USAGE": 64, "NOT_FOUND": 66, "DENIED": 77, "NO_KEY": 77, "FILE_EXISTS": 73, "FILE_IO": 74, "FILE_CHANGED": 75, "UNSAFE_PATH": 65, "TOO_LARGE": 65,
	"CORRUPT": 65, "NODE_NOT_RUNNING": 69, "NOT_ENOUGH_SHARDS": 69, "NOT_ENOUGH_PEERS": 69, "TIMEOUT": 75, "TOO_MANY": 75, "ABORTED": 130,
}

type call struct {
	*pangea.Client
	ctx  context.Context
	args []string
	out  io.Writer
	json bool
}

type command struct {
	least, most int
	run         func(call) error
}

var commands = map[string]command{
	"put": {1, 2, put}, "get": {1, 2, get}, "ls": {0, 1, list}, "info": {1, 1, info}, "rm": {1, 1, remove}, "status": {0, 0, status}, "events": {0, 0, events},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintf(os.Stderr, "pangea-go: %v\n", err)
	var known *pangea.Error
	code := 70
	if errors.As(err, &known) && exitCodes[known.Code] != 0 {
		code = exitCodes[known.Code]
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("pangea-go", flag.ContinueOnError)
	flags.SetOutput(os.Stderr)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	address := flags.String("addr", pangea.DefaultAddress, "")
	token := flags.String("token", "", "")
	dataDir := flags.String("data-dir", "", "")
	asJSON := flags.Bool("json", false, "")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return &pangea.Error{Code: "USAGE", Message: err.Error()}
	}
	chosen, ok := commands[flags.Arg(0)]
	if !ok || flags.NArg()-1 < chosen.least || flags.NArg()-1 > chosen.most {
		flags.Usage()
		return &pangea.Error{Code: "USAGE", Message: "there is no such command, or it takes other arguments"}
	}
	var options []pangea.Option
	if *token != "" {
		options = append(options, pangea.WithToken(*token))
	}
	if *dataDir != "" {
		options = append(options, pangea.WithDataDir(*dataDir))
	}
	client, err := pangea.Dial(ctx, *address, options...)
	if err != nil {
		return err
	}
	defer client.Close()
	return chosen.run(call{client, ctx, flags.Args()[1:], out, *asJSON})
}

// show prints a value for programs, or a text for people.
func (c call) show(value any, format string, args ...any) error {
	if c.json {
		return json.NewEncoder(c.out).Encode(value)
	}
	_, err := fmt.Fprintf(c.out, format, args...)
	return err
}

func put(c call) error {
	source, name := c.args[0], filepath.Base(c.args[0])
	if len(c.args) == 2 {
		name = c.args[1]
	}
	if source == "-" {
		if len(c.args) < 2 {
			name = "stdin"
		}
		result, err := c.Put(c.ctx, name, os.Stdin)
		return c.stored(result, err)
	}
	info, err := os.Stat(source)
	if err != nil {
		return &pangea.Error{Code: "FILE_IO", Message: err.Error()}
	}
	if info.IsDir() {
		result, err := c.PutTree(c.ctx, name, os.DirFS(source))
		return c.stored(result, err)
	}
	file, err := os.Open(source)
	if err != nil {
		return &pangea.Error{Code: "FILE_IO", Message: err.Error()}
	}
	defer file.Close()
	result, err := c.Put(c.ctx, name, file, pangea.WithExpectedBytes(info.Size()))
	return c.stored(result, err)
}

func (c call) stored(result pangea.PutResult, err error) error {
	if err != nil {
		return err
	}
	return c.show(result, "%s\n", result.Object.Link)
}

func get(c call) error {
	if len(c.args) == 1 {
		_, err := c.GetTo(c.ctx, c.args[0], c.out)
		return err
	}
	info, err := c.Info(c.ctx, c.args[0])
	if err != nil {
		return err
	}
	if info.Object.Kind == pangea.KindDirectory {
		result, err := c.GetTree(c.ctx, c.args[0], c.args[1])
		if err != nil {
			return err
		}
		return c.show(result, "%d entries, %d bytes\n", result.Entries, result.Bytes)
	}
	return c.getFile(c.args[0], c.args[1])
}

// getFile leaves no half file behind.
func (c call) getFile(reference, target string) error {
	file, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if errors.Is(err, os.ErrExist) {
		return &pangea.Error{Code: "FILE_EXISTS", Message: target + " is there already"}
	}
	if err != nil {
		return &pangea.Error{Code: "FILE_IO", Message: err.Error()}
	}
	result, err := c.GetTo(c.ctx, reference, file)
	if err = errors.Join(err, file.Close()); err != nil {
		os.Remove(target)
		return err
	}
	return c.show(result, "%d bytes\n", result.Bytes)
}

func list(c call) error {
	pattern := ""
	if len(c.args) == 1 {
		pattern = c.args[0]
	}
	for object, err := range c.Search(c.ctx, pattern) {
		if err != nil {
			return err
		}
		if err := c.show(object, "%s  %12d  %s\n", object.Root[:min(16, len(object.Root))], object.Bytes, object.Name); err != nil {
			return err
		}
	}
	return nil
}

func info(c call) error {
	info, err := c.Info(c.ctx, c.args[0])
	if err != nil {
		return err
	}
	return c.show(info, "%s\nroot      %s\nbytes     %d\nshards    %d of %d\nsurvives  %d failures\nholders   %d\n",
		info.Object.Name, info.Object.Root, info.Object.Bytes, info.ShardsPresent, info.ShardsTotal, info.SurvivesFailures, len(info.Holders))
}

func remove(c call) error {
	removed, err := c.Remove(c.ctx, c.args[0])
	if err != nil {
		return err
	}
	return c.show(removed, "removed %s, confirmed by %d of %d holders\n", removed.Root, removed.Confirmed, removed.Holders)
}

func status(c call) error {
	status, err := c.Status(c.ctx)
	if err != nil {
		return err
	}
	return c.show(status, "node %d, version %s, ready %v\npeers    %d of %d connected\nobjects  %d in the catalogue, %d held\nreached  %s\n",
		status.NodeID, status.Version, status.Ready, status.PeersConnected, status.PeersKnown, status.ObjectsCatalogue, status.ObjectsHeld, status.Reachability)
}

func events(c call) error {
	for event, err := range c.Events(c.ctx, pangea.AllEvents) {
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.show(event, "%s\n", describe(event)); err != nil {
			return err
		}
	}
	return nil
}

func describe(event pangea.Event) string {
	at := event.At.Format("15:04:05")
	switch {
	case event.Peer != nil:
		return fmt.Sprintf("%s peer %s %s", at, event.Peer.Peer.PeerID, event.Peer.Change)
	case event.Object != nil:
		return fmt.Sprintf("%s object %s %s, %d bytes", at, event.Object.Name, event.Object.Change, event.Object.Bytes)
	case event.Repair != nil:
		return fmt.Sprintf("%s repair %s %s, %d shards", at, event.Repair.Change, event.Repair.Root, event.Repair.Shards)
	case event.Firewall != nil:
		return fmt.Sprintf("%s firewall %s, %s of %s, %d", at, event.Firewall.Change, event.Firewall.Listener, event.Firewall.Address, event.Firewall.Count)
	case event.Message != nil:
		return fmt.Sprintf("%s message of node %d, %d bytes", at, event.Message.FromNodeID, len(event.Message.Data))
	}
	return at + " an event that this client does not know"
}
