//! A bound for the bytes of bodies that arrive at one time, over all peers.
//!
//! Nobody knows a body's length before its end, so readers take more of the budget as a body grows.
//! When all of it is held by bodies that are not complete, one reader at a time may overdraw it: the
//! bound becomes budget plus one body, and there is always one that can finish.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

const UNIT_BYTES: usize = 1024;

/// Shared by all readers.
#[derive(Clone)]
pub struct Budget {
    units: Arc<Semaphore>,
    overdraft: Arc<Mutex<()>>,
}

/// What one body holds; given back when dropped.
pub struct Hold {
    budget: Budget,
    permit: Option<OwnedSemaphorePermit>,
    overdraft: Option<OwnedMutexGuard<()>>,
    bytes: usize,
}

impl Budget {
    /// A budget of `bytes`, in steps of a kibibyte.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { units: Arc::new(Semaphore::new(bytes / UNIT_BYTES)), overdraft: Arc::new(Mutex::new(())) }
    }

    /// Holds nothing yet.
    #[must_use]
    pub fn hold(&self) -> Hold {
        Hold { budget: self.clone(), permit: None, overdraft: None, bytes: 0 }
    }

    /// Bytes that are free.
    #[must_use]
    pub fn free_bytes(&self) -> usize {
        self.units.available_permits() * UNIT_BYTES
    }
}

impl Hold {
    /// Waits until `total` bytes are held, or this reader is the one that may overdraw.
    pub async fn grow_to(&mut self, total: usize) {
        if self.overdraft.is_some() || total <= self.bytes {
            return;
        }
        let units = u32::try_from(total.div_ceil(UNIT_BYTES) - self.bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        tokio::select! {
            biased;
            permit = self.budget.units.clone().acquire_many_owned(units) => {
                // The semaphore is never closed.
                if let Ok(permit) = permit {
                    match &mut self.permit {
                        Some(held) => held.merge(permit),
                        None => self.permit = Some(permit),
                    }
                }
                self.bytes = total;
            }
            guard = self.budget.overdraft.clone().lock_owned(), if self.bytes > 0 => self.overdraft = Some(guard),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const MIB: usize = 1024 * 1024;
    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_new_reader_waits_and_memory_comes_back() {
        let budget = Budget::new(2 * MIB);
        let mut first = budget.hold();
        first.grow_to(MIB).await;
        first.grow_to(2 * MIB).await;
        assert_eq!(budget.free_bytes(), 0);
        let mut second = budget.hold();
        assert!(timeout(SOON, second.grow_to(1)).await.is_err(), "a reader that holds nothing never overdraws");
        drop(first);
        timeout(SOON, second.grow_to(MIB)).await.unwrap();
        assert_eq!(budget.free_bytes(), MIB);
        drop(second);
        assert_eq!(budget.free_bytes(), 2 * MIB);
    }

    #[tokio::test]
    async fn incomplete_bodies_cannot_block_each_other_for_ever() {
        let budget = Budget::new(MIB);
        let mut halves: Vec<Hold> = Vec::new();
        for _ in 0..4 {
            let mut hold = budget.hold();
            hold.grow_to(MIB / 4).await;
            halves.push(hold);
        }
        let mut third = halves.remove(2);
        timeout(SOON, third.grow_to(16 * MIB)).await.unwrap();
        timeout(SOON, third.grow_to(17 * MIB)).await.unwrap();
        assert!(timeout(SOON, halves[0].grow_to(MIB)).await.is_err(), "one overdraws at a time");
        drop(third);
        timeout(SOON, halves[0].grow_to(MIB)).await.unwrap();
        drop(halves);
        assert_eq!(budget.free_bytes(), MIB);
    }
}
