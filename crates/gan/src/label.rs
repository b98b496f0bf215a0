//! What an image shows, as far as a generator is told.

use doppelray_images::{Row, Side};

use crate::settings::Settings;

/// A grade and a side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Label {
    /// Kellgren-Lawrence grade; may lie between two.
    pub grade: f64,
    /// Which knee; networks that learned no sides ask for none, those that did take a left one where none is given.
    pub side: Option<Side>,
}

impl From<f64> for Label {
    fn from(grade: f64) -> Self {
        Self { grade, side: None }
    }
}

impl From<u8> for Label {
    fn from(grade: u8) -> Self {
        f64::from(grade).into()
    }
}

impl Label {
    /// Of an image in a collection; `None` where it has no grade.
    pub fn of(row: &Row) -> Option<Self> {
        Some(Self { grade: f64::from(row.grade?), side: row.side })
    }
}

/// Networks know labels by their positions: the grades in order, and where sides are learned, after those of left knees
/// those of right ones. So a place between two positions lies between two grades of one side.
impl Settings {
    /// How many labels a network tells apart.
    pub fn labels(&self) -> usize {
        self.grades.len() * if self.side { Side::BOTH.len() } else { 1 }
    }

    /// The position of a label whose grade was learned.
    pub(crate) fn position(&self, label: Label) -> Result<usize, String> {
        let at = self.grades.iter().position(|grade| f64::from(*grade) == label.grade);
        at.map(|at| at + self.before(label.side)).ok_or_else(|| self.unlearned(label.grade))
    }

    /// The shares of the labels in one that is to be drawn, in the order of their positions and 1 in all: a learned one is
    /// itself, one whose grade lies between two that were learned has a share of both. Guidance takes them so many times as far
    /// from the mean of the side's grades.
    pub(crate) fn shares(&self, label: Label, guidance: f64) -> Result<Vec<f32>, String> {
        let place = place(&self.grades, label.grade).ok_or_else(|| self.unlearned(label.grade))?;
        Ok(self.spread(self.before(label.side), place, guidance))
    }

    /// [`shares`](Self::shares) of the label at a position.
    pub(crate) fn shares_at(&self, position: usize, guidance: f64) -> Vec<f32> {
        let grade = self.grade_of(position);
        self.spread(position - grade, grade as f64, guidance)
    }

    /// The shares of a place among the grades of the side whose labels begin at `first`.
    fn spread(&self, first: usize, place: f64, guidance: f64) -> Vec<f32> {
        let grades = self.grades.len();
        let mut shares = vec![0.0; self.labels()];
        for (grade, guided) in shares[first..][..grades].iter_mut().enumerate() {
            let share = (1.0 - (grade as f64 - place).abs()).max(0.0);
            *guided = (share * guidance + (1.0 - guidance) / grades as f64) as f32;
        }
        shares
    }

    /// Which of the grades a position is of, whatever its side.
    pub(crate) fn grade_of(&self, position: usize) -> usize {
        position % self.grades.len()
    }

    /// The position of another grade among those of the same side.
    pub(crate) fn regraded(&self, position: usize, grade: usize) -> usize {
        position - self.grade_of(position) + grade
    }

    /// Labels of other sides that come before.
    fn before(&self, side: Option<Side>) -> usize {
        if self.side && side == Some(Side::Right) { self.grades.len() } else { 0 }
    }

    fn unlearned(&self, grade: f64) -> String {
        format!("the model learned the grades {:?}, not {grade}", self.grades)
    }
}

/// Where a grade stands among those learned, which are ascending; between two of them by its distance from both.
fn place(grades: &[u8], grade: f64) -> Option<f64> {
    let at = |g: u8| f64::from(g);
    if let Some(position) = grades.iter().position(|g| at(*g) == grade) {
        return Some(position as f64);
    }
    let above = grades.iter().position(|g| at(*g) > grade)?;
    let below = above.checked_sub(1)?;
    let [low, high] = [below, above].map(|i| at(grades[i]));
    Some(below as f64 + (grade - low) / (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_of_one_side_lie_next_to_each_other_and_sides_apart() {
        let changes = ["grades=[0, 2, 3]".into(), "side=true".into()];
        let settings = Settings::resolve("tiny", &changes).unwrap();
        assert_eq!(settings.labels(), 6);
        let label = |grade, side| Label { grade, side };
        let [left, right] = Side::BOTH.map(Some);
        assert_eq!(settings.position(label(2.0, left)), Ok(1));
        assert_eq!(settings.position(label(2.0, right)), Ok(4));
        assert_eq!(settings.position(label(2.0, None)), Ok(1));
        assert_eq!(settings.shares(label(1.0, right), 1.0).unwrap(), [0.0, 0.0, 0.0, 0.5, 0.5, 0.0]);
        assert_eq!(settings.shares(label(3.0, left), 1.0).unwrap(), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        // Half as far again from a third each.
        let guided = settings.shares(label(3.0, left), 1.5).unwrap();
        assert_eq!(guided, settings.shares_at(2, 1.5));
        assert_eq!(settings.shares(label(2.0, right), 1.5).unwrap(), settings.shares_at(4, 1.5));
        let apart = |(found, wanted): (&f32, f32)| (found - wanted / 6.0).abs();
        assert!(guided.iter().zip([-1.0, -1.0, 8.0, 0.0, 0.0, 0.0]).map(apart).all(|apart| apart < 1e-6));
        assert!(settings.position(label(1.0, left)).unwrap_err().contains("not 1"));
        assert!(settings.shares(label(4.0, left), 1.0).unwrap_err().contains("[0, 2, 3], not 4"));
        assert_eq!([settings.regraded(1, 2), settings.regraded(4, 0)], [2, 3]);
        let plain = Settings::resolve("tiny", &changes[..1]).unwrap();
        assert_eq!((plain.labels(), plain.position(label(2.0, right))), (3, Ok(1)));
    }
}
