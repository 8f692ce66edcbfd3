package memnode

import (
	"bytes"
	"context"
	"errors"

	"pangea-node/clients/go/internal/schema"
)

// CesProcess cuts without a code: eight slices, and four empty ones that stand for parity.
func (s service) CesProcess(_ context.Context, call schema.NodeService_cesProcess) error {
	request, err := call.Args().Request()
	if err != nil {
		return err
	}
	data, err := request.Data()
	if err != nil {
		return err
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	response, err := answer.NewResponse()
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return response.SetErrorMsg("USAGE: there is nothing in the block")
	}
	response.SetSuccess(true)
	list, err := response.NewShards(12)
	if err != nil {
		return err
	}
	size := (len(data) + 7) / 8
	for row := range 8 {
		list.At(row).SetIndex(uint32(row))
		from := min(row*size, len(data))
		if err := list.At(row).SetData(data[from:min(from+size, len(data))]); err != nil {
			return err
		}
	}
	for row := 8; row < 12; row++ {
		list.At(row).SetIndex(uint32(row))
	}
	return nil
}

func (s service) CesReconstruct(_ context.Context, call schema.NodeService_cesReconstruct) error {
	request, err := call.Args().Request()
	if err != nil {
		return err
	}
	shards, err := request.Shards()
	if err != nil {
		return err
	}
	present, err := request.ShardPresent()
	if err != nil {
		return err
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	response, err := answer.NewResponse()
	if err != nil {
		return err
	}
	var data []byte
	for row := range 8 {
		if row >= present.Len() || !present.At(row) || int(shards.At(row).Index()) != row {
			return response.SetErrorMsg("NOT_ENOUGH_SHARDS: fewer than eight shards")
		}
		slice, err := shards.At(row).Data()
		if err != nil {
			return err
		}
		data = append(data, slice...)
	}
	response.SetSuccess(true)
	return response.SetData(data)
}

func (s service) Upload(_ context.Context, call schema.NodeService_upload) error {
	request, err := call.Args().Request()
	if err != nil {
		return err
	}
	data, err := request.Data()
	if err != nil {
		return err
	}
	peers, err := request.TargetPeers()
	if err != nil {
		return err
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	response, err := answer.NewResponse()
	if err != nil {
		return err
	}
	kept := s.node.store("upload", "", schema.ObjectKind_file, bytes.Clone(data), nil)
	response.SetSuccess(true)
	manifest, err := response.NewManifest()
	if err != nil {
		return err
	}
	manifest.SetFileSize(kept.record.bytes)
	manifest.SetShardCount(8)
	manifest.SetParityCount(4)
	manifest.SetTimestamp(kept.record.created.Unix())
	places, err := manifest.NewShardLocations(int32(peers.Len()))
	for index := range peers.Len() {
		places.At(index).SetShardIndex(uint32(index))
		places.At(index).SetPeerId(peers.At(index))
	}
	return errors.Join(err, manifest.SetFileHash(kept.record.root), manifest.SetFileName("upload"))
}

func (s service) Download(_ context.Context, call schema.NodeService_download) error {
	request, err := call.Args().Request()
	if err != nil {
		return err
	}
	answer, err := call.AllocResults()
	if err != nil {
		return err
	}
	response, err := answer.NewResponse()
	if err != nil {
		return err
	}
	kept, err := s.node.find(request.FileHash())
	if err != nil {
		return response.SetErrorMsg(err.Error())
	}
	response.SetSuccess(true)
	response.SetBytesDownloaded(kept.record.bytes)
	return response.SetData(kept.content)
}
