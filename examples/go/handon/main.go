// Handon makes a session that can do nothing but read one object, as would be handed to another program, and revokes it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

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
	report, err := client.Put(ctx, "report", strings.NewReader("for your eyes"))
	if err != nil {
		return err
	}
	reader, revoker, err := client.Narrow(ctx, pangea.Rights{
		Read: true, OnlyObjects: []string{report.Object.Root}, Expires: time.Now().Add(time.Hour),
	})
	if err != nil {
		return err
	}
	defer reader.Close()
	// reader.Capability() is what goes into a call to another program; there, pangea.SessionFrom makes it a session again.
	if _, err := reader.GetTo(ctx, report.Object.Root, os.Stdout); err != nil {
		return err
	}
	fmt.Println()
	if _, err := reader.Remove(ctx, report.Object.Root); !errors.Is(err, pangea.ErrDenied) {
		return fmt.Errorf("it could remove: %v", err)
	}
	if err := revoker.Revoke(ctx); err != nil {
		return err
	}
	if _, err := reader.GetTo(ctx, report.Object.Root, io.Discard); !errors.Is(err, pangea.ErrDenied) {
		return fmt.Errorf("it could read after it was revoked: %v", err)
	}
	fmt.Println("revoked")
	_, err = client.Remove(ctx, report.Object.Root)
	return err
}
