# What programs in other languages can ask a Pangea node, over TCP (default 127.0.0.1:8080), two-party, level 1.
#
# The bootstrap capability is a PangeaNode, which is also a NodeService: one port serves clients of the existing
# Pangea network unchanged, and those who want what only this node has. Rules, limits and errors: `schema/rpc.md`.
#
# File id, type names and ordinals are frozen: type ids follow from them. Fields may be added at the end.

@0x8513e0c6129c1f4c;

# ---------------------------------------------------------------------------------------------------------------------
# NodeService: shared with the other nodes of the network.

struct Node {
  id @0 :UInt32;
  status @1 :UInt32;                    # 0 active, 1 purgatory, 2 dead
  latencyMs @2 :Float32;
  threatScore @3 :Float32;              # 0 to 1
}

struct NodeList { nodes @0 :List(Node); }

struct NodeUpdate {
  nodeId @0 :UInt32;
  latencyMs @1 :Float32;
  threatScore @2 :Float32;
}

struct NodeQuery { nodeId @0 :UInt32; }

struct PeerAddress {
  peerId @0 :UInt32;
  host @1 :Text;
  port @2 :UInt16;
}

struct Message {
  toPeerId @0 :UInt32;
  data @1 :Data;
}

struct ConnectionQuality {
  latencyMs @0 :Float32;
  jitterMs @1 :Float32;
  packetLoss @2 :Float32;               # 0 to 1
}

struct NetworkMetrics {
  avgRttMs @0 :Float32;
  packetLoss @1 :Float32;
  bandwidthMbps @2 :Float32;
  peerCount @3 :UInt32;
  cpuUsage @4 :Float32;                 # 0 to 1, of the whole machine
  ioCapacity @5 :Float32;               # 0 to 1, what is left
}

struct Shard {
  index @0 :UInt32;
  data @1 :Data;
}

struct ShardLocation {
  shardIndex @0 :UInt32;                # stripe * 12 + row
  peerId @1 :UInt32;
}

struct FileManifest {
  fileHash @0 :Text;                    # root of the object, 64 hex digits
  fileName @1 :Text;
  fileSize @2 :UInt64;
  shardCount @3 :UInt32;                # data shards of a stripe
  parityCount @4 :UInt32;
  shardLocations @5 :List(ShardLocation);
  timestamp @6 :Int64;                  # seconds since 1970
  ttl @7 :UInt32;                       # seconds, 0 for no end
}

struct CesProcessRequest {
  data @0 :Data;
  compressionLevel @1 :Int32;
}

struct CesProcessResponse {
  success @0 :Bool;
  errorMsg @1 :Text;
  shards @2 :List(Shard);
}

struct CesReconstructRequest {
  shards @0 :List(Shard);
  shardPresent @1 :List(Bool);
  compressionLevel @2 :Int32;
}

struct CesReconstructResponse {
  success @0 :Bool;
  errorMsg @1 :Text;
  data @2 :Data;
}

struct UploadRequest {
  data @0 :Data;
  targetPeers @1 :List(UInt32);
}

struct UploadResponse {
  success @0 :Bool;
  errorMsg @1 :Text;
  manifest @2 :FileManifest;
}

struct DownloadRequest {
  shardLocations @0 :List(ShardLocation);
  fileHash @1 :Text;
}

struct DownloadResponse {
  success @0 :Bool;
  errorMsg @1 :Text;
  data @2 :Data;
  bytesDownloaded @3 :UInt64;
}

struct DiscoveredPeer {
  peerId @0 :Text;
  multiaddrs @1 :List(Text);
  discoveredAt @2 :Int64;               # seconds since 1970
}

struct KeyValue {
  key @0 :Text;
  value @1 :Text;
}

struct ConfigData {
  nodeId @0 :UInt32;
  capnpAddr @1 :Text;
  libp2pPort @2 :Int32;
  useLibp2p @3 :Bool;
  localMode @4 :Bool;
  bootstrapPeers @5 :List(Text);
  lastSavedAt @6 :Text;
  customSettings @7 :List(KeyValue);
}

