//! Parts of a result over threads. The calling thread takes parts, too: a pool that does all of it must be woken first, twice over, and a system
//! that is slow at moving threads runs a kernel of a few milliseconds on one processor meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Each part once, on the calling thread and on the pool's others. False where the work of one was false.
pub(crate) fn every<P: Send>(parts: impl Iterator<Item = P> + Send, work: impl Fn(P) -> bool + Sync) -> bool {
    let parts = Mutex::new(parts);
    let all = AtomicBool::new(true);
    let take = || loop {
        let part = parts.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(part) = part else { return };
        if !work(part) {
            all.store(false, Ordering::Relaxed);
        }
    };
    rayon::in_place_scope(|scope| {
        for _ in 1..rayon::current_num_threads() {
            scope.spawn(|_| take());
        }
        take();
    });
    all.into_inner()
}
