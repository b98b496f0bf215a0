//! People: readers and coordinators, their links and sessions.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::log::hex;
use crate::step::Step;

/// What someone may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read images, and nothing else.
    Reader,
    /// See who is where, invite, revoke, close and open the study; never answer.
    Coordinator,
}

impl Role {
    /// Its name in the database and the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Coordinator => "coordinator",
        }
    }
}

/// One person.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Person {
    /// From 1, over both roles.
    pub number: usize,
    /// As the coordinator wrote it.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// When the link stops, in ms since 1970.
    pub expires: i64,
    /// Whether the link was taken back.
    pub revoked: bool,
    /// Where a reader is.
    pub step: Step,
}

impl Person {
    /// How the log calls them.
    pub fn actor(&self) -> String {
        format!("{} {}", self.role.name(), self.number)
    }
}

/// A secret that lets someone in; only its hash is kept.
///
/// Drawn from the operating system: this is the one thing in doppelray that nobody may be able to draw again.
pub struct Secret([u8; 20]);

impl Secret {
    /// A new one, of 160 bits.
    pub fn new() -> Result<Self> {
        let mut bytes = [0; 20];
        getrandom::fill(&mut bytes).map_err(Error::Entropy)?;
        Ok(Self(bytes))
    }

    /// As it stands in a link or a cookie: 40 hex digits.
    pub fn text(&self) -> String {
        hex(&self.0)
    }
}

/// What is kept of a secret. Looking up by it takes no longer for a near miss: to come near in the hash is as hard as to
/// guess the secret.
pub fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// What a page must send back to show that it is ours: bound to the session, useless for another.
pub fn form_key(session: &str) -> String {
    hex(&Sha256::digest(format!("form {session}").as_bytes())[..16])
}

/// Whether two texts are the same, in a time that depends on their lengths alone.
pub fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differ, (x, y)| differ | (x ^ y)) == 0
}
