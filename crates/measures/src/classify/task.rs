//! What a grader is asked, and what its outputs mean.

use serde::{Deserialize, Serialize};

/// Kellgren-Lawrence grades.
pub const GRADES: usize = 5;
/// The first grade that is called osteoarthritis.
pub const DISEASED: u8 = 2;

/// What a grader is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Osteoarthritis or not: grades 0 and 1 against 2 to 4. One output, logistic.
    Binary,
    /// The grade, as five names. Five outputs, softmax.
    Grades,
    /// The grade, as an order (CORN: Shi, Cao and Raschka 2021). Four outputs: output k says whether the grade is
    /// above k, given that it is at least k.
    Ordinal,
}

impl Task {
    /// Answers there are.
    pub fn classes(self) -> usize {
        if self == Self::Binary { 2 } else { GRADES }
    }

    /// Numbers a head gives an image.
    pub fn outputs(self) -> usize {
        match self {
            Self::Binary => 1,
            Self::Grades => GRADES,
            Self::Ordinal => GRADES - 1,
        }
    }

    /// The right answer for an image of a grade.
    pub fn class(self, grade: u8) -> usize {
        if self == Self::Binary { usize::from(grade >= DISEASED) } else { usize::from(grade) }
    }

    /// The negative log-likelihood of the right answer, and its gradient by the outputs.
    ///
    /// For CORN this is its loss: the conditional questions that an image takes part in, one after the other, are the
    /// factors of the likelihood of its grade.
    pub fn loss(self, outputs: &[f32], class: usize, gradient: &mut [f32]) -> f64 {
        match self {
            Self::Binary => logistic(outputs[0], class == 1, &mut gradient[0]),
            Self::Ordinal => {
                gradient.fill(0.0);
                let asked = (class + 1).min(outputs.len());
                (0..asked).map(|k| logistic(outputs[k], class > k, &mut gradient[k])).sum()
            }
            Self::Grades => {
                let p = self.probabilities(outputs, 1.0);
                gradient.iter_mut().zip(p).for_each(|(g, p)| *g = p as f32);
                gradient[class] -= 1.0;
                -libm::log(p[class].max(f64::MIN_POSITIVE))
            }
        }
    }

    /// Probabilities of the answers, in their order, outputs divided by `temperature`; what is behind
    /// [`Self::classes`] is 0.
    pub fn probabilities(self, outputs: &[f32], temperature: f64) -> [f64; GRADES] {
        let mut p = [0.0; GRADES];
        let z = |k: usize| f64::from(outputs[k]) / temperature;
        match self {
            Self::Binary => {
                p[1] = sigmoid(z(0));
                p[0] = 1.0 - p[1];
            }
            Self::Grades => {
                let top = (0..GRADES).map(z).fold(f64::NEG_INFINITY, f64::max);
                (0..GRADES).for_each(|k| p[k] = libm::exp(z(k) - top));
                let sum: f64 = p.iter().sum();
                p.iter_mut().for_each(|p| *p /= sum);
            }
            Self::Ordinal => {
                let mut at_least = 1.0;
                for (k, p) in p.iter_mut().enumerate() {
                    let above = if k + 1 < GRADES { at_least * sigmoid(z(k)) } else { 0.0 };
                    *p = at_least - above;
                    at_least = above;
                }
            }
        }
        p
    }

    /// The answer: the likeliest one; of an order its median.
    pub fn decide(self, probabilities: &[f64]) -> usize {
        match self {
            Self::Binary => usize::from(probabilities[1] > 0.5),
            Self::Grades => {
                let best =
                    |best: usize, k: usize| if probabilities[k] > probabilities[best] { k } else { best };
                (1..GRADES).fold(0, best)
            }
            Self::Ordinal => {
                let mut below = 0.0;
                let passed = |p: &&f64| {
                    below += **p;
                    below < 0.5
                };
                probabilities[..GRADES - 1].iter().take_while(passed).count()
            }
        }
    }

    /// The probability of osteoarthritis that these are.
    pub fn disease(self, probabilities: &[f64]) -> f64 {
        let first = self.class(DISEASED);
        probabilities[first..self.classes()].iter().sum()
    }
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-z))
}

/// The negative log-likelihood of an answer to a yes-or-no question, and its slope.
fn logistic(output: f32, answer: bool, slope: &mut f32) -> f64 {
    let z = f64::from(output);
    let y = f64::from(u8::from(answer));
    *slope = (sigmoid(z) - y) as f32;
    z.max(0.0) - y * z + libm::log1p(libm::exp(-z.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: [Task; 3] = [Task::Binary, Task::Grades, Task::Ordinal];
    const OUTPUTS: [f32; GRADES] = [0.3, -1.2, 0.8, 0.1, -0.4];

    #[test]
    fn the_loss_is_the_likelihood_of_the_answer_and_its_gradient_that_of_finite_differences() {
        for task in TASKS {
            for class in 0..task.classes() {
                let outputs = &OUTPUTS[..task.outputs()];
                let mut gradient = vec![0.0; outputs.len()];
                let loss = task.loss(outputs, class, &mut gradient);
                let likelihood = -libm::log(task.probabilities(outputs, 1.0)[class]);
                assert!((loss - likelihood).abs() < 1e-6, "{task:?} {class}: {loss} {likelihood}");
                for k in 0..outputs.len() {
                    let at = |by: f32| {
                        let mut moved = outputs.to_vec();
                        moved[k] += by;
                        task.loss(&moved, class, &mut vec![0.0; outputs.len()])
                    };
                    let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
                    // Central differences err by h^2/6 times the third derivative, which is below 0.1 here.
                    assert!((slope - f64::from(gradient[k])).abs() < 2e-5, "{task:?} {class} {k}");
                }
            }
        }
    }

    #[test]
    fn probabilities_add_up_and_decide() {
        for task in TASKS {
            let p = task.probabilities(&OUTPUTS[..task.outputs()], 2.0);
            assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{p:?}");
        }
        assert_eq!(Task::Grades.decide(&[0.3, 0.1, 0.25, 0.15, 0.2]), 0);
        assert_eq!(Task::Ordinal.decide(&[0.3, 0.1, 0.25, 0.15, 0.2]), 2);
        assert_eq!(Task::Ordinal.decide(&[0.0, 0.0, 0.0, 0.2, 0.8]), 4);
        assert!((Task::Grades.disease(&[0.3, 0.1, 0.25, 0.15, 0.2]) - 0.6).abs() < 1e-12);
    }
}
