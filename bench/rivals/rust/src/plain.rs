//! One stage alone: zstd and BLAKE3.

use zstd::bulk::{Compressor, Decompressor};

use crate::protocol::{Request, Result, Rival, Subject, hash, text};

pub const ZSTD: Rival = Rival {
    name: "zstd",
    version: "0.14.3",
    detail: "libzstd 1.5.7, contexts and buffers kept between calls; level 3 unless told",
    ops: &["compress", "decompress"],
    subject: |request| {
        let plain = request.data()?;
        let mut compressor = Compressor::new(request.zstd_level()).map_err(text)?;
        let frame = compressor.compress(&plain).map_err(text)?;
        if request.op == "compress" {
            let out = vec![0; zstd::zstd_safe::compress_bound(plain.len())];
            return Ok(Box::new(Compress { compressor, plain, out }));
        }
        Ok(Box::new(Decompress { decompressor: Decompressor::new().map_err(text)?, frame, out: vec![0; plain.len()] }))
    },
};

struct Compress {
    compressor: Compressor<'static>,
    plain: Vec<u8>,
    out: Vec<u8>,
}

impl Subject for Compress {
    fn call(&mut self) -> Result<()> {
        self.compressor.compress_to_buffer(&self.plain, &mut self.out[..]).map(|_| ()).map_err(text)
    }
}

struct Decompress {
    decompressor: Decompressor<'static>,
    frame: Vec<u8>,
    out: Vec<u8>,
}

impl Subject for Decompress {
    fn call(&mut self) -> Result<()> {
        self.decompressor.decompress_to_buffer(&self.frame, &mut self.out[..]).map(|_| ()).map_err(text)
    }

    fn check(&self) -> String {
        hash(&self.out)
    }
}

pub const BLAKE3: Rival = Rival {
    name: "blake3",
    version: "1.8.7",
    detail: "one thread; the node hashes with the same crate",
    ops: &["hash"],
    subject: |request: &Request| Ok(Box::new(Blake3 { data: request.data()?, digest: [0; 32] })),
};

struct Blake3 {
    data: Vec<u8>,
    digest: [u8; 32],
}

impl Subject for Blake3 {
    fn call(&mut self) -> Result<()> {
        self.digest = *blake3::hash(std::hint::black_box(&self.data)).as_bytes();
        Ok(())
    }

    fn check(&self) -> String {
        hash(&self.digest)
    }
}
