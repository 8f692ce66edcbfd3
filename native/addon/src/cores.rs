//! Threads for heavy calls: one a core, and memory for one call a core.
//!
//! A call goes from JavaScript straight to a parked thread and from there straight back, which is two hand-overs;
//! by way of a runtime's task and its blocking threads it would be four. Calls wait in order, as entries of a list.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use napi::Env;
use napi::bindgen_prelude::{JsValue, PromiseRaw, ToNapiValue};
use pangea_ces::footprint::Footprint;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::error;

/// What calls under way may take together, for each core. A stripe or whole block of 8 MiB takes 30 MiB with the node's
/// own levels and 94 at level 19: shards, a zstd context, scratch memory (`pangea_ces::footprint`).
pub const MEMORY_PER_CORE_BYTES: usize = 96 * 1024 * 1024;

static POOL: LazyLock<Pool> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, Into::into);
    let memory = cores * MEMORY_PER_CORE_BYTES;
    let state = State { waiting: VecDeque::new(), cores, memory, most_memory: 0, threads: 0, parked: 0 };
    Pool { cores, memory, state: Mutex::new(state), wake: Condvar::new() }
});

/// What the calls of this process take, in bytes.
pub struct Account {
    /// More than this never, but for a single call that takes more by itself.
    pub limit: usize,
    /// Now.
    pub taken: usize,
    /// Most there was.
    pub most: usize,
}

/// Runs `work` when a core and memory are free, and tells it how many threads it may use: its own and those of cores
/// that nobody waits for at that moment. What it works on is dropped on JavaScript's thread, where that is cheap.
pub fn heavy<'env, K: Send + 'static, T: ToNapiValue + Send + 'static>(
    env: &'env Env,
    helpers: usize,
    footprint: Footprint,
    kept: K,
    work: impl FnOnce(&K, usize) -> napi::Result<T> + Send + 'static,
) -> napi::Result<PromiseRaw<'env, T>> {
    let (deferred, promise) = env.create_deferred()?;
    let promise = PromiseRaw::new(env.raw(), promise.raw());
    POOL.push(Job {
        helpers,
        footprint,
        run: Box::new(move |threads| {
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&kept, threads)));
            let outcome =
                outcome.unwrap_or_else(|_| Err(error("INTERNAL", "the codec broke off; that is its mistake")));
            Box::new(move || match outcome {
                Ok(result) => deferred.resolve(move |_| {
                    drop(kept);
                    Ok(result)
                }),
                Err(failure) => deferred.reject(failure),
            })
        }),
    })?;
    Ok(promise)
}

/// What calls take now.
pub fn account() -> Account {
    let state = POOL.state.lock();
    Account { limit: POOL.memory, taken: POOL.memory - state.memory, most: state.most_memory }
}

struct Job {
    /// How many more threads it can use.
    helpers: usize,
    footprint: Footprint,
    run: Box<dyn FnOnce(usize) -> HandOver + Send>,
}

/// Gives the result to JavaScript, when the call is no longer counted.
type HandOver = Box<dyn FnOnce() + Send>;

struct Pool {
    cores: usize,
    memory: usize,
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    waiting: VecDeque<Job>,
    /// Free.
    cores: usize,
    /// Free.
    memory: usize,
    most_memory: usize,
    threads: usize,
    parked: usize,
}

/// A call that was let in.
struct Admitted {
    job: Job,
    threads: usize,
    bytes: usize,
}

impl Pool {
    fn push(&'static self, job: Job) -> napi::Result<()> {
        let mut state = self.state.lock();
        // A parked thread that has been told of a call stays parked until it looks, so each waiting call counts for one.
        if state.parked <= state.waiting.len() && state.threads < self.cores {
            let started = std::thread::Builder::new().name("pangea-ces".into()).spawn(|| self.serve());
            match started {
                Ok(_) => state.threads += 1,
                Err(_) if state.threads > 0 => (),
                Err(failure) => return Err(error("INTERNAL", format!("no thread for the codec: {failure}"))),
            }
        }
        state.waiting.push_back(job);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    fn serve(&self) {
        let mut state = self.state.lock();
        loop {
            let Some(Admitted { job, threads, bytes }) = self.admit(&mut state) else {
                state.parked += 1;
                self.wake.wait(&mut state);
                state.parked -= 1;
                continue;
            };
            // What came while there was no room has told nobody who could take it: each that is let in calls the next.
            if !state.waiting.is_empty() {
                self.wake.notify_one();
            }
            let hand_over = MutexGuard::unlocked(&mut state, || (job.run)(threads));
            state.cores += threads;
            state.memory += bytes;
            // What waited for more than this thread alone is served by another.
            if state.waiting.len() > 1 {
                self.wake.notify_one();
            }
            MutexGuard::unlocked(&mut state, hand_over);
        }
    }

    /// The call at the front, when there is room for it. One that needs more memory than there is runs alone.
    fn admit(&self, state: &mut State) -> Option<Admitted> {
        let Job { helpers, footprint: Footprint { bytes, helper_bytes }, .. } = *state.waiting.front()?;
        let own = bytes.min(self.memory);
        if state.cores == 0 || own > state.memory {
            return None;
        }
        let job = state.waiting.pop_front()?;
        let idle = (state.cores - 1).saturating_sub(state.waiting.len());
        let affordable = (state.memory - own).checked_div(helper_bytes).unwrap_or(usize::MAX);
        let helpers = helpers.min(idle).min(affordable);
        let admitted = Admitted { job, threads: 1 + helpers, bytes: own + helpers * helper_bytes };
        state.cores -= admitted.threads;
        state.memory -= admitted.bytes;
        state.most_memory = state.most_memory.max(self.memory - state.memory);
        Some(admitted)
    }
}
