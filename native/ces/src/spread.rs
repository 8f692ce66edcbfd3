//! A map over several threads that live no longer than the call.

use std::sync::atomic::{AtomicUsize, Ordering};

/// `run(0)` … `run(count - 1)` in order, on up to `threads` threads of which the caller's is one. A thread
/// costs some 30 µs to start, so tasks should be worth much more.
pub fn spread<T: Send>(threads: usize, count: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let extra = threads.min(count).saturating_sub(1);
    if extra == 0 {
        return (0..count).map(run).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            if task >= count {
                return done;
            }
            done.push((task, run(task)));
        }
    };
    let mut results = std::thread::scope(|scope| {
        let helpers: Vec<_> = (0..extra).map(|_| scope.spawn(work)).collect();
        let mut results = work();
        for helper in helpers {
            match helper.join() {
                Ok(done) => results.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    results.sort_unstable_by_key(|(task, _)| *task);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn every_task_runs_once_and_results_keep_their_order() {
        for threads in [0, 1, 2, 5, 64] {
            for count in [0, 1, 2, 7, 100] {
                assert_eq!(
                    spread(threads, count, |task| task * 3),
                    (0..count).map(|task| task * 3).collect::<Vec<_>>()
                );
            }
        }
    }
}
