// Package pangea is a client of a Pangea node: a store for private objects that are compressed, sealed, cut into twelve
// shards of which any eight suffice, and kept by other nodes.
//
//	client, err := pangea.Dial(ctx, "127.0.0.1:8080")
//	if err != nil { … }
//	defer client.Close()
//	result, err := client.Put(ctx, "report.pdf", file)
//	_, err = client.GetTo(ctx, result.Object.Link, os.Stdout)
//
// A [Client] is one connection over Cap'n Proto RPC with a [Session], which has rights, and a [NodeService], which is what
// every node of the network offers to anybody. All methods may be called from many goroutines; one [Writer], [Reader] or
// [Object] belongs to one goroutine at a time.
//
// Contexts cancel: a call whose context ends is given up on both sides. Errors are [*Error] with a code that never
// changes its meaning, so errors.Is(err, pangea.ErrNotFound) works; what a context ended is also context.Canceled or
// context.DeadlineExceeded.
package pangea
