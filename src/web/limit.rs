//! Rate limits: so many at once, so many a second, by who asks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Whoever is remembered; more than any study has readers, so that memory stays bounded under attack.
const REMEMBERED: usize = 4096;

/// One rate, with a bucket for each of those who are held to it.
pub(crate) struct Limits {
    rate: Rate,
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

struct Bucket {
    left: f64,
    at: i64,
}

/// How much is let through.
#[derive(Clone, Copy)]
pub(crate) struct Rate {
    burst: f64,
    a_second: f64,
}

/// Requests of one session: a reader does two or three a case.
pub(crate) const SESSION: Rate = Rate { burst: 200.0, a_second: 40.0 };
/// Wrong links from one address: nobody types 40 digits by hand.
pub(crate) const WRONG_LINKS: Rate = Rate { burst: 20.0, a_second: 0.2 };

impl Limits {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, buckets: Mutex::default() }
    }

    /// Takes one from the bucket of `who`; false where it is empty. `now` is in ms.
    pub(crate) fn take(&self, who: &str, now: i64) -> bool {
        let Rate { burst, a_second } = self.rate;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= REMEMBERED {
            // Whoever was quiet for a minute has a full bucket again.
            buckets.retain(|_, bucket| now - bucket.at < 60_000);
            if buckets.len() >= REMEMBERED && !buckets.contains_key(who) {
                return false;
            }
        }
        let bucket = buckets.entry(who.to_owned()).or_insert(Bucket { left: burst, at: now });
        // A clock that jumps back refills nothing.
        let seconds = (now - bucket.at).max(0) as f64 / 1000.0;
        bucket.left = (bucket.left + seconds * a_second).min(burst);
        bucket.at = now;
        let free = bucket.left >= 1.0;
        bucket.left -= f64::from(u8::from(free));
        free
    }

    /// Whether the bucket of `who` is empty, taking nothing.
    pub(crate) fn spent(&self, who: &str, now: i64) -> bool {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let left = |b: &Bucket| b.left + (now - b.at).max(0) as f64 / 1000.0 * self.rate.a_second;
        buckets.get(who).is_some_and(|b| left(b) < 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again_and_a_jump_of_the_clock_fills_nothing() {
        let limits = Limits::new(Rate { burst: 2.0, a_second: 1.0 });
        let take = |now| limits.take("a", now);
        assert_eq!(
            [take(0), take(0), take(0), take(-9000), take(-9000), take(-8000)],
            [true, true, false, false, false, true]
        );
        assert!(limits.take("b", 0), "others are not held back");
    }

    #[test]
    fn memory_is_bounded_under_attack() {
        let limits = Limits::new(SESSION);
        (0..10_000).for_each(|i| {
            limits.take(&i.to_string(), 0);
        });
        assert_eq!(limits.buckets.lock().unwrap().len(), REMEMBERED);
    }
}
