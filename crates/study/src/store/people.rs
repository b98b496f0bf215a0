//! Who takes part: links, sessions, consent.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::json;

use super::Store;
use crate::day;
use crate::error::{Error, Result};
use crate::log::Act;
use crate::reader::{Person, Role, Secret, hash};
use crate::step::Step;

/// How long a session lasts, in ms: a working day.
const SESSION: i64 = 12 * 3600 * 1000;

/// A link that was made, told once.
pub struct Invitation {
    /// For whom.
    pub person: Person,
    /// What stands in the link.
    pub secret: String,
}

impl Store {
    /// Makes a person and their link, which lasts for `days`.
    pub fn invite(&self, at: i64, by: &str, (role, name, days): (Role, &str, u32)) -> Result<Invitation> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
            return Err(Error::Invalid("a name has 1 to 80 letters"));
        }
        let secret = Secret::new()?.text();
        let number: i64 = self.db.query_row("SELECT 1 + count(*) FROM people", [], |row| row.get(0))?;
        let expires = at + i64::from(days) * day::LENGTH;
        let step = serde_json::to_string(&Step::Consent).expect("a plain value");
        self.db.execute(
            "INSERT INTO people (number, name, role, token, expires, step) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![number, name, role.name(), hash(&secret), expires, step],
        )?;
        let body = json!({ "person": number, "role": role.name(), "expires": expires });
        self.note(at, by, (Act::Invited, &body))?;
        Ok(Invitation { person: self.person(number as usize)?, secret })
    }

    /// Takes a link back, and ends what was begun with it.
    pub fn revoke(&self, at: i64, by: &str, number: usize) -> Result<()> {
        let changed = self.db.execute("UPDATE people SET revoked = 1 WHERE number = ?1", [number as i64])?;
        if changed == 0 {
            return Err(Error::Refused("there is nobody of that number"));
        }
        self.db.execute("DELETE FROM sessions WHERE person = ?1", [number as i64])?;
        self.note(at, by, (Act::Revoked, &json!({ "person": number })))?;
        Ok(())
    }

    /// Who a link lets in.
    pub fn bearer(&self, at: i64, secret: &str) -> Result<Person> {
        let mut find = self.db.prepare_cached(
            "SELECT number, name, role, expires, revoked, step FROM people WHERE token = ?1 AND revoked = 0 AND expires > ?2",
        )?;
        find.query_row(params![hash(secret), at], person).optional()?.ok_or(Error::NoEntry)
    }

    /// Begins a session by a link; what the cookie then holds.
    pub fn enter(&self, at: i64, secret: &str) -> Result<String> {
        let person = self.bearer(at, secret)?;
        let session = Secret::new()?.text();
        self.db.execute("DELETE FROM sessions WHERE expires < ?1", [at])?;
        self.db.execute(
            "INSERT INTO sessions (hash, person, expires) VALUES (?1, ?2, ?3)",
            params![hash(&session), person.number as i64, at + SESSION],
        )?;
        self.note(at, &person.actor(), (Act::Entered, &json!({})))?;
        Ok(session)
    }

    /// Whose session it is.
    pub fn session(&self, at: i64, session: &str) -> Result<Person> {
        let mut find = self.db.prepare_cached(
            "SELECT p.number, p.name, p.role, p.expires, p.revoked, p.step FROM sessions s JOIN people p ON p.number = s.person
             WHERE s.hash = ?1 AND s.expires > ?2 AND p.revoked = 0 AND p.expires > ?2",
        )?;
        find.query_row(params![hash(session), at], person).optional()?.ok_or(Error::NoEntry)
    }

    /// A reader agrees to take part. Twice is as good as once.
    pub fn consent(&self, at: i64, number: usize) -> Result<Step> {
        let person = self.person(number)?;
        if person.step != Step::Consent {
            return Ok(person.step);
        }
        self.taking(at)?;
        let step = person.step.next(&self.lengths);
        self.set_step(number, step)?;
        self.note(at, &person.actor(), (Act::Consented, &json!({})))?;
        Ok(step)
    }

    /// One person.
    pub fn person(&self, number: usize) -> Result<Person> {
        let mut find = self.db.prepare_cached(
            "SELECT number, name, role, expires, revoked, step FROM people WHERE number = ?1",
        )?;
        find.query_row([number as i64], person).optional()?.ok_or(Error::NoEntry)
    }

    /// Everybody.
    pub fn people(&self) -> Result<Vec<Person>> {
        let mut all = self.db.prepare_cached(
            "SELECT number, name, role, expires, revoked, step FROM people ORDER BY number",
        )?;
        Ok(all.query_map([], person)?.collect::<rusqlite::Result<_>>()?)
    }

    pub(super) fn set_step(&self, number: usize, step: Step) -> Result<()> {
        let step = serde_json::to_string(&step).expect("a plain value");
        self.db
            .prepare_cached("UPDATE people SET step = ?1 WHERE number = ?2")?
            .execute(params![step, number as i64])?;
        Ok(())
    }
}

fn person(row: &Row) -> rusqlite::Result<Person> {
    let (role, step): (String, String) = (row.get(2)?, row.get(5)?);
    let step = serde_json::from_str(&step).map_err(|e| {
        rusqlite::Error::FromSqlConversionFailure(5, rusqlite::types::Type::Text, Box::new(e))
    })?;
    Ok(Person {
        number: row.get::<_, i64>(0)? as usize,
        name: row.get(1)?,
        role: if role == Role::Reader.name() { Role::Reader } else { Role::Coordinator },
        expires: row.get(3)?,
        revoked: row.get::<_, i64>(4)? != 0,
        step,
    })
}
