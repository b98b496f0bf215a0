//! A dependency that panics on a file refuses that file and harms nothing else.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use super::refusal::{Refusal, Result};

thread_local! {
    /// Whether this thread is within [`contained`], where a panic becomes a refusal and is no news.
    static CONTAINING: Cell<bool> = const { Cell::new(false) };
}

/// Runs what a dependency does with a file's bytes; a panic in it becomes a refusal.
pub(super) fn contained<T>(what: &'static str, work: impl FnOnce() -> T) -> Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !CONTAINING.get() {
                before(info);
            }
        }));
    });
    let outer = CONTAINING.replace(true);
    // What the closure held is dropped on a panic; nobody sees it half done.
    let done = catch_unwind(AssertUnwindSafe(work));
    CONTAINING.set(outer);
    done.map_err(|_| Refusal::Broken(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_refusal_that_names_who_broke() {
        assert_eq!(contained("parser", || 3).unwrap(), 3);
        let broken: Result<()> = contained("JPEG 2000 decoder", || panic!("on purpose"));
        assert!(broken.unwrap_err().to_string().starts_with("breaks the JPEG 2000 decoder"));
        assert!(!CONTAINING.get());
    }
}