interface NodeService {
  getNode @0 (query :NodeQuery) -> (node :Node);
  getAllNodes @1 () -> (nodes :NodeList);
  updateNode @2 (update :NodeUpdate) -> (success :Bool);
  updateLatency @3 (nodeId :UInt32, latencyMs :Float32) -> (success :Bool);
  streamUpdates @4 () -> (update :NodeUpdate);
  connectToPeer @5 (peer :PeerAddress) -> (success :Bool, quality :ConnectionQuality);
  sendMessage @6 (msg :Message) -> (success :Bool);
  getConnectionQuality @7 (peerId :UInt32) -> (quality :ConnectionQuality);
  disconnectPeer @8 (peerId :UInt32) -> (success :Bool);
  getConnectedPeers @9 () -> (peers :List(UInt32));
  getNetworkMetrics @10 () -> (metrics :NetworkMetrics);
  cesProcess @11 (request :CesProcessRequest) -> (response :CesProcessResponse);
  cesReconstruct @12 (request :CesReconstructRequest) -> (response :CesReconstructResponse);
  upload @13 (request :UploadRequest) -> (response :UploadResponse);
  download @14 (request :DownloadRequest) -> (response :DownloadResponse);

  # Media streaming and distributed compute of other nodes: declared for their ordinals, answered with `unimplemented`.
  startStreaming @15 () -> ();
  stopStreaming @16 () -> ();
  sendVideoFrame @17 () -> ();
  sendAudioChunk @18 () -> ();
  sendChatMessage @19 () -> ();
  connectStreamPeer @20 () -> ();
  getStreamStats @21 () -> ();
  getReceivedFrames @22 () -> ();
  getReceivedAudio @23 () -> ();

  getLocalMultiaddr @24 () -> (multiaddr :Text);
  listLibp2pPeers @25 () -> (peers :List(Text));

  submitComputeJob @26 () -> ();
  getComputeJobStatus @27 () -> ();
  getComputeJobResult @28 () -> ();
  cancelComputeJob @29 () -> ();
  getComputeCapacity @30 () -> ();

  getMdnsDiscovered @31 () -> (peers :List(DiscoveredPeer));
  connectMdnsPeer @32 (peerID :Text) -> (success :Bool, errorMsg :Text);
  loadConfig @33 () -> (config :ConfigData, success :Bool, errorMsg :Text);
  saveConfig @34 (config :ConfigData) -> (success :Bool, errorMsg :Text);
  updateConfigValue @35 (key :Text, value :Text) -> (success :Bool);
}

# ---------------------------------------------------------------------------------------------------------------------
# PangeaNode: what only this node has. Every method takes one struct and gives one.

interface PangeaNode extends(NodeService) {
  about @0 AboutRequest -> About;
  # Without a token.

  login @1 LoginRequest -> LoginResponse;
  # `login(token).session.put(…)` pipelines: it costs no round trip of its own. A wrong token gives an exception
  # `DENIED: …`, after a delay that grows with the failures from that address.
}

struct AboutRequest {}

struct About {
  version @0 :Text;
  nodeId @1 :UInt32;
  peerId @2 :Text;
  isPrivateNetwork @3 :Bool;
  isTokenNeeded @4 :Bool;
  maxMessageBytes @5 :UInt64;
  chunkBytes @6 :UInt32;                # best size of a chunk in `put` and `get`
}

struct LoginRequest { token @0 :Text; }

struct LoginResponse {
  session @0 :Session;
  rights @1 :Rights;
}

struct Rights {
  read @0 :Bool;                        # get, info, list, search
  write @1 :Bool;                       # put
  remove @2 :Bool;
  observe @3 :Bool;                     # status, peers, plan, metrics, firewall and repair state, events
  control @4 :Bool;                     # firewall, repair, peers, invitations
  onlyObjects @5 :List(Text);           # when not empty: `read` and `remove` reach these roots (64 hex digits) alone
  expiresMs @6 :Int64;                  # wall clock, milliseconds since 1970; 0 for no end
}

interface Session {
  # A capability with rights. What they do not cover gives `DENIED: …`. What was made from it, uploads, downloads and
  # subscriptions, ends with the connection, or when it is revoked or expires. Releasing it ends nothing, so that
  # `login(token).session.put(…)` may drop it at once.

