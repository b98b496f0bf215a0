//! What a release demands: `policy.toml`.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use super::figure::End;

/// The policy that holds where none is given.
pub(crate) const DEFAULT: &str = include_str!("policy.toml");

/// The form of a policy that this version reads.
const FORMAT: u32 = 1;

/// A policy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    pub(crate) format: u32,
    /// What the proof must say.
    #[serde(default)]
    pub(crate) line: Vec<Line>,
    /// Which images are left out one by one.
    #[serde(default)]
    pub(crate) drop: Vec<Drop>,
}

/// One demand on the proof.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    /// What an override calls it.
    pub(crate) name: String,
    /// Why it is demanded; printed wherever the line is.
    pub(crate) why: String,
    /// Where the figure stands: `REPORT.key.key`, `*` for every key or place. All that are found must hold.
    pub(crate) figure: String,
    /// A figure that it is divided by; its `*` are those of `figure`.
    pub(crate) over: Option<String>,
    /// Which end of an estimate's interval counts.
    #[serde(default)]
    pub(crate) end: End,
    pub(crate) at_most: Option<f64>,
    pub(crate) at_least: Option<f64>,
    /// A text that it must be.
    pub(crate) is: Option<String>,
    /// What follows where the figure is not there.
    #[serde(default)]
    pub(crate) absent: Absent,
}

/// What follows where a figure is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Absent {
    /// The line does not hold.
    #[default]
    Refuse,
    /// The line says nothing.
    Pass,
}

/// Images that are left out.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drop {
    pub(crate) name: String,
    pub(crate) why: String,
    /// Where their files are listed: `audit.copies.hits.*.file`.
    pub(crate) files: String,
    /// The largest share of all images that may be left out so; more, and nothing is released.
    pub(crate) most: f64,
}

/// Reads a policy; a line that is not known is refused by its number.
pub(crate) fn read(path: &Path) -> anyhow::Result<(Policy, String)> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{}: cannot be read; give a policy file with --policy", path.display()))?;
    let policy = parse(&text).with_context(|| path.display().to_string())?;
    Ok((policy, text))
}

/// A policy from its text.
pub(crate) fn parse(text: &str) -> anyhow::Result<Policy> {
    let policy: Policy = toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        anyhow::anyhow!("line {line}: {}; see docs/release.md for what a policy can say", e.message())
    })?;
    ensure!(policy.format == FORMAT, "is of form {}, this version reads {FORMAT}", policy.format);
    let mut names: Vec<&str> = policy.line.iter().map(|l| l.name.as_str()).collect();
    names.extend(policy.drop.iter().map(|d| d.name.as_str()));
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!("two lines are named `{}`; an override could not tell them apart", twice[0]);
    }
    policy.line.iter().try_for_each(Line::check)?;
    policy.drop.iter().try_for_each(Drop::check)?;
    Ok(policy)
}

impl Line {
    fn check(&self) -> anyhow::Result<()> {
        named(&self.name, &self.why)?;
        let bounds = [self.at_most.is_some(), self.at_least.is_some(), self.is.is_some()]
            .into_iter()
            .filter(|b| *b)
            .count();
        ensure!(bounds == 1, "`{}`: give one of at_most, at_least and is", self.name);
        let stars = |path: &str| path.split('.').filter(|key| *key == "*").count();
        let of_both = self.over.as_deref().is_none_or(|over| stars(over) == stars(&self.figure));
        ensure!(of_both, "`{}`: figure and over have not the same number of *", self.name);
        Ok(())
    }
}

impl Drop {
    fn check(&self) -> anyhow::Result<()> {
        named(&self.name, &self.why)?;
        ensure!((0.0..=1.0).contains(&self.most), "`{}`: most is a share within 0 and 1", self.name);
        Ok(())
    }
}

fn named(name: &str, why: &str) -> anyhow::Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    ensure!(!name.is_empty() && name.chars().all(plain), "`{name}`: a name is made of letters, digits and -");
    ensure!(!why.trim().is_empty(), "`{name}`: say why it is demanded");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_can_be_read() {
        let policy = parse(DEFAULT).unwrap();
        assert!(policy.line.len() >= 3 && !policy.drop.is_empty());
    }

    #[test]
    fn a_policy_that_says_something_unknown_is_refused_by_its_line() {
        let line = "[[line]]\nname = \"a\"\nwhy = \"b\"\nfigure = \"audit.verdict\"\n";
        for (text, complaint) in [
            (format!("format = 1\n{line}is = \"pass\"\nat_moost = 3\n"), "line 7: unknown field `at_moost`"),
            (format!("format = 2\n{line}is = \"pass\"\n"), "is of form 2"),
            (format!("format = 1\n{line}"), "give one of at_most, at_least and is"),
            (format!("format = 1\n{line}is = \"x\"\nat_least = 1.0\n"), "give one of"),
            (format!("format = 1\n{line}is = \"x\"\n{line}is = \"y\"\n"), "two lines are named `a`"),
            (format!("format = 1\n{line}is = \"x\"\n").replace("\"b\"", "\" \""), "say why"),
            (format!("format = 1\n{line}at_most = 1\nover = \"audit.*.x\"\n"), "the same number of *"),
            (
                "format = 1\n[[drop]]\nname = \"d\"\nwhy = \"w\"\nfiles = \"audit.x\"\nmost = 2\n".into(),
                "a share",
            ),
        ] {
            let said = format!("{:#}", parse(&text).unwrap_err());
            assert!(said.contains(complaint), "{text}: {said}");
        }
    }
}
