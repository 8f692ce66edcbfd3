//! `bench/protocol.ts`: one JSON request a line in, one JSON reply a line out.

use std::fs::File;
use std::io::{BufRead, Read, Write, stdin, stdout};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use xxhash_rust::xxh64::xxh64;

pub const DATA_ROWS: usize = 8;
pub const PARITY_ROWS: usize = 4;
const MAX_BYTES: usize = 1 << 30;
const MAX_ROUNDS: usize = 10_000;

/// What may go wrong is only ever told.
pub type Result<T> = std::result::Result<T, String>;

/// Text of an error that has one.
pub fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub op: String,
    #[serde(default)]
    file: String,
    #[serde(default)]
    pub bytes: usize,
    #[serde(default = "one")]
    rounds: usize,
    #[serde(default)]
    round_ms: f64,
    pub level: Option<i32>,
    #[serde(default = "one")]
    threads: usize,
}

fn one() -> usize {
    1
}

impl Request {
    /// The data, `bytes` for one call or for each of the data rows.
    pub fn data(&self) -> Result<Vec<u8>> {
        let mut data = vec![0; if self.op.starts_with("rs-") { DATA_ROWS * self.bytes } else { self.bytes }];
        File::open(&self.file).and_then(|mut file| file.read_exact(&mut data)).map_err(text)?;
        Ok(data)
    }

    /// Level 3 is what zstd takes for 0, too.
    pub fn zstd_level(&self) -> i32 {
        self.level.filter(|level| *level != 0).unwrap_or(3)
    }

    /// How many data rows the op has lost.
    pub fn lost_rows(&self) -> Option<usize> {
        match self.op.as_str() {
            "rs-encode" => Some(0),
            "rs-repair" => Some(1),
            "rs-decode" => Some(PARITY_ROWS),
            _ => None,
        }
    }
}

/// One kind of call on data that lies ready.
pub trait Subject {
    /// Brings back what `call` used up. Not timed.
    fn prepare(&mut self) {}
    fn call(&mut self) -> Result<()>;
    /// xxhash64 of the output, where the input decides it.
    fn check(&self) -> String {
        String::new()
    }
}

pub struct Rival {
    pub name: &'static str,
    pub version: &'static str,
    pub detail: &'static str,
    pub ops: &'static [&'static str],
    /// The subject for one request; its op is one of `ops`.
    pub subject: fn(&Request) -> Result<Box<dyn Subject>>,
}

impl Rival {
    /// Answers until the input ends.
    pub fn serve(&self) -> std::io::Result<()> {
        for line in stdin().lock().lines() {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            let reply = self.answer(&line).unwrap_or_else(|error| json!({ "error": error }));
            let mut out = stdout().lock();
            writeln!(out, "{reply}")?;
            out.flush()?;
        }
        Ok(())
    }

    fn answer(&self, line: &str) -> Result<Value> {
        let request: Request =
            serde_json::from_str(line).map_err(|error| format!("the line is no request: {error}"))?;
        if request.op == "hello" {
            return Ok(json!({
                "name": self.name, "version": self.version, "language": "Rust",
                "detail": format!("{}; --release, opt-level 3, default target-cpu", self.detail), "ops": self.ops,
            }));
        }
        if !self.ops.contains(&request.op.as_str()) {
            return Err(format!("no such op: {:?}", request.op));
        }
        if !(1..=MAX_BYTES).contains(&request.bytes) || !(1..=MAX_ROUNDS).contains(&request.rounds) {
            return Err("bytes or rounds are missing or out of range".into());
        }
        if request.threads != 1 {
            return Err("this program runs on one thread".into());
        }
        let mut subject = (self.subject)(&request)?;
        let data_bytes = if request.op.starts_with("rs-") { DATA_ROWS * request.bytes } else { request.bytes };
        let round = Duration::from_secs_f64((request.round_ms / 1000.0).clamp(0.0, 60.0));
        round_rate(&mut *subject, Duration::ZERO, data_bytes)?;
        let rates: Vec<f64> =
            (0..request.rounds).map(|_| round_rate(&mut *subject, round, data_bytes)).collect::<Result<_>>()?;
        Ok(json!({ "rates": rates, "check": subject.check() }))
    }
}

fn round_rate(subject: &mut dyn Subject, round: Duration, data_bytes: usize) -> Result<f64> {
    let mut spent = Duration::ZERO;
    let mut calls = 0;
    while calls == 0 || spent < round {
        subject.prepare();
        let start = Instant::now();
        subject.call()?;
        spent += start.elapsed();
        calls += 1;
    }
    Ok(data_bytes as f64 * f64::from(calls) / spent.as_secs_f64())
}

/// 16 hexadecimal digits.
pub fn hash(bytes: &[u8]) -> String {
    format!("{:016x}", xxh64(bytes, 0))
}
