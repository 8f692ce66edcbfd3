package pangea

import (
	"context"

	"pangea-node/clients/go/internal/schema"
)

// CesProcess compresses, seals and codes a block of at most 64 MiB under the node's own key: twelve shards, of which any
// eight give it back. A level outside of 1–19 leaves the choice to the node.
func (n *NodeService) CesProcess(ctx context.Context, data []byte, compressionLevel int32) ([]Shard, error) {
	type processed struct {
		shards  []Shard
		refused error
	}
	answer, err := ask(ctx, n.node.CesProcess, func(p schema.NodeService_cesProcess_Params) error {
		request, err := p.NewRequest()
		if err != nil {
			return err
		}
		request.SetCompressionLevel(compressionLevel)
		return request.SetData(data)
	}, func(r *reading, answer schema.NodeService_cesProcess_Results) processed {
		response, err := answer.Response()
		r.fail(err)
		return processed{listOf[schema.Shard_List](r, readShard)(response.Shards()), r.verdict(response)}
	})
	return answer.shards, first(err, answer.refused)
}

// CesReconstruct gives the block back. Missing shards are left out, or have nil Data.
func (n *NodeService) CesReconstruct(ctx context.Context, shards []Shard, compressionLevel int32) ([]byte, error) {
	return n.data(ask(ctx, n.node.CesReconstruct, func(p schema.NodeService_cesReconstruct_Params) error {
		request, err := p.NewRequest()
		if err != nil {
			return err
		}
		request.SetCompressionLevel(compressionLevel)
		return setShards(request, shards)
	}, func(r *reading, answer schema.NodeService_cesReconstruct_Results) block {
		response, err := answer.Response()
		r.fail(err)
		return block{r.bytes(response.Data()), r.verdict(response)}
	}))
}

// blockRows is how many shards a block has.
const blockRows = 12

// setShards gives every row its place: the call takes shards and presence by position.
func setShards(request schema.CesReconstructRequest, shards []Shard) error {
	list, err := request.NewShards(blockRows)
	if err != nil {
		return err
	}
	present, err := request.NewShardPresent(blockRows)
	if err != nil {
		return err
	}
	for row := range blockRows {
		list.At(row).SetIndex(uint32(row))
	}
	for _, shard := range shards {
		if shard.Index >= blockRows {
			return failure("USAGE", nil, "a block has no shard %d", shard.Index)
		}
		if shard.Data == nil {
			continue
		}
		present.Set(int(shard.Index), true)
		if err := list.At(int(shard.Index)).SetData(shard.Data); err != nil {
			return err
		}
	}
	return nil
}

// Upload stores data as an object. The peers are those that the caller would like as holders: a wish, no more.
func (n *NodeService) Upload(ctx context.Context, data []byte, targetPeers []uint32) (FileManifest, error) {
	type uploaded struct {
		manifest FileManifest
		refused  error
	}
	answer, err := ask(ctx, n.node.Upload, func(p schema.NodeService_upload_Params) error {
		request, err := p.NewRequest()
		if err != nil {
			return err
		}
		list, err := request.NewTargetPeers(int32(len(targetPeers)))
		if err != nil {
			return err
		}
		for index, peer := range targetPeers {
			list.Set(index, peer)
		}
		return request.SetData(data)
	}, func(r *reading, answer schema.NodeService_upload_Results) uploaded {
		response, err := answer.Response()
		r.fail(err)
		return uploaded{structOf(r, readManifest)(response.Manifest()), r.verdict(response)}
	})
	return answer.manifest, first(err, answer.refused)
}

// Download gives the object with this root, or a block whose shards lie at these places.
func (n *NodeService) Download(ctx context.Context, locations []ShardLocation, fileHash string) ([]byte, error) {
	return n.data(ask(ctx, n.node.Download, func(p schema.NodeService_download_Params) error {
		request, err := p.NewRequest()
		if err != nil {
			return err
		}
		list, err := request.NewShardLocations(int32(len(locations)))
		if err != nil {
			return err
		}
		for index, location := range locations {
			list.At(index).SetShardIndex(location.ShardIndex)
			list.At(index).SetPeerId(location.PeerID)
		}
		return request.SetFileHash(fileHash)
	}, func(r *reading, answer schema.NodeService_download_Results) block {
		response, err := answer.Response()
		r.fail(err)
		return block{r.bytes(response.Data()), r.verdict(response)}
	}))
}

type block struct {
	data    []byte
	refused error
}

func (n *NodeService) data(answer block, err error) ([]byte, error) {
	if err := first(err, answer.refused); err != nil {
		return nil, err
	}
	return answer.data, nil
}
