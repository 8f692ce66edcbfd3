# The interface of the existing network, written from its facts alone: what its clients have.
@0x8513e0c6129c1f4c;

struct Node {
  id @0 :UInt32;
  status @1 :UInt32;
  latencyMs @2 :Float32;
  threatScore @3 :Float32;
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
  packetLoss @2 :Float32;
}

struct NetworkMetrics {
  avgRttMs @0 :Float32;
  packetLoss @1 :Float32;
  bandwidthMbps @2 :Float32;
  peerCount @3 :UInt32;
  cpuUsage @4 :Float32;
  ioCapacity @5 :Float32;
}

struct Shard {
  index @0 :UInt32;
  data @1 :Data;
}

struct ShardLocation {
  shardIndex @0 :UInt32;
  peerId @1 :UInt32;
}

struct FileManifest {
  fileHash @0 :Text;
  fileName @1 :Text;
  fileSize @2 :UInt64;
  shardCount @3 :UInt32;
  parityCount @4 :UInt32;
  shardLocations @5 :List(ShardLocation);
  timestamp @6 :Int64;
  ttl @7 :UInt32;
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
  discoveredAt @2 :Int64;
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
