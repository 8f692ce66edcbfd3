//! Face of the self-test and the measurement: what runs here, whether it is right, how fast it is.

use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Buffer, PromiseRaw};
use napi_derive::napi;
use pangea_ces::measure::{Op, Request, measure};
use pangea_ces::{Cipher, Effort, Engine, Kernel, selftest};

use crate::ces::Pooled;
use crate::error;

/// Levels that a request names by `-1`: the node's own range.
const SAMPLED: Effort = Effort::Sample { min: 3, max: 9 };

#[napi(object, object_from_js = false)]
pub struct CesCandidates {
    /// For Reed–Solomon: what this machine can run, expected best first, the scalar reference last.
    pub kernels: Vec<String>,
    /// For sealing: what this machine can run, expected best first.
    pub ciphers: Vec<String>,
    /// What BLAKE3 found.
    pub hash: String,
    /// The version of zstd.
    pub zstd: String,
}

/// What can be chosen from.
#[napi]
pub fn ces_candidates() -> CesCandidates {
    CesCandidates {
        kernels: Kernel::available().into_iter().map(|kernel| kernel.name().into()).collect(),
        ciphers: Cipher::available().into_iter().map(|cipher| cipher.name().into()).collect(),
        hash: pangea_ces::hash_kernel(),
        zstd: pangea_ces::zstd_version().into(),
    }
}

/// Checks one candidate against pinned values and another implementation. `null` when it is right, else what was
/// wrong. Takes at most some milliseconds, while JavaScript waits.
///
/// `stage` is `reed-solomon`, `seal`, `hash` or `compress`; the last two have no candidates, so `name` is ignored.
#[napi(ts_args_type = "stage: 'reed-solomon' | 'seal' | 'hash' | 'compress', name: string")]
pub fn ces_self_test(stage: String, name: String) -> Option<String> {
    let missing = || Err(format!("{name} does not run on this machine"));
    let verdict = match stage.as_str() {
        "reed-solomon" => Kernel::named(&name).map_or_else(missing, selftest::reed_solomon),
        "seal" => Cipher::named(&name).map_or_else(missing, selftest::seal),
        "hash" => selftest::hash(),
        "compress" => selftest::compress(),
        _ => Err(format!("there is no stage {stage}")),
    };
    verdict.err()
}

#[napi(object, object_to_js = false)]
pub struct CesMeasureRequest {
    /// `copy`, `rs-encode`, `rs-decode`, `rs-repair`, `seal`, `open`, `hash`, `store`, `compress`, `decompress`,
    /// `whole-encode`, `whole-decode`, `stripe-encode` or `stripe-open`.
    pub op: String,
    /// One of the candidates; the first when absent.
    pub kernel: Option<String>,
    pub cipher: Option<String>,
    /// 1–22, 0 to store, -1 to let the content decide; 3 when absent.
    pub level: Option<i32>,
    /// Length of one shard for `rs-*`, of one piece for the others; at most 64 MiB, or 32 MiB of a stripe.
    pub bytes: u32,
    /// 1–10,000, and at most a minute together.
    pub rounds: u32,
    /// At most 1,000.
    pub round_ms: f64,
    /// Threads with buffers of their own, whose rates are added up, or those of one call for `whole-encode` and
    /// `stripe-encode`; 1 when absent.
    pub threads: Option<u32>,
    /// Repeated or cut to size.
    pub data: Buffer,
}

/// Bytes of data a second, a rate for each round. Runs off the event loop. `INTERNAL` for a request out of bounds.
#[napi(ts_return_type = "Promise<Array<number>>")]
pub fn ces_measure<'env>(env: &'env Env, request: CesMeasureRequest) -> napi::Result<PromiseRaw<'env, Vec<f64>>> {
    let unknown = |what, name| error("INTERNAL", format!("no {what} named {name} can be measured here"));
    let op = Op::named(&request.op).ok_or_else(|| unknown("stage", &request.op))?;
    let mut engine = Engine::detect();
    if let Some(name) = &request.kernel {
        engine.kernel = Kernel::named(name).ok_or_else(|| unknown("kernel", name))?;
    }
    if let Some(name) = &request.cipher {
        engine.cipher = Cipher::named(name).ok_or_else(|| unknown("cipher", name))?;
    }
    let effort = match request.level {
        Some(-1) => SAMPLED,
        Some(0) => Effort::Store,
        level => Effort::Level(level.unwrap_or(3)),
    };
    let round = Duration::try_from_secs_f64(request.round_ms / 1000.0)
        .map_err(|_| error("INTERNAL", format!("a round cannot last {} ms", request.round_ms)))?;
    env.spawn_future(async move {
        let done = tokio::task::spawn_blocking(move || {
            measure::<Pooled>(&Request {
                op,
                engine,
                effort,
                bytes: request.bytes as usize,
                rounds: request.rounds as usize,
                round,
                threads: request.threads.unwrap_or(1) as usize,
                data: &request.data,
            })
        });
        let rates = done.await.map_err(|failure| error("INTERNAL", format!("measurement: {failure}")))?;
        rates.map_err(|failure| error(failure.code(), failure))
    })
}
