package pangea

import (
	"os"
	"path/filepath"
	"testing"
)

// The default directory holds the secret of this machine's node: nobody else's is shown it.
func TestTheDefaultTokenIsShownToThisMachineAlone(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_DATA_HOME", home)
	t.Setenv("PANGEA_RPC_TOKEN", "")
	named := filepath.Join(home, "pangea-node")
	if err := os.Mkdir(named, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(named, tokenFile), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"": "secret", "127.0.0.1:8080": "secret", "[::1]:1": "secret", "localhost:1": "secret", ":8080": "secret",
		"192.0.2.1:8080": "", "example.org:8080": "", "127.0.0.1.example.org:1": "", "nonsense": "",
	} {
		if token, _, err := (settings{}).findToken(address); token != want || err != nil {
			t.Errorf("%q: %q, %v", address, token, err)
		}
	}
	if token, _, _ := (settings{dataDir: named}).findToken("192.0.2.1:8080"); token != "secret" {
		t.Errorf("a directory that was named is not asked: %q", token)
	}
}
