//! The site without a socket.

mod blinding;
mod bounds;
mod fixture;
mod reading;
mod socket;
mod timing;