  put @0 PutRequest -> PutResponse;
  get @1 GetRequest -> GetResponse;
  putTree @2 PutRequest -> PutTreeResponse;
  getTree @3 GetTreeRequest -> GetTreeResponse;
  info @4 ObjectRequest -> ObjectInfo;
  list @5 ListRequest -> ListResponse;
  remove @6 ObjectRequest -> RemoveResponse;
  subscribe @7 SubscribeRequest -> SubscribeResponse;
  status @8 StatusRequest -> Status;
  peers @9 PeersRequest -> PeersResponse;
  plan @10 PlanRequest -> Plan;
  metrics @11 MetricsRequest -> MetricsResponse;
  firewall @12 FirewallRequest -> FirewallState;
  setFirewall @13 SetFirewallRequest -> FirewallState;
  repair @14 RepairRequest -> RepairState;
  controlRepair @15 ControlRepairRequest -> RepairState;
  connectPeer @16 ConnectPeerRequest -> ConnectPeerResponse;
  revokePeer @17 RevokePeerRequest -> RevokePeerResponse;
  invite @18 InviteRequest -> InviteResponse;
  narrow @19 NarrowRequest -> NarrowResponse;
  # A session with fewer rights, to hand on; it lives as long as somebody holds it, this one or that, until revoked.

  graph @20 GraphRequest -> GraphResponse;
  # The node's realtime graph. A session that is narrowed to objects has none.
}

interface ByteSink {
  # Where bytes go: the node's in a put, the client's in a get. Chunks have at most `About.chunkBytes` * 4.
  write @0 (chunk :Data) -> stream;
  done @1 DoneRequest -> DoneResponse;
}
struct DoneRequest {}
struct DoneResponse {}

enum Acknowledge { default @0; memory @1; some @2; all @3; }

struct PutRequest {
  objectName @0 :Text;
  mediaType @1 :Text;
  acknowledge @2 :Acknowledge;
  expectedBytes @3 :Int64 = -1;         # a different count is an error; -1 for unknown
  dictionary @4 :Text;                  # link, root or name of a dictionary object
  requestId @5 :Text;                   # a retried put with the same id gives the first one's record
}
struct PutResponse { upload @0 :Upload; }

interface Upload {
  # Released before `finish` it is given up, and nothing is kept.
  write @0 (chunk :Data) -> stream;
  finish @1 FinishRequest -> PutResult;
}
struct FinishRequest {}

struct PutTreeResponse { upload @0 :TreeUpload; }
interface TreeUpload {
  entry @0 TreeEntry -> EntryResponse;  # begins an entry; `write` that follows is its content
  write @1 (chunk :Data) -> stream;
  finish @2 FinishRequest -> PutResult;
}
struct EntryResponse {}

enum EntryType { file @0; directory @1; symlink @2; }
struct TreeEntry {
  path @0 :Text;                        # relative, `/` between names, no `..`
  type @1 :EntryType;
  mode @2 :UInt32;
  modifiedMs @3 :Int64;
  bytes @4 :UInt64;
  target @5 :Text;                      # of a symlink, inside the tree
}

struct GetRequest {
  reference @0 :Text;                   # link, root or name
  offset @1 :UInt64;
  length @2 :Int64 = -1;                # -1 for to the end
  path @3 :Text;                        # one file of a directory object
  sink @4 :ByteSink;
}
struct GetResponse {
  # After the sink's `done` was answered.
  objectName @0 :Text;
  mediaType @1 :Text;
  bytes @2 :UInt64;                     # that were written
  seconds @3 :Float64;
}

struct GetTreeRequest {
  reference @0 :Text;
  sink @1 :TreeSink;
}
interface TreeSink {
  entry @0 TreeEntry -> EntryResponse;
  write @1 (chunk :Data) -> stream;
  done @2 DoneRequest -> DoneResponse;
}
struct GetTreeResponse {
  objectName @0 :Text;
  entries @1 :UInt64;
  bytes @2 :UInt64;
}

struct ObjectRequest { reference @0 :Text; }

enum ObjectKind { file @0; directory @1; }
struct ObjectRecord {
  root @0 :Text;
  link @1 :Text;                        # a secret: root and key
  objectName @2 :Text;
  kind @3 :ObjectKind;
  bytes @4 :UInt64;
  mediaType @5 :Text;
  createdMs @6 :Int64;
}

