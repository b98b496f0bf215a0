//! Memory is kept: fresh pages cost a third of a training step on virtual machines. Huge ones come by themselves where the system
//! gives them on request: nearly all of a training's memory is in them then (`AnonHugePages` of its `smaps_rollup`).

use std::ffi::c_long;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// mimalloc's numbers of its options (mimalloc.h), which its crate does not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
const ARENA_RESERVE: libmimalloc_sys::mi_option_t = 23;

/// Tells the allocator to give nothing back while the program runs, and to take address space by 8 GiB, unless mimalloc's own
/// environment variables (`MIMALLOC_PURGE_DELAY`, `MIMALLOC_ARENA_RESERVE`) say otherwise.
pub(crate) fn keep() {
    for (option, value) in [(PURGE_DELAY, -1), (ARENA_RESERVE, 8 << 20)] {
        // SAFETY: sets a number in mimalloc's own table of options, which holds both.
        unsafe { libmimalloc_sys::mi_option_set_default(option, value as c_long) };
    }
}

/// Bytes that are free; where the system does not say, as many as any machine has that can train.
pub(crate) fn free() -> u64 {
    let said = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = said.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map_or(4 << 30, |kib| kib << 10)
}
