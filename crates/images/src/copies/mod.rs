//! Is one image a copy of another, whatever was done to it?
//!
//! Two looks, as in [`crate::lookalike`], but for copies that were also cropped, scaled, turned, noised, blended or edited:
//! a coarse [`sketch`] of every image finds who may be a copy of whom by two scalar products a pair, and those few are laid
//! over each other and compared ([`Template::register`]). How many copies of each kind that finds, and how often it takes
//! one knee for another, is measured where it is used, with copies that are planted ([`plant`]).

mod pyramid;
mod register;
mod sketch;
mod warp;

pub mod plant;

pub use register::{Picture, Registered, Template};
pub use sketch::{Frame, Sketch, WIDTHS, sketch};
pub use warp::Warp;