struct PutResult {
  object @0 :ObjectRecord;
  acknowledge @1 :Acknowledge;          # what was asked
  fsynced @2 :UInt32;                   # holders that answered with fsync
  holders @3 :UInt32;
  survivesFailures @4 :UInt32;
  storedBytes @5 :UInt64;
  seconds @6 :Float64;
}

struct Holder {
  peerId @0 :Text;
  shards @1 :UInt32;
  live @2 :Bool;
}
struct ObjectInfo {
  object @0 :ObjectRecord;
  storedBytes @1 :UInt64;
  stripes @2 :UInt32;
  isStriped @3 :Bool;
  holders @4 :List(Holder);
  shardsPresent @5 :UInt32;
  shardsTotal @6 :UInt32;
  survivesFailures @7 :UInt32;
}

struct ListRequest {
  pattern @0 :Text;                     # part of the object name, `*` and `?` match; empty for all
  after @1 :Text;                       # `next` of the page before
  limit @2 :UInt32;                     # 0 for 256; at most 1,024
}
struct ListResponse {
  objects @0 :List(ObjectRecord);
  next @1 :Text;                        # empty on the last page
}
struct RemoveResponse {
  root @0 :Text;
  confirmed @1 :UInt32;
  holders @2 :UInt32;
}

struct SubscribeRequest {
  peers @0 :Bool;
  objects @1 :Bool;
  repair @2 :Bool;
  firewall @3 :Bool;
  messages @4 :Bool;
  listener @5 :EventListener;
}
struct SubscribeResponse { subscription @0 :Subscription; }
interface Subscription {}               # ends when it is released
interface EventListener {
  event @0 Event -> stream;
}
struct Event {
  sequence @0 :UInt64;                  # counts from 1 within a subscription
  lost @1 :UInt64;                      # events dropped just before this one, because the listener was slow
  atMs @2 :Int64;
  union {
    peer @3 :PeerEvent;
    object @4 :ObjectEvent;
    repair @5 :RepairEvent;
    firewall @6 :FirewallEvent;
    message @7 :MessageEvent;
  }
}
enum PeerChange { found @0; connected @1; disconnected @2; changed @3; }
struct PeerEvent {
  change @0 :PeerChange;
  peer @1 :Peer;
}
enum ObjectChange { put @0; removed @1; }
struct ObjectEvent {
  change @0 :ObjectChange;
  root @1 :Text;
  objectName @2 :Text;
  bytes @3 :UInt64;
}
enum RepairChange { roundEnded @0; restored @1; unreadable @2; paused @3; resumed @4; }
struct RepairEvent {
  change @0 :RepairChange;
  root @1 :Text;                        # empty for a whole round
  shards @2 :UInt32;
}
enum FirewallChange { denied @0; rules @1; }
struct FirewallEvent {
  change @0 :FirewallChange;
  listener @1 :Text;                    # quic, libp2p, http, rpc
  address @2 :Text;                     # empty where the enforcer only counts
  count @3 :UInt64;
}
struct MessageEvent {
  fromPeerId @0 :Text;
  fromNodeId @1 :UInt32;                # label; 0 when unknown
  data @2 :Data;
}

struct StatusRequest {}
struct Part {
  part @0 :Text;
  up @1 :Bool;
  detail @2 :Text;
}
struct Status {
  version @0 :Text;
  nodeId @1 :UInt32;
  peerId @2 :Text;
  isPrivateNetwork @3 :Bool;
  startedMs @4 :Int64;
  ready @5 :Bool;
  parts @6 :List(Part);
  peersKnown @7 :UInt32;
  peersConnected @8 :UInt32;
  storeLiveBytes @9 :UInt64;
  storeGarbageBytes @10 :UInt64;
  storeFreeBytes @11 :UInt64;
  storeRecords @12 :UInt64;
  objectsHeld @13 :UInt64;
  objectsCatalogue @14 :UInt64;
  objectsUnderRepair @15 :UInt64;
  memoryBytes @16 :UInt64;
  quicAddresses @17 :List(Text);
  multiaddrs @18 :List(Text);
  httpAddress @19 :Text;
  rpcAddress @20 :Text;
  reachability @21 :Text;               # public, private, unknown
}

