package pangea

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pangea-node/clients/go/internal/schema"
)

// A link is where its path leads, not where its path says: over an earlier link, either half of it can lie.
func TestLinksOverLinksDoNotLeadOut(t *testing.T) {
	type link struct{ path, target string }
	for name, links := range map[string][]link{
		"a target through a link":        {{"d/e/f/up", "../../.."}, {"d/e/f/out", "up/../../../secret"}},
		"a link below a link":            {{"d", "."}, {"d/out", "../secret"}},
		"a link below a link by its end": {{"a/b/c", "../.."}, {"a/b/c/e", "../secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			outside := t.TempDir()
			if err := os.WriteFile(filepath.Join(outside, "secret"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			directory := filepath.Join(outside, "tree")
			if err := os.MkdirAll(filepath.Join(directory, "d/e/f"), 0o755); err != nil {
				t.Fatal(err)
			}
			if links[0].path == "d" {
				os.RemoveAll(filepath.Join(directory, "d"))
			}
			os.MkdirAll(filepath.Join(directory, "a/b"), 0o755)
			root, err := os.OpenRoot(directory)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			sink := &treeSink{root: root}
			for _, each := range links {
				err = sink.begin(treeEntry{path: each.path}, schema.EntryType_symlink, each.target, 0)
			}
			wants(t, err, ErrUnsafePath)
		})
	}
}

func TestAWriterThatIsOverTakesNothing(t *testing.T) {
	_, client := dialMemory(t)
	writer, err := client.Create(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() {
		_, err := writer.ReadFrom(strings.NewReader("more"))
		over <- err
	}()
	select {
	case err := <-over:
		wants(t, err, &Error{Code: "USAGE"})
	case <-time.After(10 * time.Second):
		t.Fatal("it reads for ever")
	}
}
