//! Crates as rivals: `rivals NAME` speaks `bench/protocol.ts` for one of them, on one thread.

mod coding;
mod plain;
mod protocol;
mod sealing;
mod seed_stack;

use std::process::ExitCode;

use protocol::Rival;

const RIVALS: [&Rival; 7] = [
    &coding::ERASURE,
    &coding::LEOPARD,
    &sealing::AWS_LC,
    &sealing::RUSTCRYPTO,
    &plain::ZSTD,
    &plain::BLAKE3,
    &seed_stack::SEED_STACK,
];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some(rival) = RIVALS.iter().find(|rival| rival.name == name) else {
        let names: Vec<&str> = RIVALS.iter().map(|rival| rival.name).collect();
        eprintln!("usage: rivals {}", names.join(" | "));
        return ExitCode::from(64);
    };
    match rival.serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
