package pangea

import (
	"encoding/json"
	"reflect"

	"pangea-node/clients/go/internal/schema"
)

// Link is a value that leads to the node with this soul.
type Link string

// MarshalJSON writes it as gun.js does: {"#": soul}.
func (l Link) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]string{"#": string(l)}) }

// GraphField is what a key of a node is set to: a string, a float64, a bool, a [Link], or nil when it was deleted.
type GraphField struct {
	Value any     `json:"value"`
	State float64 `json:"state"` // when it was written: milliseconds since 1970, with fractions that order writes of one
}

// GraphNode is a node of the graph, or some of its fields.
type GraphNode struct {
	Soul   string                `json:"soul"`
	Fields map[string]GraphField `json:"fields"`
}

// Value of a field; nil too when there is none.
func (n GraphNode) Value(key string) any { return n.Fields[key].Value }

// GraphChange tells what happened to a node: first all that there is, then what changed.
type GraphChange struct {
	Node     GraphNode `json:"node"`
	Origin   string    `json:"origin"` // now (what there was when it was read), local (written by the node), peer, deferred
	Sequence uint64    `json:"sequence"`
	Lost     uint64    `json:"lost"` // nodes whose changes were dropped just before this one, because the loop was slow
	More     bool      `json:"more"` // the rest of what is told of this node comes next
}

// GraphPut is what became of a put. Stored is what it survives by now: memory, disk (the end of the process) or remote (the
// end of the machine).
type GraphPut struct {
	State  float64 `json:"state"`
	Stored string  `json:"stored"`
}

// GraphRelay is a relay that the node stays connected to. State is open, connecting, waiting, self or closed.
type GraphRelay struct {
	URL   string `json:"url"`
	State string `json:"state"`
}

// GraphStatus of a node. Counts are since its start.
type GraphStatus struct {
	IsOn           bool         `json:"isOn"`
	Address        string       `json:"address"` // ws://host:port/gun
	PID            string       `json:"pid"`
	StoreName      string       `json:"storeName"`
	Stored         string       `json:"stored"`
	StoredBytes    uint64       `json:"storedBytes"`
	Digest         string       `json:"digest"` // equal in two nodes that hold the same; empty until it is known
	Relays         []GraphRelay `json:"relays"`
	RelayPeers     uint32       `json:"relayPeers"`
	LeafPeers      uint32       `json:"leafPeers"`
	FieldsAccepted uint64       `json:"fieldsAccepted"`
	FieldsOld      uint64       `json:"fieldsOld"`
	FieldsRefused  uint64       `json:"fieldsRefused"`
	FieldsDeferred uint64       `json:"fieldsDeferred"`
	FieldsUnstored uint64       `json:"fieldsUnstored"`
	NodesInMemory  uint64       `json:"nodesInMemory"`
	FieldsInMemory uint64       `json:"fieldsInMemory"`
	MessagesIn     uint64       `json:"messagesIn"`
	MessagesOut    uint64       `json:"messagesOut"`
	Outbox         uint64       `json:"outbox"` // writes of this node that no relay has confirmed
	FailedWrites   uint64       `json:"failedWrites"`
}

func readGraphStatus(r *reading, from schema.GraphStatus) GraphStatus {
	return GraphStatus{
		IsOn: from.IsOn(), Address: r.text(from.Address()), PID: r.text(from.Pid()), StoreName: r.text(from.StoreName()),
		Stored: from.Stored().String(), StoredBytes: from.StoredBytes(), Digest: r.text(from.Digest()),
		Relays: listOf[schema.GraphRelay_List](r, func(r *reading, relay schema.GraphRelay) GraphRelay {
			return GraphRelay{r.text(relay.Url()), r.text(relay.State())}
		})(from.Relays()),
		RelayPeers: from.RelayPeers(), LeafPeers: from.LeafPeers(), FieldsAccepted: from.FieldsAccepted(), FieldsOld: from.FieldsOld(),
		FieldsRefused: from.FieldsRefused(), FieldsDeferred: from.FieldsDeferred(), FieldsUnstored: from.FieldsUnstored(),
		NodesInMemory: from.NodesInMemory(), FieldsInMemory: from.FieldsInMemory(), MessagesIn: from.MessagesIn(),
		MessagesOut: from.MessagesOut(), Outbox: from.Outbox(), FailedWrites: from.FailedWrites(),
	}
}

func readFields(r *reading, into map[string]GraphField) func(schema.GraphField_List, error) []struct{} {
	return listOf[schema.GraphField_List](r, func(r *reading, from schema.GraphField) struct{} {
		into[r.text(from.Key())] = GraphField{structOf(r, readValue)(from.Value()), from.State()}
		return struct{}{}
	})
}

func readValue(r *reading, from schema.GraphValue) any {
	switch from.Which() {
	case schema.GraphValue_Which_text:
		return r.text(from.Text())
	case schema.GraphValue_Which_number:
		return from.Number()
	case schema.GraphValue_Which_bool:
		return from.Bool()
	case schema.GraphValue_Which_link:
		return Link(r.text(from.Link()))
	}
	return nil
}

func setField(to schema.GraphField, key string, value any) error {
	if err := to.SetKey(key); err != nil {
		return err
	}
	field, err := to.NewValue()
	if err != nil {
		return err
	}
	switch value := value.(type) {
	case nil:
		field.SetNull()
		return nil
	case Link:
		return field.SetLink(string(value))
	}
	switch value := reflect.ValueOf(value); {
	case value.Kind() == reflect.String:
		return field.SetText(value.String())
	case value.Kind() == reflect.Bool:
		field.SetBool(value.Bool())
	case value.CanFloat():
		field.SetNumber(value.Float())
	case value.CanInt() && int64(float64(value.Int())) == value.Int():
		field.SetNumber(float64(value.Int()))
	case value.CanUint() && value.Uint() <= 1<<53:
		field.SetNumber(float64(value.Uint()))
	case value.CanInt(), value.CanUint():
		return failure("USAGE", nil, "the field %q loses digits: numbers of the graph have 53 bits; write it as text", key)
	default:
		return failure("USAGE", nil, "the field %q is a %s: text, numbers, bool, Link and nil can be in a graph", key, value.Type())
	}
	return nil
}
