//! Films of others, where they lie beside the project, and films made here.

mod grey;
mod hostile;
mod maker;
mod mutate;
mod real;
