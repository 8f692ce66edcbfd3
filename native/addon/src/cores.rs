//! How many cores heavy calls may use: they wait here in order, as futures and not as threads.

use std::sync::{Arc, LazyLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error;

/// One permit a core.
static CORES: LazyLock<Arc<Semaphore>> =
    LazyLock::new(|| Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, Into::into))));

/// Runs `work` on a blocking thread when a core is free, and tells it how many threads it may use: its own and
/// up to `helpers` more where cores are idle at that moment.
pub async fn heavy<T: Send + 'static>(
    helpers: usize,
    work: impl FnOnce(usize) -> napi::Result<T> + Send + 'static,
) -> napi::Result<T> {
    let closed = |_| error("INTERNAL", "the codec is shutting down");
    let mut permits: Vec<OwnedSemaphorePermit> = vec![Arc::clone(&CORES).acquire_owned().await.map_err(closed)?];
    while permits.len() <= helpers {
        match Arc::clone(&CORES).try_acquire_owned() {
            Ok(permit) => permits.push(permit),
            Err(_) => break,
        }
    }
    let done = tokio::task::spawn_blocking(move || {
        let result = work(permits.len());
        drop(permits);
        result
    });
    done.await.map_err(|failure| error("INTERNAL", format!("codec: {failure}")))?
}
