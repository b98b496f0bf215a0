//! What long work tells whoever watches. The library never prints; it calls the listener it was given.

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A stage of `total` units begins.
    Begin {
        /// What is being done, as a person reads it: "reading images".
        task: &'static str,
        /// How many units there will be; 0 where unknown.
        total: u64,
        /// What a unit is: "images".
        unit: &'static str,
    },
    /// `0` more units are done.
    Advance(u64),
    /// Something worth a line.
    Note(String),
    /// The stage is over.
    End,
}

/// Receives events, from any thread.
pub type Listener<'a> = &'a (dyn Fn(Event) + Sync);

/// A listener that hears nothing.
pub fn silent(_: Event) {}
