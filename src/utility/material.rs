//! The images of an experiment: what may be learned from, what chooses, what tests.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::bail;
use doppelray_images::collection::Kind;
use doppelray_images::{Collection, Image, Row};
use doppelray_measures::classify::GRADES;
use doppelray_measures::rng::{Purpose, stream};

use super::draw::{Pick, Stock};
use super::leak::{self, Origin};

/// Share of the training subjects that choose where there is no split for it.
const CHOOSING: f64 = 0.15;
/// Share of the synthetic images of a grade, and their number at most, that are kept for testing.
const KEPT: (f64, usize) = (0.2, 200);

/// What the command line chose.
pub(crate) struct Choice<'a> {
    pub(crate) real: &'a Path,
    pub(crate) synthetic: &'a Path,
    pub(crate) trained_on: Option<&'a Path>,
    pub(crate) test: Option<&'a str>,
}

/// Two collections sorted by use.
pub(crate) struct Material {
    pub(crate) real: Collection,
    pub(crate) synthetic: Collection,
    pub(crate) stock: Stock,
    /// Real images that choose the penalty and the temperature.
    pub(crate) val: Vec<Pick>,
    /// Real images that test.
    pub(crate) test: Vec<Pick>,
    /// The subject of each of `test`.
    pub(crate) units: Vec<u32>,
    /// Synthetic images that no cell learns from.
    pub(crate) kept: Vec<Pick>,
    pub(crate) test_split: String,
    /// How `val` came about.
    pub(crate) val_rule: String,
    pub(crate) remarks: Vec<String>,
}

impl Material {
    /// Opens both collections, checks them against each other, and sorts their images.
    pub(crate) fn open(choice: &Choice) -> anyhow::Result<Self> {
        let (real, synthetic) = (Collection::open(choice.real)?, Collection::open(choice.synthetic)?);
        if real.about().kind == Kind::Synthetic {
            bail!("{}: is a synthetic collection; the real one comes first", choice.real.display());
        }
        let generator = choice.trained_on.map(Collection::open).transpose()?;
        let test_split = test_split(&real, choice)?;
        let origin = Origin { synthetic: &synthetic, generator: generator.as_ref() };
        let remarks = leak::check(&real, &test_split, &origin)?;
        let mut subjects = subjects(&real, "train");
        let named = test_split != "val" && real.splits().contains("val");
        let (val, val_rule) = match named {
            true => (graded(&real, "val"), "the split `val`".to_owned()),
            false => {
                let val = set_apart(&mut subjects);
                (
                    val,
                    format!(
                        "{:.0}% of the subjects of `train`, of each grade, set apart for all cells",
                        100.0 * CHOOSING
                    ),
                )
            }
        };
        let test = graded(&real, &test_split);
        let offset = real.rows().len() as u32;
        let (kept, learned) = keep(&synthetic, offset);
        let units = units(&real, &test);
        let mut stock = Stock { synthetic: learned, ..Stock::default() };
        subjects.into_iter().for_each(|s| stock.subjects[worst(&s)].push(s));
        let material = Self { real, synthetic, stock, val, test, units, kept, test_split, val_rule, remarks };
        material.check(choice)?;
        Ok(material)
    }

    fn check(&self, choice: &Choice) -> anyhow::Result<()> {
        let place = choice.real.display();
        let mend = "import with --split 70/10/20, or grade the images";
        if self.stock.subjects.iter().all(Vec::is_empty) {
            bail!("{place}: holds no graded image in the split `train`; {mend}");
        }
        for (images, use_) in [(&self.val, "choose the best step"), (&self.test, "test")] {
            let sides = [images.iter().any(|p| p.grade < 2), images.iter().any(|p| p.grade >= 2)];
            if sides != [true; 2] {
                bail!(
                    "{place}: the images to {use_} are {}, and both grades 0-1 and 2-4 are needed; {mend}",
                    images.len()
                );
            }
        }
        if self.stock.synthetic.iter().all(Vec::is_empty) {
            bail!("{}: holds no graded image; sample with --grades", choice.synthetic.display());
        }
        Ok(())
    }

    /// A picture's image.
    pub(crate) fn image(&self, pick: &Pick) -> doppelray_images::Result<Image> {
        let (collection, row) = self.picture(pick.at);
        collection.load(row)
    }

