package pangea

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"
)

func TestTreesComeBack(t *testing.T) {
	_, client := dialMemory(t)
	treesComeBack(t, client)
}

func treesComeBack(t *testing.T, client *Client) {
	source := t.TempDir()
	long := seeded(300_000)
	for path, content := range map[string][]byte{"a.txt": []byte("a"), "deep/er/long.bin": long, "empty": nil, "deep/run.sh": []byte("#!/bin/sh\n")} {
		path = filepath.Join(source, path)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, content, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	os.Chmod(filepath.Join(source, "deep", "run.sh"), 0o755)
	os.Mkdir(filepath.Join(source, "hollow"), 0o700)
	os.Symlink("er/long.bin", filepath.Join(source, "deep", "link"))
	then := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	os.Chtimes(filepath.Join(source, "a.txt"), then, then)
	os.Chmod(filepath.Join(source, "deep", "er"), 0o500)
	t.Cleanup(func() { os.Chmod(filepath.Join(source, "deep", "er"), 0o700) })

	result, err := client.PutTree(t.Context(), "tree", os.DirFS(source))
	if err != nil {
		t.Fatal(err)
	}
	if result.Object.Kind != KindDirectory {
		t.Fatalf("%+v", result)
	}
	target := filepath.Join(t.TempDir(), "made", "here")
	got, err := client.GetTree(t.Context(), result.Object.Root, target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(target, "deep", "er"), 0o700) })
	if got.Bytes != uint64(len(long)+1+10) || got.Name != "tree" {
		t.Fatalf("%+v", got)
	}
	if err := same(os.DirFS(source), os.DirFS(target)); err != "" {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(target, "a.txt"))
	if err != nil || !info.ModTime().Equal(then) {
		t.Fatal(info, err)
	}
}

// same names the first difference of two trees.
func same(a, b fs.FS) (difference string) {
	count := func(tree fs.FS) (entries int) {
		fs.WalkDir(tree, ".", func(string, fs.DirEntry, error) error { entries++; return nil })
		return entries
	}
	if count(a) != count(b) {
		return "they have different entries"
	}
	fs.WalkDir(a, ".", func(path string, entry fs.DirEntry, err error) error {
		if path == "." {
			return nil
		}
		left, leftErr := fs.Lstat(a, path)
		right, rightErr := fs.Lstat(b, path)
		if err != nil || leftErr != nil || rightErr != nil || left.Mode() != right.Mode() {
			difference = path + " differs"
			return fs.SkipAll
		}
		if entry.Type() == 0 {
			leftBytes, _ := fs.ReadFile(a, path)
			rightBytes, _ := fs.ReadFile(b, path)
			if string(leftBytes) != string(rightBytes) {
				difference = path + " has other content"
				return fs.SkipAll
			}
		}
		return nil
	})
	return difference
}

func TestTreesOfWhatIsNoDirectory(t *testing.T) {
	_, client := dialMemory(t)
	made := fstest.MapFS{"a/b.txt": {Data: []byte("from memory"), Mode: 0o644}}
	if _, err := client.PutTree(t.Context(), "map", made); err != nil {
		t.Fatal(err)
	}
	_, err := client.PutTree(t.Context(), "pipe", fstest.MapFS{"p": {Mode: fs.ModeNamedPipe}})
	wants(t, err, &Error{Code: "DIRECTORY_INVALID"})
	_, err = client.PutTree(t.Context(), "out", fstest.MapFS{"l": {Data: []byte("../../x"), Mode: fs.ModeSymlink}})
	wants(t, err, ErrUnsafePath)
	_, err = client.PutTree(t.Context(), "nothing", os.DirFS(filepath.Join(t.TempDir(), "nothing")))
	wants(t, err, &Error{Code: "FILE_IO"})
}

func FuzzPathsStayInside(f *testing.F) {
	for _, seed := range [][2]string{{"a/b", "../c"}, {"a", ".."}, {"a/b/c", "../../../x"}, {"x", "/y"}, {"..", "x"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, target string) {
		if !isSafe(name) {
			return
		}
		root := filepath.Join(string(filepath.Separator), "root", "of", "the", "tree")
		within := func(path string) bool {
			relative, err := filepath.Rel(root, path)
			return err == nil && filepath.IsLocal(relative)
		}
		if !within(filepath.Join(root, name)) {
			t.Fatalf("%q leads out", name)
		}
		if staysInside(name, target) && !within(filepath.Join(root, filepath.Dir(name), target)) {
			t.Fatalf("%q leads out by %q", name, target)
		}
	})
}
