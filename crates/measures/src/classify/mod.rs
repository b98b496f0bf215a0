//! Graders of images: linear heads on described images, how they are trained and calibrated, how good their
//! judgements are, and whether one way of training is better than another.

mod contrast;
mod descent;
mod fit;
mod judged;
mod scale;
mod task;

pub use contrast::{Contrast, contrast, holm};
pub use fit::{Example, Grader, Lesson, Recipe, Said, Weighting, calibrate, fit, likelihood};
pub use judged::{Figures, Judged, METRICS, Resampled};
pub use task::{DISEASED, GRADES, Task};
