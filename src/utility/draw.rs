//! What a cell learns from: subjects, and synthetic images beside them.

use anyhow::{Context, bail};
use doppelray_measures::classify::{GRADES, Task};
use doppelray_measures::rng::{Purpose, stream};

use super::plan::{Arm, Strategy};

/// A picture by its number, with its grade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pick {
    pub(crate) at: u32,
    pub(crate) grade: u8,
}

/// All that may be learned from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stock {
    /// Real subjects by their worst grade, each with its pictures.
    pub(crate) subjects: [Vec<Vec<Pick>>; GRADES],
    /// Synthetic pictures by grade.
    pub(crate) synthetic: [Vec<Pick>; GRADES],
}

/// What one cell learns from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draw {
    /// Real subjects.
    pub(crate) subjects: usize,
    pub(crate) real: Vec<Pick>,
    pub(crate) synthetic: Vec<Pick>,
}

impl Stock {
    /// Draws for an arm and seed. Of one seed, a larger share holds the smaller ones, and arms of equal shares have the
    /// same subjects. Shares are of each stratum (the subject's worst grade), one subject at least.
    pub(crate) fn draw(&self, arm: &Arm, seed: u64) -> anyhow::Result<Draw> {
        let (mut subjects, mut real) = (0, Vec::new());
        let (mut drawn, mut wanted) = ([0; GRADES], [0; GRADES]);
        for (stratum, all) in self.subjects.iter().enumerate().filter(|(_, all)| !all.is_empty()) {
            let mut order: Vec<usize> = (0..all.len()).collect();
            stream(seed, Purpose::UtilitySubjects, stratum as u64).shuffle(&mut order);
            order.truncate(share(all.len(), arm.real_fraction).max(1));
            let kept = order.len() - share(order.len(), arm.replaced_fraction);
            for (place, pick) in
                order.iter().enumerate().flat_map(|(i, s)| all[*s].iter().map(move |p| (i, p)))
            {
                drawn[usize::from(pick.grade)] += 1;
                match place < kept {
                    true => real.push(*pick),
                    false => wanted[usize::from(pick.grade)] += 1,
                }
            }
            subjects += kept;
        }
        let most = drawn.iter().copied().max().unwrap_or(0);
        for (wanted, drawn) in wanted.iter_mut().zip(drawn) {
            *wanted += match arm.strategy {
                Strategy::Balance => most - drawn,
                _ => share(drawn, arm.synthetic_fraction),
            };
        }
        if arm.strategy == Strategy::Synthetic {
            (subjects, real) = (0, Vec::new());
        }
        let synthetic = self.synthetic(wanted, seed).with_context(|| arm.in_words())?;
        let draw = Draw { subjects, real, synthetic };
        draw.check(arm.task).with_context(|| arm.in_words())?;
        Ok(draw)
    }

    fn synthetic(&self, wanted: [usize; GRADES], seed: u64) -> anyhow::Result<Vec<Pick>> {
        let mut picks = Vec::new();
        for (grade, wanted) in wanted.into_iter().enumerate().filter(|(_, wanted)| *wanted > 0) {
            let mut there = self.synthetic[grade].clone();
            if there.len() < wanted {
                bail!(
                    "{wanted} synthetic images of grade {grade} are needed and {} are there; draw more of it \
                     (doppelray sample --grades {grade}), or take a smaller share",
                    there.len()
                );
            }
            stream(seed, Purpose::UtilitySynthetic, grade as u64).shuffle(&mut there);
            picks.extend_from_slice(&there[..wanted]);
        }
        Ok(picks)
    }
}

fn share(of: usize, part: f64) -> usize {
    (of as f64 * part).round() as usize
}

impl Draw {
    /// What is learned from, phase after phase.
    pub(crate) fn phases(&self, strategy: Strategy) -> Vec<Vec<Pick>> {
        match strategy {
            Strategy::Pretrain => vec![self.synthetic.clone(), self.real.clone()],
            _ => vec![[&self.real[..], &self.synthetic[..]].concat()],
        }
    }

