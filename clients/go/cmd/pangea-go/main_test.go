package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"capnproto.org/go/capnp/v3/rpc"
	"capnproto.org/go/capnp/v3/rpc/transport"

	pangea "pangea-node/clients/go"
	"pangea-node/clients/go/internal/memnode"
)

func TestCommand(t *testing.T) {
	node, err := memnode.Listen(func(socket net.Conn) rpc.Transport { return transport.NewStream(socket) })
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	directory := t.TempDir()
	source := filepath.Join(directory, "in.txt")
	os.WriteFile(source, []byte("hello\n"), 0o600)
	try := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"--addr", node.Address(), "--token", memnode.Token}, args...), &out)
		return out.String(), err
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := try(args...)
		if err != nil {
			t.Fatal(args, err)
		}
		return out
	}
	link := strings.TrimSpace(must("put", source))
	if out := must("get", link); out != "hello\n" {
		t.Fatal(out)
	}
	target := filepath.Join(directory, "out.txt")
	must("get", "in.txt", target)
	if _, err := try("get", "in.txt", target); exitCodes[err.(*pangea.Error).Code] != 73 {
		t.Fatal(err)
	}
	var object pangea.ObjectRecord
	if err := json.Unmarshal([]byte(must("--json", "ls", "*.txt")), &object); err != nil || object.Name != "in.txt" || object.Bytes != 6 {
		t.Fatal(object, err)
	}
	if !strings.Contains(must("info", "in.txt"), "12 of 12") || !strings.Contains(must("status"), "node 7") {
		t.Fatal("info or status do not say what they should")
	}
	os.MkdirAll(filepath.Join(directory, "tree", "deep"), 0o755)
	os.WriteFile(filepath.Join(directory, "tree", "deep", "f"), []byte("x"), 0o600)
	must("put", filepath.Join(directory, "tree"))
	must("get", "tree", filepath.Join(directory, "copy"))
	if content, _ := os.ReadFile(filepath.Join(directory, "copy", "deep", "f")); string(content) != "x" {
		t.Fatal(content)
	}
	must("rm", "in.txt")
	for _, wrong := range [][]string{{"rm", "in.txt"}, {"nonsense"}, {"put"}, {"get", "a", "b", "c"}, {"put", filepath.Join(directory, "nothing")}} {
		if _, err := try(wrong...); err == nil {
			t.Fatal(wrong, "went well")
		}
	}
}
