// Backup stores a directory as one object with progress, watches the node say so, and puts the directory back elsewhere.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	pangea "pangea-node/clients/go"
)

func main() {
	address := pangea.DefaultAddress
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if err := run(context.Background(), address); err != nil {
		log.Fatal(err)
	}
	fmt.Println("done")
}

func run(ctx context.Context, address string) error {
	client, err := pangea.Dial(ctx, address)
	if err != nil {
		return err
	}
	defer client.Close()
	directory, err := os.MkdirTemp("", "pangea-backup-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	source := filepath.Join(directory, "letters")
	if err := errors.Join(os.Mkdir(source, 0o755), os.WriteFile(filepath.Join(source, "first.txt"), make([]byte, 3<<20), 0o644)); err != nil {
		return err
	}

	seen := make(chan pangea.Event, 1)
	subscription, err := client.Subscribe(ctx, pangea.EventKinds{Objects: true}, func(event pangea.Event) {
		select {
		case seen <- event:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer subscription.Close()

	result, err := client.PutTree(ctx, "letters", os.DirFS(source), pangea.WithProgress(func(bytes int64) {
		fmt.Printf("sent %d bytes\n", bytes)
	}))
	if err != nil {
		return err
	}
	fmt.Println("the node says:", (<-seen).Object.Change, result.Object.Name)

	restored, err := client.GetTree(ctx, result.Object.Link, filepath.Join(directory, "restored"))
	if err != nil {
		return err
	}
	fmt.Printf("restored %d bytes\n", restored.Bytes)
	_, err = client.Remove(ctx, result.Object.Root)
	return err
}