    /// How many of all are of each grade.
    pub(crate) fn grades(&self) -> [usize; GRADES] {
        let mut grades = [0; GRADES];
        self.real.iter().chain(&self.synthetic).for_each(|pick| grades[usize::from(pick.grade)] += 1);
        grades
    }

    fn check(&self, task: Task) -> anyhow::Result<()> {
        let grades = self.grades();
        let missing = (0..task.classes())
            .find(|class| !(0..GRADES).any(|g| grades[g] > 0 && task.class(g as u8) == *class));
        match missing {
            None => Ok(()),
            Some(class) => bail!(
                "no image of {} to learn from; take a larger share, or leave the task `{task:?}` out",
                if task == Task::Binary {
                    ["grades 0-1", "grades 2-4"][class].to_owned()
                } else {
                    format!("grade {class}")
                }
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARM: Arm = Arm {
        task: Task::Ordinal,
        real_fraction: 0.1,
        synthetic_fraction: 0.0,
        replaced_fraction: 0.0,
        strategy: Strategy::Mix,
        augment: false,
    };

    /// Forty subjects a grade with two pictures each, and 200 synthetic pictures a grade.
    fn stock() -> Stock {
        let mut stock = Stock::default();
        let mut next = 0;
        for grade in 0..GRADES {
            let mut pick = || {
                next += 1;
                Pick { at: next, grade: grade as u8 }
            };
            stock.subjects[grade] = (0..40).map(|_| vec![pick(), pick()]).collect();
            stock.synthetic[grade] = (0..200).map(|_| pick()).collect();
        }
        stock
    }

    #[test]
    fn larger_shares_hold_the_smaller_and_other_seeds_other_subjects() {
        let stock = stock();
        let real = |fraction, seed| {
            let mut real = stock.draw(&Arm { real_fraction: fraction, ..ARM }, seed).unwrap().real;
            real.sort();
            real
        };
        let (few, more) = (real(0.1, 0), real(0.5, 0));
        assert_eq!((few.len(), more.len()), (40, 200));
        assert!(few.iter().all(|p| more.contains(p)));
        assert_ne!(few, real(0.1, 1));
        assert_eq!(real(0.001, 0).len(), 10);
    }

    #[test]
    fn replacing_keeps_the_grades_and_takes_the_subjects_away() {
        let stock = stock();
        let whole = stock.draw(&Arm { real_fraction: 0.5, ..ARM }, 0).unwrap();
        for replaced_fraction in [0.25, 0.5, 1.0] {
            let draw = stock.draw(&Arm { real_fraction: 0.5, replaced_fraction, ..ARM }, 0).unwrap();
            assert_eq!(draw.grades(), whole.grades());
            assert_eq!(draw.real.len(), share(100, 1.0 - replaced_fraction) * 2);
            assert!(draw.real.iter().all(|p| whole.real.contains(p)));
        }
    }

    #[test]
    fn balance_evens_the_grades_and_synthetic_alone_has_no_subject() {
        let mut stock = stock();
        stock.subjects[4].truncate(5);
        let even = Arm { strategy: Strategy::Balance, real_fraction: 1.0, ..ARM };
        assert_eq!(stock.draw(&even, 0).unwrap().grades(), [80; GRADES]);
        let alone = Arm { strategy: Strategy::Synthetic, synthetic_fraction: 2.0, ..ARM };
        let draw = stock.draw(&alone, 0).unwrap();
        assert_eq!((draw.subjects, draw.real.len(), draw.synthetic.len()), (0, 0, 2 * (32 + 2)));
    }

    #[test]
    fn what_lacks_is_named() {
        let mut stock = stock();
        stock.synthetic[3].truncate(3);
        let arm = Arm { synthetic_fraction: 1.0, ..ARM };
        let said = format!("{:#}", stock.draw(&arm, 0).unwrap_err());
        assert!(
            said.contains("10% real + 100%: 8 synthetic images of grade 3 are needed and 3 are there"),
            "{said}"
        );
        stock.subjects[2].clear();
        let said = format!("{:#}", stock.draw(&ARM, 0).unwrap_err());
        assert!(said.contains("no image of grade 2"), "{said}");
    }
}