struct PeersRequest {}
struct PeersResponse { peers @0 :List(Peer); }
struct Peer {
  peerId @0 :Text;
  nodeId @1 :UInt32;
  isNodeIdKnown @2 :Bool;
  isNodeIdAmbiguous @3 :Bool;           # two peers carry this label
  status @4 :UInt32;                    # as in Node
  latencyMs @5 :Float64 = nan;          # nan: never measured
  jitterMs @6 :Float64 = nan;
  packetLoss @7 :Float64 = nan;
  threatScore @8 :Float64;
  health @9 :Float64 = nan;
  lastSeenMs @10 :Int64;                # 0: never
  connected @11 :Bool;
  quicAddresses @12 :List(Text);
  multiaddrs @13 :List(Text);
  storing @14 :Bool;
  freeBytes @15 :Int64 = -1;            # -1: unknown
  failureDomain @16 :Text;
  version @17 :Text;
  path @18 :Text;                       # direct, punched, relayed; empty when not connected
}

struct PlanRequest {}
struct Plan {
  stages @0 :List(Stage);
  notes @1 :List(Text);
}
struct Stage {
  stage @0 :Text;
  chosen @1 :Text;
  why @2 :Text;
  forced @3 :Bool;
  bytesPerSecond @4 :Float64 = nan;
  rejected @5 :List(Candidate);
}
struct Candidate {
  path @0 :Text;
  why @1 :Text;
}

struct MetricsRequest {}
struct MetricsResponse { text @0 :Text; }  # Prometheus text format 0.0.4

struct FirewallRequest {}
struct FirewallState {
  mode @0 :Text;
  allow @1 :List(Text);                 # CIDR blocks
  counters @2 :List(FirewallCounter);
}
struct FirewallCounter {
  listener @0 :Text;
  allowed @1 :UInt64;
  denied @2 :UInt64;
}
struct SetFirewallRequest { allow @0 :List(Text); }

struct RepairRequest {}
struct RepairState {
  paused @0 :Bool;
  objectsHeld @1 :UInt64;
  objectsUnderRepair @2 :UInt64;
  shardsRestored @3 :UInt64;            # since the node started
  last @4 :RepairRound;
}
struct RepairRound {
  endedMs @0 :Int64;                    # 0: none yet
  objectsChecked @1 :UInt64;
  shardsRestored @2 :UInt64;
  objectsBelowTarget @3 :UInt64;
  objectsUnreadable @4 :UInt64;
}
enum RepairAction { runOnce @0; pause @1; resume @2; }
struct ControlRepairRequest { action @0 :RepairAction; }

struct ConnectPeerRequest { address @0 :Text; }  # host:port for QUIC, or a multiaddr
struct ConnectPeerResponse { peerId @0 :Text; }
struct RevokePeerRequest { peerId @0 :Text; }
struct RevokePeerResponse {}
struct InviteRequest {
  uses @0 :UInt32 = 1;
  expiresInMs @1 :UInt64 = 86400000;
}
struct InviteResponse { ticket @0 :Text; }

struct NarrowRequest { rights @0 :Rights; }
struct NarrowResponse {
  session @0 :Session;
  rights @1 :Rights;                    # what was granted: never more than this session has
  revoker @2 :Revoker;
}
interface Revoker {
  revoke @0 RevokeRequest -> RevokeResponse;
  # The narrowed session, and all made from it, answer `DENIED: …` from then on. Releasing a revoker does not revoke.
}
struct RevokeRequest {}
struct RevokeResponse {}

# ---------------------------------------------------------------------------------------------------------------------
# Graph: nodes that are found by their soul and hold fields, as gun.js has them. Times are the graph's: milliseconds since
# 1970 with fractions.

struct GraphRequest {}
struct GraphResponse { graph @0 :Graph; }

interface Graph {
  # Ends with its session's rights. A node that serves no graph answers `NOT_SUPPORTED: …` to all but `status`.

  get @0 GraphGetRequest -> GraphGetResponse;
  put @1 GraphPutRequest -> GraphPutResponse;
  watch @2 GraphWatchRequest -> GraphWatchResponse;
  souls @3 GraphSoulsRequest -> GraphSoulsResponse;
  status @4 GraphStatusRequest -> GraphStatus;
}

