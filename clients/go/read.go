package pangea

import (
	"time"

	"pangea-node/clients/go/internal/schema"
)

// Readers of the schema's structs, one a type. Everything is copied: a message is gone after its call.

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

func readAbout(r *reading, from schema.About) About {
	return About{
		Version: r.text(from.Version()), NodeID: from.NodeId(), PeerID: r.text(from.PeerId()), IsPrivateNetwork: from.IsPrivateNetwork(),
		IsTokenNeeded: from.IsTokenNeeded(), MaxMessageBytes: from.MaxMessageBytes(), ChunkBytes: from.ChunkBytes(),
	}
}

func readRights(r *reading, from schema.Rights) Rights {
	return Rights{
		Read: from.Read(), Write: from.Write(), Remove: from.Remove(), Observe: from.Observe(), Control: from.Control(),
		OnlyObjects: r.texts(from.OnlyObjects()), Expires: instant(from.ExpiresMs()),
	}
}

func readRecord(r *reading, from schema.ObjectRecord) ObjectRecord {
	return ObjectRecord{
		Root: r.text(from.Root()), Link: r.text(from.Link()), Name: r.text(from.ObjectName()), Kind: ObjectKind(from.Kind()),
		Bytes: from.Bytes(), MediaType: r.text(from.MediaType()), Created: instant(from.CreatedMs()),
	}
}

func readPutResult(r *reading, from schema.PutResult) PutResult {
	return PutResult{
		Object: structOf(r, readRecord)(from.Object()), Acknowledge: Acknowledge(from.Acknowledge()), Fsynced: from.Fsynced(), Holders: from.Holders(),
		SurvivesFailures: from.SurvivesFailures(), StoredBytes: from.StoredBytes(), Took: duration(from.Seconds()),
	}
}

func readGetResult(r *reading, from schema.GetResponse) GetResult {
	return GetResult{Name: r.text(from.ObjectName()), MediaType: r.text(from.MediaType()), Bytes: from.Bytes(), Took: duration(from.Seconds())}
}

func readHolder(r *reading, from schema.Holder) Holder {
	return Holder{PeerID: r.text(from.PeerId()), Shards: from.Shards(), Live: from.Live()}
}

func readInfo(r *reading, from schema.ObjectInfo) ObjectInfo {
	return ObjectInfo{
		Object: structOf(r, readRecord)(from.Object()), StoredBytes: from.StoredBytes(), Stripes: from.Stripes(), IsStriped: from.IsStriped(),
		Holders: listOf[schema.Holder_List](r, readHolder)(from.Holders()), ShardsPresent: from.ShardsPresent(), ShardsTotal: from.ShardsTotal(),
		SurvivesFailures: from.SurvivesFailures(),
	}
}

func readRemoved(r *reading, from schema.RemoveResponse) RemoveResult {
	return RemoveResult{Root: r.text(from.Root()), Confirmed: from.Confirmed(), Holders: from.Holders()}
}

func readPart(r *reading, from schema.Part) Part {
	return Part{Part: r.text(from.Part()), Up: from.Up(), Detail: r.text(from.Detail())}
}

func readStatus(r *reading, from schema.Status) Status {
	return Status{
		Version: r.text(from.Version()), NodeID: from.NodeId(), PeerID: r.text(from.PeerId()), IsPrivateNetwork: from.IsPrivateNetwork(),
		Started: instant(from.StartedMs()), Ready: from.Ready(), Parts: listOf[schema.Part_List](r, readPart)(from.Parts()),
		PeersKnown: from.PeersKnown(), PeersConnected: from.PeersConnected(), StoreLiveBytes: from.StoreLiveBytes(),
		StoreGarbageBytes: from.StoreGarbageBytes(), StoreFreeBytes: from.StoreFreeBytes(), StoreRecords: from.StoreRecords(),
		ObjectsHeld: from.ObjectsHeld(), ObjectsCatalogue: from.ObjectsCatalogue(), ObjectsUnderRepair: from.ObjectsUnderRepair(),
		MemoryBytes: from.MemoryBytes(), QuicAddresses: r.texts(from.QuicAddresses()), Multiaddrs: r.texts(from.Multiaddrs()),
		HTTPAddress: r.text(from.HttpAddress()), RPCAddress: r.text(from.RpcAddress()), Reachability: r.text(from.Reachability()),
	}
}

func readPeer(r *reading, from schema.Peer) Peer {
	return Peer{
		PeerID: r.text(from.PeerId()), NodeID: from.NodeId(), IsNodeIDKnown: from.IsNodeIdKnown(), IsNodeIDAmbiguous: from.IsNodeIdAmbiguous(),
		Status: NodeStatus(from.Status()), LatencyMs: Figure(from.LatencyMs()), JitterMs: Figure(from.JitterMs()), PacketLoss: Figure(from.PacketLoss()),
		ThreatScore: from.ThreatScore(), Health: Figure(from.Health()), LastSeen: instant(from.LastSeenMs()), Connected: from.Connected(),
		QuicAddresses: r.texts(from.QuicAddresses()), Multiaddrs: r.texts(from.Multiaddrs()), Storing: from.Storing(), FreeBytes: from.FreeBytes(),
		FailureDomain: r.text(from.FailureDomain()), Version: r.text(from.Version()), Path: r.text(from.Path()),
	}
}

func readPlan(r *reading, from schema.Plan) Plan {
	return Plan{Stages: listOf[schema.Stage_List](r, readStage)(from.Stages()), Notes: r.texts(from.Notes())}
}

func readStage(r *reading, from schema.Stage) Stage {
	return Stage{
		Stage: r.text(from.Stage()), Chosen: r.text(from.Chosen()), Why: r.text(from.Why()), Forced: from.Forced(),
		BytesPerSecond: Figure(from.BytesPerSecond()), Rejected: listOf[schema.Candidate_List](r, readCandidate)(from.Rejected()),
	}
}

func readCandidate(r *reading, from schema.Candidate) Candidate {
	return Candidate{Path: r.text(from.Path()), Why: r.text(from.Why())}
}

func readFirewall(r *reading, from schema.FirewallState) FirewallState {
	return FirewallState{
		Mode: r.text(from.Mode()), Allow: r.texts(from.Allow()),
		Counters: listOf[schema.FirewallCounter_List](r, readCounter)(from.Counters()),
	}
}

func readCounter(r *reading, from schema.FirewallCounter) FirewallCounter {
	return FirewallCounter{Listener: r.text(from.Listener()), Allowed: from.Allowed(), Denied: from.Denied()}
}

func readRepair(r *reading, from schema.RepairState) RepairState {
	return RepairState{
		Paused: from.Paused(), ObjectsHeld: from.ObjectsHeld(), ObjectsUnderRepair: from.ObjectsUnderRepair(), ShardsRestored: from.ShardsRestored(),
		Last: structOf(r, readRound)(from.Last()),
	}
}

func readRound(_ *reading, from schema.RepairRound) RepairRound {
	return RepairRound{
		Ended: instant(from.EndedMs()), ObjectsChecked: from.ObjectsChecked(), ShardsRestored: from.ShardsRestored(),
		ObjectsBelowTarget: from.ObjectsBelowTarget(), ObjectsUnreadable: from.ObjectsUnreadable(),
	}
}
