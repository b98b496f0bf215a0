//! In which order a reader sees the items: keyed by the seed, balanced over readers.

use doppelray_measures::rng::{Purpose, Stream, stream};

/// One showing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Which item.
    pub item: usize,
    /// Whether this reader has seen it in this part before.
    pub again: bool,
    /// In a paired design, whether the real image stands at the right.
    pub swapped: bool,
}

/// What an order is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The study's.
    pub seed: u64,
    /// Which part, from 0; examples come under a number of their own.
    pub part: usize,
    /// Which reader, from 1.
    pub reader: usize,
}

/// The order of `items` items, of which `repeats` come a second time in the last third.
///
/// Readers come in twos: the second sees the first's order backward, with sides swapped, so that over the two every item
/// stands at the same mean place, and learning or fatigue weighs on all alike.
pub fn order(key: Key, items: usize, repeats: usize) -> Vec<Slot> {
    let two = (key.reader.saturating_sub(1) / 2) as u64;
    let mut draws = stream(key.seed, Purpose::StudyOrder, two << 8 | key.part as u64);
    let mut order: Vec<Slot> =
        (0..items).map(|item| Slot { item, again: false, swapped: draws.below(2) == 1 }).collect();
    draws.shuffle(&mut order);
    if key.reader.is_multiple_of(2) {
        order.reverse();
        order.iter_mut().for_each(|slot| slot.swapped = !slot.swapped);
    }
    insert_repeats(&mut order, repeats.min(items / 2), &mut draws);
    order
}

/// Repeats come from the first half and go into the last third, so that many others lie between.
fn insert_repeats(order: &mut Vec<Slot>, repeats: usize, draws: &mut Stream) {
    let mut seen: Vec<Slot> = order[..order.len() / 2].to_vec();
    draws.shuffle(&mut seen);
    let from = order.len() - order.len() / 3;
    for slot in seen.into_iter().take(repeats) {
        let place = from + draws.below(order.len() - from + 1);
        order.insert(place, Slot { again: true, swapped: !slot.swapped, ..slot });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(reader: usize) -> Key {
        Key { seed: 3, part: 0, reader }
    }

    #[test]
    fn over_two_readers_every_item_stands_at_the_same_mean_place() {
        let places = |reader| {
            let order = order(key(reader), 60, 0);
            (0..60).map(move |i| order.iter().position(|s| s.item == i).unwrap()).collect::<Vec<_>>()
        };
        for reader in [1, 3, 5] {
            assert!(places(reader).iter().zip(places(reader + 1)).all(|(a, b)| a + b == 59));
        }
        assert_ne!(places(1), places(3));
        assert_ne!(
            places(1),
            order(Key { part: 1, ..key(1) }, 60, 0).iter().map(|s| s.item).collect::<Vec<_>>()
        );
    }

    #[test]
    fn repeats_come_late_and_far_from_the_first_showing() {
        for reader in 1..9 {
            let order = order(key(reader), 60, 10);
            assert_eq!((order.len(), order.iter().filter(|s| s.again).count()), (70, 10));
            for (place, slot) in order.iter().enumerate().filter(|(_, s)| s.again) {
                let first = order.iter().position(|s| s.item == slot.item).unwrap();
                assert!(place - first >= 10 && place >= 40, "{first} {place}");
            }
        }
    }
}
