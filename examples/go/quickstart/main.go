// Quickstart puts some text into a node, reads it back, and reads a part of it. The node's address is the argument; the
// token is found as pangea.WithToken says.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

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

	text := strings.Repeat("All that is gold does not glitter.\n", 1000)
	result, err := client.Put(ctx, "riddle.txt", strings.NewReader(text), pangea.WithMediaType("text/plain"))
	if err != nil {
		return err
	}
	// Who has the link can read the object; keep it as you would keep a key.
	fmt.Printf("%d bytes on %d holders; %d of them may fail\n", result.Object.Bytes, result.Holders, result.SurvivesFailures)

	reader, err := client.Get(ctx, result.Object.Link)
	if err != nil {
		return err
	}
	defer reader.Close()
	back, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	fmt.Println("came back whole:", string(back) == text)

	object, err := client.Open(ctx, result.Object.Link)
	if err != nil {
		return err
	}
	defer object.Close()
	part := make([]byte, 4)
	if _, err := object.ReadAt(part, 12); err != nil {
		return err
	}
	fmt.Printf("bytes 12 to 16: %s\n", part)

	_, err = client.Remove(ctx, result.Object.Root)
	return err
}