    /// The collection and row of a picture.
    pub(crate) fn picture(&self, at: u32) -> (&Collection, &Row) {
        let at = at as usize;
        match at.checked_sub(self.real.rows().len()) {
            None => (&self.real, &self.real.rows()[at]),
            Some(at) => (&self.synthetic, &self.synthetic.rows()[at]),
        }
    }
}

fn test_split(real: &Collection, choice: &Choice) -> anyhow::Result<String> {
    let splits = real.splits();
    let found = match choice.test {
        Some(split) => [split].into_iter().find(|split| splits.contains(split) && *split != "train"),
        None => ["test", "val"].into_iter().find(|split| splits.contains(split)),
    };
    let there: Vec<&str> = splits.iter().copied().collect();
    match found {
        Some(split) => Ok(split.to_owned()),
        None => bail!(
            "{}: holds no split {} to test on, only {}; name one with --real-split, or import again with --split 70/10/20",
            choice.real.display(),
            choice.test.unwrap_or("`test` or `val`"),
            there.join(", ")
        ),
    }
}

/// The graded rows of a split, by number.
fn graded(collection: &Collection, split: &str) -> Vec<Pick> {
    let rows = collection.rows().iter().enumerate().filter(|(_, row)| row.split == split);
    rows.filter_map(|(at, row)| Some(Pick { at: at as u32, grade: row.grade? })).collect()
}

/// The graded pictures of a split, subject by subject; a picture without one is its own.
fn subjects(collection: &Collection, split: &str) -> Vec<Vec<Pick>> {
    let mut subjects = BTreeMap::<(Option<&str>, u32), Vec<Pick>>::new();
    for pick in graded(collection, split) {
        let subject = collection.rows()[pick.at as usize].subject.as_deref();
        let key = (subject, if subject.is_some() { 0 } else { pick.at });
        subjects.entry(key).or_default().push(pick);
    }
    subjects.into_values().collect()
}

fn worst(subject: &[Pick]) -> usize {
    subject.iter().map(|pick| usize::from(pick.grade)).max().unwrap_or(0)
}

/// Takes a share of the subjects of each grade out, the same for all plans.
fn set_apart(subjects: &mut Vec<Vec<Pick>>) -> Vec<Pick> {
    let mut apart = Vec::new();
    for stratum in 0..GRADES {
        let mut there: Vec<usize> = (0..subjects.len()).filter(|s| worst(&subjects[*s]) == stratum).collect();
        stream(0, Purpose::UtilityVal, stratum as u64).shuffle(&mut there);
        apart.extend_from_slice(&there[..(CHOOSING * there.len() as f64).round() as usize]);
    }
    apart.sort_unstable();
    let taken: Vec<Vec<Pick>> = apart.iter().rev().map(|at| subjects.remove(*at)).collect();
    taken.concat()
}

/// Synthetic pictures, numbered behind the real ones: some of each grade kept for testing, the others by grade.
fn keep(synthetic: &Collection, offset: u32) -> (Vec<Pick>, [Vec<Pick>; GRADES]) {
    let mut grades: [Vec<Pick>; GRADES] = Default::default();
    for (at, row) in synthetic.rows().iter().enumerate() {
        if let Some(grade) = row.grade {
            grades[usize::from(grade)].push(Pick { at: offset + at as u32, grade });
        }
    }
    let mut kept = Vec::new();
    for (grade, picks) in grades.iter_mut().enumerate() {
        stream(0, Purpose::UtilityHoldout, grade as u64).shuffle(picks);
        let count = ((KEPT.0 * picks.len() as f64) as usize).min(KEPT.1);
        kept.extend(picks.drain(..count));
    }
    (kept, grades)
}

/// A number for each picture, equal for pictures of one subject.
fn units(collection: &Collection, picks: &[Pick]) -> Vec<u32> {
    let mut numbers = BTreeMap::new();
    let unit = |pick: &Pick| match collection.rows()[pick.at as usize].subject.as_deref() {
        // Numbers of pictures stand above those of subjects.
        None => u32::MAX - pick.at,
        Some(subject) => {
            let next = numbers.len() as u32;
            *numbers.entry(subject).or_insert(next)
        }
    };
    picks.iter().map(unit).collect()
}
