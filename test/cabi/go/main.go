package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// `encode KEYHEX LEVEL` and `decode KEYHEX LOST,LOST…` turn stdin into stdout, shards one after the other; `check`
// tests arguments, ownership and goroutines.
func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 1 && args[0] == "check" {
		return check()
	}
	if len(args) != 3 {
		return fmt.Errorf("usage: encode KEYHEX LEVEL | decode KEYHEX LOST | check")
	}
	key, err := hex.DecodeString(args[1])
	if err != nil {
		return err
	}
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var out []byte
	switch args[0] {
	case "encode":
		out, err = encode(key, args[2], in)
	case "decode":
		out, err = decode(key, args[2], in)
	default:
		err = fmt.Errorf("no such command: %s", args[0])
	}
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(out)
	return err
}

func encode(key []byte, level string, data []byte) ([]byte, error) {
	number, err := strconv.Atoi(level)
	if err != nil {
		return nil, err
	}
	c, err := newCes(number, key)
	if err != nil {
		return nil, err
	}
	defer c.close()
	shards, err := c.process(data)
	return slices.Concat(shards...), err
}

func decode(key []byte, lost string, joined []byte) ([]byte, error) {
	c, err := newCes(3, key)
	if err != nil {
		return nil, err
	}
	defer c.close()
	length := len(joined) / total
	shards := make([][]byte, total)
	for row := range shards {
		shards[row] = joined[row*length : (row+1)*length]
	}
	for _, text := range strings.Split(lost, ",") {
		row, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		shards[row] = nil
	}
	return c.reconstruct(shards)
}

func check() error {
	c, err := newCes(3, nil)
	if err != nil {
		return err
	}
	defer c.close()
	other, err := newCes(3, nil)
	if err != nil {
		return err
	}
	defer other.close()
	shards, err := c.process(bytes.Repeat([]byte("pangea "), 9000))
	if err != nil || len(shards) != total {
		return fmt.Errorf("%d shards: %w", len(shards), err)
	}
	for name, attempt := range map[string]func() ([]byte, error){
		"NOT_ENOUGH_SHARDS": func() ([]byte, error) { return c.reconstruct(shards[:7]) },
		"CORRUPT":           func() ([]byte, error) { return other.reconstruct(shards) },
		"INTERNAL":          func() ([]byte, error) { return (&ces{}).reconstruct(shards) },
	} {
		if _, err := attempt(); err == nil || !strings.HasPrefix(err.Error(), name+": ") {
			return fmt.Errorf("%s was expected, not %w", name, err)
		}
	}
	if _, err := (&ces{}).process([]byte{1}); err == nil || err.Error() != "INTERNAL: handle is NULL" {
		return fmt.Errorf("a missing handle is told as %w", err)
	}
	if shards, err = c.process(nil); err != nil {
		return err
	}
	if empty, err := c.reconstruct(shards); err != nil || len(empty) != 0 {
		return fmt.Errorf("nothing became %d bytes: %w", len(empty), err)
	}

	var group sync.WaitGroup
	failures := make(chan error, 8)
	for worker := range 8 {
		group.Go(func() {
			for round := range 20 {
				data := bytes.Repeat([]byte{byte(worker), byte(round)}, 1000*(worker+1))
				shards, err := c.process(data)
				if err == nil {
					shards[worker] = nil
					var opened []byte
					if opened, err = c.reconstruct(shards); err == nil && !bytes.Equal(opened, data) {
						err = fmt.Errorf("goroutine %d read other bytes", worker)
					}
				}
				if err != nil {
					failures <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(failures)
	return <-failures
}
