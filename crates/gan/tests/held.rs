//! Nothing grows: between two steps a training holds what it held before.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use doppelray_gan::game::Alone;
use doppelray_gan::train::{Plan, Stop, train};
use doppelray_gan::{Processor, Settings};
use doppelray_images::collection::{About, Kind};
use doppelray_images::progress::Event;
use doppelray_images::{Depth, phantom_collection};

/// The system's allocator, and how many bytes of it are in use.
struct Counting;

static HELD: AtomicI64 = AtomicI64::new(0);

// SAFETY: what is asked for and given back goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Steps, in ten ticks; `STEPS=10000` in the environment asks for more.
const STEPS: usize = 30;
const BATCH: usize = 8;

/// The game of `fast`, small.
const SMALL: [&str; 5] = [
    "game.generator.latent=8",
    "game.generator.channels=[16, 12, 8, 8, 8]",
    "game.critics.mixed=[8, 8, 8, 8]",
    "game.critics.features=[[8, 8], [8], [8], [8]]",
    "game.critics.bands=[8, 8]",
];

/// The most that is held between two steps, in the second and in the last tenth of a training.
fn held(preset: &str, changes: &[&str]) -> [i64; 2] {
    let steps = std::env::var("STEPS").map_or(STEPS, |steps| steps.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let about = About {
        kind: Kind::Phantom,
        title: "Phantom knees".into(),
        size: 64,
        depth: Depth::Eight,
        licence: String::new(),
        source: String::new(),
        made_by: String::new(),
        settings: toml::Table::new(),
    };
    let collection = phantom_collection::write(&folder.path().join("knees"), about, 100, &|_| ()).unwrap();
    let kimg = (steps * BATCH) as f64 / 1000.0;
    let length = [
        "size=64".to_owned(),
        format!("batch={BATCH}"),
        format!("kimg={kimg}"),
        format!("tick_kimg={}", kimg / 10.0),
        "snapshot_ticks=100".to_owned(),
    ];
    let changes: Vec<String> = length.into_iter().chain(changes.iter().map(|c| (*c).to_owned())).collect();
    let settings = Settings::resolve(preset, &changes).unwrap();
    let plan = Plan {
        collection: &collection,
        settings: &settings,
        from: None,
        room: 1 << 30,
        processor: Processor::Cpu,
        peers: Arc::new(Alone),
    };
    let counts = Mutex::new(Vec::with_capacity(steps + collection.rows().len()));
    let listener = |event: Event| {
        if matches!(event, Event::Advance(_)) {
            counts.lock().unwrap().push(HELD.load(Ordering::Relaxed));
        }
    };
    let stop = Stop { time: None, flag: &AtomicBool::new(false) };
    // One thread: each keeps room for the largest task that it ever had, and of several one may have its first late.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| train(plan, &folder.path().join("run"), stop, &listener)).unwrap();
    let counts = counts.into_inner().unwrap();
    let steps = &counts[counts.len() - steps..];
    let tenth = steps.len() / 10;
    [1, 9].map(|at| *steps[at * tenth..(at + 1) * tenth].iter().max().unwrap())
}

#[test]
fn a_long_training_holds_no_more_than_a_short_one() {
    let own = |more: &[&'static str]| ("fast", [&SMALL, more].concat());
    let real = ["game.critics.norm=real", "game.moments=1.0"];
    for (preset, changes) in
        [("tiny", vec![]), own(&[]), own(&real), own(&["rest_steps=100000"]), own(&["passes=2"])]
    {
        let [early, late] = held(preset, &changes);
        println!("{preset} {changes:?}: {early} bytes, then {late}");
        assert!(late <= early + early / 1000, "{preset} {changes:?}: {early} bytes, then {late}");
    }
}