struct GraphValue {
  union {
    null @0 :Void;                      # of a field that was deleted
    text @1 :Text;
    number @2 :Float64;                 # finite
    bool @3 :Bool;
    link @4 :Text;                      # the soul that it leads to
  }
}
struct GraphField {
  key @0 :Text;
  value @1 :GraphValue;
  state @2 :Float64;                    # when it was written
}

struct GraphGetRequest {
  soul @0 :Text;
  key @1 :Text;                         # this field alone; empty for all that the other conditions take
  prefix @2 :Text;                      # of keys
  from @3 :Text;                        # first key, itself included
  to @4 :Text;                          # last key, itself included
  after @5 :Text;                       # `next` of the page before
  limit @6 :UInt32;                     # fields; 0 for 1,024, at most 4,096
  waitMs @7 :UInt32 = 2000;             # how long to ask peers when nothing is here; 0 asks nobody, at most 60,000
}
struct GraphGetResponse {
  found @0 :Bool;                       # false: nobody has it, or it has none of these fields
  fields @1 :List(GraphField);          # in byte order of keys
  next @2 :Text;                        # empty on the last page
}

struct GraphPutRequest {
  soul @0 :Text;
  fields @1 :List(GraphField);          # their states are the node's to say, and not read
}
enum GraphStored { memory @0; disk @1; remote @2; }
struct GraphPutResponse {
  # After the write was stored.
  state @0 :Float64;
  stored @1 :GraphStored;               # what it survives: the end of the process, or of the machine
}

struct GraphWatchRequest {
  souls @0 :List(Text);
  prefix @1 :Text;                      # of souls, instead of `souls`
  whole @2 :Bool;                       # each change carries all of the node, not only what changed
  listener @3 :GraphListener;
}
struct GraphWatchResponse { subscription @0 :Subscription; }
interface GraphListener {
  change @0 GraphChange -> stream;
}
enum GraphOrigin {
  now @0;                               # what there was when it was read: all of the node
  local @1;                             # written by this node
  peer @2;
  deferred @3;                          # written ahead of the clock; its time has come
}
struct GraphChange {
  sequence @0 :UInt64;                  # counts from 1 within a subscription
  lost @1 :UInt64;                      # nodes whose changes were dropped just before this one, because the listener was slow
  soul @2 :Text;
  origin @3 :GraphOrigin;
  fields @4 :List(GraphField);
  more @5 :Bool;                        # the rest of what is told of this node follows in the next change
}

struct GraphSoulsRequest {
  prefix @0 :Text;
  after @1 :Text;                       # `next` of the page before
  limit @2 :UInt32;                     # 0 for 256; at most 1,024
}
struct GraphSoulsResponse {
  souls @0 :List(Text);                 # in byte order
  next @1 :Text;                        # empty on the last page
}

struct GraphStatusRequest {}
struct GraphRelay {
  url @0 :Text;
  state @1 :Text;                       # open, connecting, waiting, self, closed
}
struct GraphStatus {
  isOn @0 :Bool;                        # false: the node serves no graph, and the rest is empty
  address @1 :Text;                     # ws://host:port/gun
  pid @2 :Text;
  storeName @3 :Text;
  stored @4 :GraphStored;               # what an acknowledged write survives
  storedBytes @5 :UInt64;
  digest @6 :Text;                      # equal in two nodes that hold the same; empty until it is known
  relays @7 :List(GraphRelay);
  relayPeers @8 :UInt32;
  leafPeers @9 :UInt32;
  fieldsAccepted @10 :UInt64;           # since the start, as all counts here
  fieldsOld @11 :UInt64;
  fieldsRefused @12 :UInt64;
  fieldsDeferred @13 :UInt64;
  fieldsUnstored @14 :UInt64;
  nodesInMemory @15 :UInt64;
  fieldsInMemory @16 :UInt64;
  messagesIn @17 :UInt64;
  messagesOut @18 :UInt64;
  outbox @19 :UInt64;                   # writes of this node that no relay has confirmed
  failedWrites @20 :UInt64;
}
