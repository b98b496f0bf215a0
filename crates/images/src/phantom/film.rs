//! The exposure: how the knee lies on the film, what beam, scatter, blur and noise make of it, and how the
//! reader's grey scale shows it.

use doppelray_measures::rng::Stream;

use super::anatomy::Anatomy;
use super::field::Field;
use super::outline::Pose;
use super::shadow::{Plane, Shadow, cast};
use super::traits::{Person, Topic};
use crate::side::Side;

/// Width of the frame in mean, mm. Public knee sets cut the joint out so that the plateau, about 82 mm wide at the
/// detector, fills 80 % of the frame; a frame of 140 mm would either show it small or make it a giant's.
const FIELD_MM: f64 = 102.0;
/// Height of the joint line in the frame.
const JOINT: f64 = 0.575;
/// The coarsest grid that still carries the finest detail, mm; smaller images are averaged from it.
const FINEST_MM: f64 = 0.55;
/// Spread of what scatters, mm.
const SCATTER_MM: f64 = 14.0;

/// How one knee is exposed.
pub(super) struct Film {
    /// Width of the frame, mm.
    pub(super) field_mm: f64,
    side: Side,
    turn_deg: f64,
    shift_mm: [f64; 2],
    /// Brightness of bone on the grey scale before the shoulder, about 0..1.2.
    level: f32,
    /// Grey a unit of loss.
    gain: f32,
    /// Scattered over primary at the middle of the knee.
    scatter: f32,
    /// Where the beam is strongest, shares of the frame, and its loss at the frame's half-width.
    beam: [f32; 3],
    blur_mm: f64,
    /// Photons counted a square mm where nothing is in the way.
    dose: f32,
    noise: Stream,
}

impl Film {
    /// The film of one knee. Both knees of a person are on one film, so its settings are the same.
    pub(super) fn new(person: &Person) -> Self {
        let mut t = person.traits(Topic::Film);
        let haze = t.same(0.0, 1.0);
        Self {
            field_mm: t.alike(FIELD_MM, 3.0),
            side: person.side,
            turn_deg: t.own(0.0, 2.2),
            shift_mm: [t.own(0.0, 1.6), t.own(0.0, 2.2)],
            level: t.same(0.715 + 0.08 * haze, 0.085) as f32,
            gain: (0.46 * libm::exp(t.same(0.0, 0.35))) as f32,
            scatter: (0.75 * libm::exp(0.35 * haze)) as f32,
            beam: [t.own(0.5, 0.08) as f32, t.same(0.45, 0.1) as f32, t.same(0.12, 0.08).max(0.0) as f32],
            blur_mm: 0.22 * libm::exp(t.same(0.0, 0.25)),
            dose: (1.6e5 * libm::exp(t.same(0.0, 0.5))) as f32,
            noise: person.film(),
        }
    }

    /// A film without turn, shift, noise and shoulder, for measuring.
    #[cfg(test)]
    pub(super) fn plain(person: &Person) -> Self {
        let (turn_deg, shift_mm) = (0.0, [0.0; 2]);
        Self { turn_deg, shift_mm, dose: f32::INFINITY, level: 0.6, gain: 0.3, ..Self::new(person) }
    }

    /// Height of the joint line in an unshifted frame, mm from the top.
    #[cfg(test)]
    pub(super) fn joint_mm(&self) -> f64 {
        JOINT * self.field_mm
    }

    /// The picture of `anatomy`, `size` x `size` values in 0..1.
    pub(super) fn expose(&self, anatomy: &Anatomy, size: u32) -> Vec<f32> {
        let finer = (self.field_mm / f64::from(size) / FINEST_MM).ceil().max(1.0) as usize;
        let n = size as usize * finer;
        let plane = Plane { n, spacing_mm: self.field_mm / n as f64, pose: self.pose() };
        let shadow = cast(anatomy, &plane);
        let counted = self.count(&shadow, &plane).shrunk(finer);
        let grey = counted.values.iter().map(|i| self.grey(-libm::logf(i.max(1e-6)) - shadow.bone));
        let mut grey: Vec<f32> = grey.collect();
        if self.side == Side::Right {
            grey.chunks_exact_mut(size as usize).for_each(<[f32]>::reverse);
        }
        grey
    }

    fn pose(&self) -> Pose {
        let [x, y] = self.shift_mm;
        Pose::new(self.turn_deg, [0.5 * self.field_mm + x, JOINT * self.field_mm + y])
    }

    /// Intensity at the detector relative to the open beam: Beer and Lambert's law, the beam's fall-off,
    /// scatter, the focal spot's blur, photon noise, the screen's blur.
    fn count(&self, shadow: &Shadow, plane: &Plane) -> Field {
        let n = plane.n;
        let [cx, cy, fall] = self.beam;
        let primary = Field::from_fn(n, |x, y| {
            let u = 2.0 * (x as f32 / n as f32 - cx);
            let v = 2.0 * (y as f32 / n as f32 - cy);
            libm::expf(-shadow.loss.values[y * n + x] - fall * (u * u + v * v))
        });
        let sigma = SCATTER_MM / plane.spacing_mm;
        let haze = primary.clone().blurred(sigma, sigma);
        let mut seen = primary.blurred(self.blur_mm / plane.spacing_mm, self.blur_mm / plane.spacing_mm);
        let (direct, scattered) = (1.0 / (1.0 + self.scatter), self.scatter / (1.0 + self.scatter));
        seen.values.iter_mut().zip(&haze.values).for_each(|(p, h)| *p = direct * *p + scattered * h);
        self.add_noise(&mut seen, plane);
        seen.blurred(0.2 / plane.spacing_mm, 0.2 / plane.spacing_mm)
    }

    /// Counts are in the hundreds and more, where Poisson's law is normal with the mean as its variance.
    fn add_noise(&self, seen: &mut Field, plane: &Plane) {
        let photons = self.dose * (plane.spacing_mm * plane.spacing_mm) as f32;
        if photons.is_infinite() {
            return;
        }
        let mut noise = self.noise.clone();
        for value in &mut seen.values {
            *value += (*value / photons).sqrt() * noise.normal() as f32;
        }
    }

    /// The reader's grey scale: linear in loss, with a shoulder to white and a toe to black.
    fn grey(&self, loss_over_bone: f32) -> f32 {
        let linear = self.level + self.gain * loss_over_bone;
        let (shoulder, white) = (0.78, 0.985);
        if linear > shoulder {
            let room = white - shoulder;
            white - room * libm::expf(-(linear - shoulder) / room)
        } else if linear < 0.12 {
            0.12 * libm::expf((linear - 0.12) / 0.12)
        } else {
            linear
        }
    }
}
