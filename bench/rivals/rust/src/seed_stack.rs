//! The first Pangea node's pipeline, written as plainly as it is described: zstd, XChaCha20-Poly1305, a length in
//! front, eight shards of their own memory, four of parity. Blocks of 8 MiB.

use chacha20poly1305_0_10::aead::{Aead, KeyInit};
use chacha20poly1305_0_10::{XChaCha20Poly1305, XNonce};
use reed_solomon_erasure::galois_8::ReedSolomon;

use crate::protocol::{DATA_ROWS, PARITY_ROWS, Request, Result, Rival, Subject, hash, text};

const BLOCK_BYTES: usize = 8 * 1024 * 1024;
const NONCE_BYTES: usize = 24;
const PREFIX_BYTES: usize = 4;

pub const SEED_STACK: Rival = Rival {
    name: "seed-stack",
    version: "zstd 0.14.3, chacha20poly1305 0.10.1, reed-solomon-erasure 6.0.0",
    detail: if cfg!(feature = "simd-accel") {
        "straightforward, fresh vectors for every stage, with simd-accel; level 3 unless told"
    } else {
        "straightforward, fresh vectors for every stage, crates with their default features; level 3 unless told"
    },
    ops: &["whole-encode", "whole-decode"],
    subject: |request| {
        let plain = request.data()?;
        let stack = Stack::new(request)?;
        if request.op == "whole-encode" {
            return Ok(Box::new(Encode { stack, plain }));
        }
        let blocks = plain.chunks(BLOCK_BYTES).map(|block| stack.encode(block)).collect::<Result<_>>()?;
        Ok(Box::new(Decode { stack, blocks, damaged: Vec::new(), opened: Vec::new() }))
    },
};

type Shards = Vec<Option<Vec<u8>>>;

struct Stack {
    cipher: XChaCha20Poly1305,
    code: ReedSolomon,
    level: i32,
}

impl Stack {
    fn new(request: &Request) -> Result<Self> {
        Ok(Self {
            cipher: XChaCha20Poly1305::new(&[7; 32].into()),
            code: ReedSolomon::new(DATA_ROWS, PARITY_ROWS).map_err(text)?,
            level: request.zstd_level(),
        })
    }

    fn encode(&self, plain: &[u8]) -> Result<Vec<Vec<u8>>> {
        let frame = zstd::encode_all(plain, self.level).map_err(text)?;
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(text)?;
        let ciphertext = self.cipher.encrypt(XNonce::from_slice(&nonce), &frame[..]).map_err(text)?;
        let sealed_bytes = NONCE_BYTES + ciphertext.len();
        let mut block = Vec::with_capacity(PREFIX_BYTES + sealed_bytes);
        block.extend_from_slice(&u32::try_from(sealed_bytes).map_err(text)?.to_le_bytes());
        block.extend_from_slice(&nonce);
        block.extend_from_slice(&ciphertext);
        let shard_bytes = block.len().div_ceil(DATA_ROWS);
        block.resize(shard_bytes * DATA_ROWS, 0);
        let mut shards: Vec<Vec<u8>> = block.chunks(shard_bytes).map(<[u8]>::to_vec).collect();
        shards.resize(DATA_ROWS + PARITY_ROWS, vec![0; shard_bytes]);
        self.code.encode(&mut shards).map_err(text)?;
        Ok(shards)
    }

    fn decode(&self, shards: &mut Shards) -> Result<Vec<u8>> {
        self.code.reconstruct_data(&mut *shards).map_err(text)?;
        let mut block = Vec::new();
        shards[..DATA_ROWS].iter().flatten().for_each(|shard| block.extend_from_slice(shard));
        let (prefix, rest) = block.split_at(PREFIX_BYTES);
        let sealed_bytes = u32::from_le_bytes(prefix.try_into().map_err(text)?) as usize;
        let (nonce, ciphertext) = rest[..sealed_bytes].split_at(NONCE_BYTES);
        let frame = self.cipher.decrypt(XNonce::from_slice(nonce), ciphertext).map_err(text)?;
        zstd::decode_all(&frame[..]).map_err(text)
    }
}

struct Encode {
    stack: Stack,
    plain: Vec<u8>,
}

impl Subject for Encode {
    fn call(&mut self) -> Result<()> {
        for block in self.plain.chunks(BLOCK_BYTES) {
            std::hint::black_box(self.stack.encode(block)?);
        }
        Ok(())
    }
}

/// Data rows 0–3 of every block are lost.
struct Decode {
    stack: Stack,
    blocks: Vec<Vec<Vec<u8>>>,
    damaged: Vec<Shards>,
    opened: Vec<Vec<u8>>,
}

impl Subject for Decode {
    fn prepare(&mut self) {
        let lose = |shards: &Vec<Vec<u8>>| {
            shards.iter().enumerate().map(|(row, shard)| (row >= PARITY_ROWS).then(|| shard.clone())).collect()
        };
        self.damaged = self.blocks.iter().map(lose).collect();
        self.opened.clear();
    }

    fn call(&mut self) -> Result<()> {
        for shards in &mut self.damaged {
            self.opened.push(self.stack.decode(shards)?);
        }
        Ok(())
    }

    fn check(&self) -> String {
        hash(&self.opened.concat())
    }
}
