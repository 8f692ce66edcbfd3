package pangea

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	capnp "capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/exc"
)

// Error is what every call of this package fails with. Code is one of the node's stable codes, such as NOT_FOUND; the
// message is one line and says what to do about it. Two errors are the same for errors.Is when their codes are.
type Error struct {
	Code    string
	Message string
	cause   error
}

// Errors to compare with by errors.Is. A code that has no name here is compared with &Error{Code: "…"}.
var (
	ErrNotFound        = &Error{Code: "NOT_FOUND"}
	ErrDenied          = &Error{Code: "DENIED"}
	ErrNoKey           = &Error{Code: "NO_KEY"}
	ErrNotEnoughShards = &Error{Code: "NOT_ENOUGH_SHARDS"}
	ErrNotEnoughPeers  = &Error{Code: "NOT_ENOUGH_PEERS"}
	ErrCorrupt         = &Error{Code: "CORRUPT"}
	ErrTooLarge        = &Error{Code: "TOO_LARGE"}
	ErrTooMany         = &Error{Code: "TOO_MANY"}
	ErrStoreFull       = &Error{Code: "STORE_FULL"}
	ErrFileExists      = &Error{Code: "FILE_EXISTS"}
	ErrFileChanged     = &Error{Code: "FILE_CHANGED"}
	ErrUnsafePath      = &Error{Code: "UNSAFE_PATH"}
	ErrNotRunning      = &Error{Code: "NODE_NOT_RUNNING"}
	ErrNotSupported    = &Error{Code: "NOT_SUPPORTED"}
	ErrTimeout         = &Error{Code: "TIMEOUT"}
	ErrAborted         = &Error{Code: "ABORTED"}
	ErrProtocol        = &Error{Code: "PROTOCOL"}
	ErrUsage           = &Error{Code: "USAGE"}
)

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// Is reports whether target has the same code.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code
}

// Unwrap gives what the error was made of: a context's error, one of the operating system or of the RPC library.
func (e *Error) Unwrap() error { return e.cause }

func failure(code string, cause error, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), cause: cause}
}

// A node's exceptions have the reason "CODE: message"; the RPC library puts its own words before it.
var reason = regexp.MustCompile(`(?s)(?:^|: )([A-Z][A-Z_]{2,40}): (.*)$`)

// asError gives every error of the RPC library a code. It leaves nil and errors that have one as they are.
func asError(err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	if errors.Is(err, context.Canceled) {
		return &Error{Code: "ABORTED", Message: "given up by the caller", cause: err}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Code: "TIMEOUT", Message: "the node did not answer before the caller's deadline", cause: err}
	}
	text := err.Error()
	if match := reason.FindStringSubmatch(text); match != nil {
		return &Error{Code: match[1], Message: match[2], cause: err}
	}
	switch exc.TypeOf(err) {
	case exc.Disconnected:
		return &Error{Code: "NODE_NOT_RUNNING", Message: "the connection to the node ended in the middle of the call: dial again", cause: err}
	case exc.Unimplemented:
		return &Error{Code: "NOT_SUPPORTED", Message: "this node does not offer the call: " + text, cause: err}
	case exc.Overloaded:
		return &Error{Code: "TOO_MANY", Message: text, cause: err}
	}
	if capnp.IsDisconnected(err) {
		return &Error{Code: "NODE_NOT_RUNNING", Message: "the connection to the node ended: dial again", cause: err}
	}
	return &Error{Code: "INTERNAL", Message: text, cause: err}
}

// told turns the errorMsg of the network's older calls into an error.
func told(message string) error {
	if match := reason.FindStringSubmatch(message); match != nil {
		return &Error{Code: match[1], Message: match[2]}
	}
	if message == "" {
		message = "the node refused without a reason"
	}
	return &Error{Code: "INTERNAL", Message: message}
}
