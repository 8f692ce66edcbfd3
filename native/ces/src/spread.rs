//! A map over several threads. The helpers are kept, parked, because starting one costs some 50 µs, and waking
//! one a tenth of that.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

static POOL: Pool =
    Pool { state: Mutex::new(State { asked: VecDeque::new(), helpers: 0, parked: 0 }), wake: Condvar::new() };

/// `run(0)` … `run(count - 1)` in order, on up to `threads` threads of which the caller's is one. With one thread, or
/// where none can be started, the caller does it all.
pub fn spread<T: Send>(threads: usize, count: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let extra = threads.min(count).saturating_sub(1);
    if extra == 0 {
        return (0..count).map(run).collect();
    }
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(count));
    with_helpers(extra, &|| {
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            if task >= count {
                return;
            }
            let result = run(task);
            locked(&results).push((task, result));
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(task, _)| *task);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The same over things that each task takes for itself.
pub fn spread_over<I: Send, T: Send>(threads: usize, items: Vec<I>, run: impl Fn(I) -> T + Sync) -> Vec<T> {
    let items: Vec<Mutex<Option<I>>> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    spread(threads, items.len(), |task| locked(&items[task]).take().map(&run)).into_iter().flatten().collect()
}

/// Runs `work` on this thread, and on as many helpers as are free before it returns here.
fn with_helpers(helpers: usize, work: &(dyn Fn() + Sync)) {
    // SAFETY: `Asked` is dropped before this function ends, by a panic too, and then no helper has `work` any more.
    let work: &'static (dyn Fn() + Sync) = unsafe { std::mem::transmute(work) };
    let call = Arc::new(Call { work, state: Mutex::new(CallState { running: 0, panic: None }), ended: Condvar::new() });
    let asked = Asked(&call);
    POOL.ask(&call, helpers);
    work();
    drop(asked);
    let panic = locked(&call.state).panic.take();
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}

struct Call {
    work: &'static (dyn Fn() + Sync),
    state: Mutex<CallState>,
    ended: Condvar,
}

struct CallState {
    running: usize,
    panic: Option<Box<dyn Any + Send>>,
}

/// Takes back what no helper has begun, and waits for what one has.
struct Asked<'a>(&'a Arc<Call>);

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        locked(&POOL.state).asked.retain(|call| !Arc::ptr_eq(call, self.0));
        let mut state = locked(&self.0.state);
        while state.running > 0 {
            state = self.0.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Pool {
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    asked: VecDeque<Arc<Call>>,
    helpers: usize,
    parked: usize,
}

impl Pool {
    fn ask(&'static self, call: &Arc<Call>, helpers: usize) {
        let mut state = locked(&self.state);
        state.asked.extend(std::iter::repeat_n(call, helpers).cloned());
        let most = std::thread::available_parallelism().map_or(1, Into::into);
        while state.parked < state.asked.len() && state.helpers < most {
            // Threads end with the process. Where none can be started the caller works alone.
            if std::thread::Builder::new().name("pangea-ces".into()).spawn(|| self.help()).is_err() {
                break;
            }
            state.helpers += 1;
            state.parked += 1;
        }
        drop(state);
        for _ in 0..helpers {
            self.wake.notify_one();
        }
    }

    /// What a helper does all its life. It counts as parked from the start.
    fn help(&self) {
        let mut state = locked(&self.state);
        loop {
            let Some(call) = state.asked.pop_front() else {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.parked -= 1;
            // Before the pool is let go, so that the caller cannot miss it.
            locked(&call.state).running += 1;
            drop(state);
            let outcome = catch_unwind(AssertUnwindSafe(call.work));
            state = locked(&self.state);
            state.parked += 1;
            let mut ending = locked(&call.state);
            ending.running -= 1;
            if let Err(panic) = outcome {
                ending.panic = Some(panic);
            }
            drop(ending);
            call.ended.notify_all();
        }
    }
}

/// A panic leaves nothing half done under these locks.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once_and_results_keep_their_order() {
        for threads in [0, 1, 2, 5, 64] {
            for count in [0, 1, 2, 7, 100] {
                let tripled: Vec<usize> = (0..count).map(|task| task * 3).collect();
                assert_eq!(spread(threads, count, |task| task * 3), tripled);
                let items: Vec<String> = (0..count).map(|task| task.to_string()).collect();
                assert_eq!(spread_over(threads, items.clone(), |item| item), items);
            }
        }
    }

    #[test]
    fn calls_from_many_threads_and_inside_each_other_all_end() {
        std::thread::scope(|scope| {
            for outer in 0..8 {
                scope.spawn(move || {
                    for round in 0..200 {
                        let sums = spread(3, 4, |a| spread(2, 3, |b| outer + round + a * b).into_iter().sum::<usize>());
                        assert_eq!(sums.into_iter().sum::<usize>(), 12 * (outer + round) + 18);
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_on_any_thread_comes_back_to_the_caller_and_the_helpers_stay() {
        for bad in 0..16 {
            let panicked = catch_unwind(|| {
                spread(4, 16, |task| {
                    std::thread::sleep(std::time::Duration::from_micros(200));
                    assert_ne!(task, bad);
                })
            });
            assert!(panicked.is_err(), "task {bad}");
        }
        assert_eq!(spread(4, 100, |task| task).len(), 100);
    }
}
