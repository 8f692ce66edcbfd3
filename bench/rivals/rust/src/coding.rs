//! Reed–Solomon 8+4.

use reed_solomon_erasure::galois_8::ReedSolomon;
use reed_solomon_simd::{ReedSolomonDecoder, ReedSolomonEncoder};

use crate::protocol::{DATA_ROWS, PARITY_ROWS, Request, Result, Rival, Subject, hash, text};

const OPS: &[&str] = &["rs-encode", "rs-decode", "rs-repair"];

pub const ERASURE: Rival = Rival {
    name: "reed-solomon-erasure",
    version: "6.0.0",
    detail: "galois_8, feature simd-accel (C, -march=native)",
    ops: OPS,
    subject: |request| Ok(Box::new(Erasure::new(request)?)),
};

/// Rows stay in place: a lost one is marked, and made again in its old room.
struct Erasure {
    code: ReedSolomon,
    rows: Vec<(Vec<u8>, bool)>,
    lost: usize,
}

impl Erasure {
    fn new(request: &Request) -> Result<Self> {
        let code = ReedSolomon::new(DATA_ROWS, PARITY_ROWS).map_err(text)?;
        let mut rows: Vec<Vec<u8>> = request.data()?.chunks_exact(request.bytes).map(<[u8]>::to_vec).collect();
        rows.resize(DATA_ROWS + PARITY_ROWS, vec![0; request.bytes]);
        code.encode(&mut rows).map_err(text)?;
        let lost = request.lost_rows().unwrap_or(0);
        Ok(Self { code, rows: rows.into_iter().map(|row| (row, true)).collect(), lost })
    }
}

impl Subject for Erasure {
    fn prepare(&mut self) {
        self.rows[..self.lost].iter_mut().for_each(|(_, present)| *present = false);
    }

    fn call(&mut self) -> Result<()> {
        if self.lost > 0 {
            return self.code.reconstruct_data(&mut self.rows).map_err(text);
        }
        let (data, parity) = self.rows.split_at_mut(DATA_ROWS);
        let data: [&[u8]; DATA_ROWS] = std::array::from_fn(|row| &data[row].0[..]);
        let mut parity = parity.iter_mut().map(|(row, _)| &mut row[..]);
        let mut parity: [&mut [u8]; PARITY_ROWS] = std::array::from_fn(|_| parity.next().unwrap_or_default());
        self.code.encode_sep(&data, &mut parity).map_err(text)
    }

    fn check(&self) -> String {
        let made = if self.lost > 0 { &self.rows[..self.lost] } else { &self.rows[DATA_ROWS..] };
        hash(&made.iter().flat_map(|(row, _)| row).copied().collect::<Vec<u8>>())
    }
}

pub const LEOPARD: Rival = Rival {
    name: "reed-solomon-simd",
    version: "3.1.0",
    detail: "another code (Leopard): parity is not comparable; its copies of the shards are part of its calls",
    ops: OPS,
    subject: |request| {
        let rows: Vec<Vec<u8>> = request.data()?.chunks_exact(request.bytes).map(<[u8]>::to_vec).collect();
        let mut encoder = ReedSolomonEncoder::new(DATA_ROWS, PARITY_ROWS, request.bytes).map_err(text)?;
        let parity = leopard_parity(&mut encoder, &rows)?;
        let lost = request.lost_rows().unwrap_or(0);
        if lost == 0 {
            return Ok(Box::new(LeopardEncode { encoder, rows }));
        }
        let decoder = ReedSolomonDecoder::new(DATA_ROWS, PARITY_ROWS, request.bytes).map_err(text)?;
        Ok(Box::new(LeopardDecode { decoder, rows, parity, lost, digest: String::new() }))
    },
};

struct LeopardEncode {
    encoder: ReedSolomonEncoder,
    rows: Vec<Vec<u8>>,
}

impl Subject for LeopardEncode {
    fn call(&mut self) -> Result<()> {
        for row in &self.rows {
            self.encoder.add_original_shard(row).map_err(text)?;
        }
        let made = self.encoder.encode().map_err(text)?;
        std::hint::black_box(made.recovery(PARITY_ROWS - 1));
        Ok(())
    }
}

fn leopard_parity(encoder: &mut ReedSolomonEncoder, rows: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
    for row in rows {
        encoder.add_original_shard(row).map_err(text)?;
    }
    Ok(encoder.encode().map_err(text)?.recovery_iter().map(<[u8]>::to_vec).collect())
}

struct LeopardDecode {
    decoder: ReedSolomonDecoder,
    rows: Vec<Vec<u8>>,
    parity: Vec<Vec<u8>>,
    lost: usize,
    /// Of what the first call restored: the decoder keeps nothing behind it.
    digest: String,
}

impl Subject for LeopardDecode {
    fn call(&mut self) -> Result<()> {
        for (index, row) in self.rows.iter().enumerate().skip(self.lost) {
            self.decoder.add_original_shard(index, row).map_err(text)?;
        }
        for (index, row) in self.parity.iter().enumerate().take(self.lost) {
            self.decoder.add_recovery_shard(index, row).map_err(text)?;
        }
        let made = self.decoder.decode().map_err(text)?;
        if self.digest.is_empty() {
            let mut rows: Vec<_> = made.restored_original_iter().collect();
            rows.sort_unstable_by_key(|(index, _)| *index);
            self.digest = hash(&rows.into_iter().flat_map(|(_, row)| row).copied().collect::<Vec<u8>>());
        }
        Ok(())
    }

    fn check(&self) -> String {
        self.digest.clone()
    }
}
