//! Processes that train one model together, under MPI: `mpirun -n 2 doppelray train ...`, of a build with the feature `mpi`.

use std::sync::Arc;

pub(crate) use self::kind::join;

/// Built without MPI: one process alone.
#[cfg(not(feature = "mpi"))]
mod kind {
    use anyhow::ensure;
    use doppelray_gan::train::Alone;

    use super::Arc;

    /// What launchers tell each process: how many there are.
    const LAUNCHED: [&str; 2] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"];

    pub(crate) type Joined = Alone;

    /// Refuses to be one of several that would not know of each other.
    pub(crate) fn join() -> anyhow::Result<Arc<Joined>> {
        let several = |name| std::env::var(name).is_ok_and(|n| n.parse::<u32>().is_ok_and(|n| n > 1));
        ensure!(
            !LAUNCHED.into_iter().any(several),
            "one of several processes, but built without MPI; build with `cargo build --release --features mpi`"
        );
        Ok(Arc::new(Alone))
    }

    impl super::End for Joined {
        fn end<T>(&self, result: anyhow::Result<T>) -> anyhow::Result<T> {
            result
        }
    }
}

/// The processes that a launcher began.
#[cfg(feature = "mpi")]
mod kind {
    use anyhow::Context;
    use doppelray_gan::train::Peers;
    use mpi::Threading;
    use mpi::collective::{CommunicatorCollectives, Root};
    use mpi::environment::Universe;
    use mpi::topology::{Communicator, SimpleCommunicator};

    use super::Arc;
    use crate::console::report;

    /// MPI, from its beginning to its end.
    pub(crate) struct Joined(Universe);

    /// All of them; the main thread alone speaks to the others.
    pub(crate) fn join() -> anyhow::Result<Arc<Joined>> {
        let (universe, _) = mpi::initialize_with_threading(Threading::Funneled)
            .context("MPI was begun before in this process")?;
        Ok(Arc::new(Joined(universe)))
    }

    impl Joined {
        fn world(&self) -> SimpleCommunicator {
            self.0.world()
        }
    }

    impl Peers for Joined {
        fn place(&self) -> [usize; 2] {
            [self.world().rank() as usize, self.world().size() as usize]
        }

        fn gather(&self, own: &[u8]) -> Vec<Vec<u8>> {
            let mut all = vec![0; own.len() * self.place()[1]];
            self.world().all_gather_into(own, &mut all[..]);
            all.chunks(own.len().max(1)).map(<[u8]>::to_vec).collect()
        }

        fn follow(&self, mut say: u8) -> u8 {
            self.world().process_at_rank(0).broadcast_into(&mut say);
            say
        }
    }

    impl super::End for Joined {
        /// One that fails takes the others with it: they would wait for it for ever.
        fn end<T>(&self, result: anyhow::Result<T>) -> anyhow::Result<T> {
            if let (Err(error), true) = (&result, self.place()[1] > 1) {
                report(error);
                self.world().abort(1);
            }
            result
        }
    }
}

/// How what one process did ends for all.
pub(crate) trait End {
    /// Passes on what came of it.
    fn end<T>(&self, result: anyhow::Result<T>) -> anyhow::Result<T>;
}
