//! From stored values to grey (PS3.4 N.2; PS3.3 C.11): modality, values of interest, presentation. Each step is a function of
//! one value, so a frame is mapped by a table.

use super::dataset::Dataset;
use super::lut::{Input, Lut};
use super::refusal::{Refusal, Result};
use super::tags::{self, Tag};

/// How stored values are written in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// Bits of a value, 1..=16.
    pub(super) bits: u32,
    /// Bits below it.
    pub(super) shift: u32,
    pub(super) signed: bool,
}

impl Stored {
    /// The value of a word. Bits above and below, where old files keep overlays, are left out.
    pub(super) fn value(&self, word: u16) -> i32 {
        let value = i32::from(word >> self.shift) & ((1 << self.bits) - 1);
        if self.signed && value >> (self.bits - 1) == 1 { value - (1 << self.bits) } else { value }
    }

    /// The word of the value that is nearest to what a lossy decoder gave, which may leave the range: cut off, it would wrap
    /// from white to black.
    pub(super) fn nearest(&self, word: u16) -> u16 {
        let [low, high] = self.ends();
        let value = if self.signed { i32::from(word as i16) } else { i32::from(word) };
        (value.clamp(low, high) << self.shift) as u16
    }

    /// The least and the largest value.
    fn ends(&self) -> [i32; 2] {
        let half = 1 << (self.bits - 1);
        if self.signed { [-half, half - 1] } else { [0, 2 * half - 1] }
    }
}

/// From stored values to what the machine measured.
#[derive(Clone, Debug, PartialEq)]
enum Modality {
    Rescale { slope: f64, intercept: f64 },
    Table(Lut),
}

/// Which values matter.
#[derive(Clone, Debug, PartialEq)]
enum Interest {
    /// All that can be.
    All,
    Window {
        center: f64,
        width: f64,
        function: Function,
    },
    Table(Lut),
}

/// How a window maps (PS3.3 C.11.2.1.2 and C.11.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Linear,
    LinearExact,
    Sigmoid,
}

/// The whole way of one frame's values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grey {
    stored: Stored,
    modality: Modality,
    interest: Interest,
    inverted: bool,
    padding: Option<[i32; 2]>,
}

impl Grey {
    /// The way that a header sets for a frame, counted from 0.
    pub(super) fn read(head: &Dataset, stored: Stored, frame: u32) -> Result<Self> {
        let modality = modality(head, stored, frame)?;
        let interest = interest(head, &modality, stored, frame)?;
        let photometric = head.text(tags::PHOTOMETRIC_INTERPRETATION);
        // Both say the same of one image (PS3.3 C.8.11.3.1.2); either is enough.
        let inverted = photometric.as_deref() == Some("MONOCHROME1")
            || head.text(tags::PRESENTATION_LUT_SHAPE).as_deref() == Some("INVERSE");
        Ok(Self { stored, modality, interest, inverted, padding: padding(head, stored)? })
    }

    /// Each word as grey in 0..=65535; padding is black.
    pub(super) fn of(&self, words: Vec<u16>) -> Vec<u16> {
        // One entry a value, not one a word: of 12 bits a sixteenth.
        let Stored { bits, shift, .. } = self.stored;
        let mask = (1_u32 << bits) - 1;
        let table = self.table(mask);
        words.into_iter().map(|word| table[((u32::from(word) >> shift) & mask) as usize]).collect()
    }

    /// The greys of the words 0..=`most` without the bits below them.
    fn table(&self, most: u32) -> Vec<u16> {
        let of = |word: u32| {
            let value = self.stored.value((word << self.stored.shift) as u16);
            if self.padding.is_some_and(|[low, high]| (low..=high).contains(&value)) {
                return 0;
            }
            let grey = self.seen(self.measured(f64::from(value)));
            let grey = if self.inverted { 1.0 - grey } else { grey };
            (grey * f64::from(u16::MAX)).round() as u16
        };
        (0..=most).map(of).collect()
    }

    /// Whether there is a step that is not one of scale: a window or a table.
    pub(super) fn interested(&self) -> bool {
        self.interest != Interest::All || matches!(self.modality, Modality::Table(_))
    }

    fn measured(&self, value: f64) -> f64 {
        self.modality.of(value)
    }

    /// 0..=1 of a measured value.
    fn seen(&self, x: f64) -> f64 {
        let seen = match &self.interest {
            Interest::All => {
                let [low, high] = self.modality.ends(self.stored);
                if high > low { (x - low) / (high - low) } else { 0.0 }
            }
            Interest::Window { center, width, function } => match function {
                Function::Linear if *width <= 1.0 => f64::from(u8::from(x > center - 0.5)),
                Function::Linear => (x - (center - 0.5)) / (width - 1.0) + 0.5,
                Function::LinearExact => (x - center) / width + 0.5,
                Function::Sigmoid => 1.0 / (1.0 + libm::exp(-4.0 * (x - center) / width)),
            },
            Interest::Table(lut) => f64::from(lut.of(x)) / lut.white(),
        };
        seen.clamp(0.0, 1.0)
    }
}

impl Modality {
    fn of(&self, value: f64) -> f64 {
        match self {
            Self::Rescale { slope, intercept } => value * slope + intercept,
            Self::Table(lut) => f64::from(lut.of(value)),
        }
    }

    /// The least and the largest measure that can be.
    fn ends(&self, stored: Stored) -> [f64; 2] {
        match self {
            Self::Rescale { .. } => {
                let [a, b] = stored.ends().map(|value| self.of(f64::from(value)));
                [a.min(b), a.max(b)]
            }
            Self::Table(lut) => [0.0, lut.white()],
        }
    }
}

fn modality(head: &Dataset, stored: Stored, frame: u32) -> Result<Modality> {
    if let Some(item) = head.items(tags::MODALITY_LUT).first() {
        let input = if stored.signed { Input::Signed } else { Input::Unsigned };
        return Lut::read(item, tags::LUT_DESCRIPTOR, tags::LUT_DATA, input).map(Modality::Table);
    }
    let place = within(head, tags::PIXEL_VALUE_TRANSFORMATION, frame);
    let slope = place.number(tags::RESCALE_SLOPE)?.unwrap_or(1.0);
    let intercept = place.number(tags::RESCALE_INTERCEPT)?.unwrap_or(0.0);
    if slope == 0.0 {
        return Err(Refusal::attribute(
            tags::RESCALE_SLOPE,
            "is 0, which makes all pixels alike; correct it",
        ));
    }
    Ok(Modality::Rescale { slope, intercept })
}

/// The first table, else the first window (PS3.3 C.11.2.1: several are alternatives).
fn interest(head: &Dataset, modality: &Modality, stored: Stored, frame: u32) -> Result<Interest> {
    let place = within(head, tags::FRAME_VOI_LUT, frame);
    if let Some(item) = place.items(tags::VOI_LUT).first() {
        let below_zero = modality.ends(stored)[0] < 0.0;
        let input = if below_zero { Input::Signed } else { Input::Unsigned };
        return Lut::read(item, tags::LUT_DESCRIPTOR, tags::LUT_DATA, input).map(Interest::Table);
    }
    let center = place.number(tags::WINDOW_CENTER)?;
    let width = place.number(tags::WINDOW_WIDTH)?;
    let Some((center, width)) = center.zip(width) else { return Ok(Interest::All) };
    let function = match place.text(tags::VOI_LUT_FUNCTION).as_deref() {
        None | Some("LINEAR") => Function::Linear,
        Some("LINEAR_EXACT") => Function::LinearExact,
        Some("SIGMOID") => Function::Sigmoid,
        Some(other) => {
            let why = format!("`{other}` is none of LINEAR, LINEAR_EXACT, SIGMOID; correct it");
            return Err(Refusal::attribute(tags::VOI_LUT_FUNCTION, why));
        }
    };
    let least = if function == Function::Linear { 1.0 } else { f64::MIN_POSITIVE };
    if width < least {
        return Err(Refusal::attribute(tags::WINDOW_WIDTH, format!("`{width}` cannot be; correct it")));
    }
    Ok(Interest::Window { center, width, function })
}

/// Where a frame's values stand: in its functional group, in the shared one, or as in most films in the data set itself.
fn within(head: &Dataset, group: Tag, frame: u32) -> &Dataset {
    let own = head.items(tags::FRAME_GROUPS).get(frame as usize);
    let shared = head.items(tags::SHARED_GROUPS).first();
    own.into_iter().chain(shared).find_map(|groups| groups.items(group).first()).unwrap_or(head)
}

/// Stored values that are no picture (PS3.3 C.7.5.1.1.2).
fn padding(head: &Dataset, stored: Stored) -> Result<Option<[i32; 2]>> {
    let Some(value) = head.number(tags::PIXEL_PADDING_VALUE)? else { return Ok(None) };
    let limit = head.number(tags::PIXEL_PADDING_RANGE_LIMIT)?.unwrap_or(value);
    // Many a file writes it with the other sign than the pixels.
    let [a, b] = [value, limit]
        .map(|n| if stored.signed { i32::from(n as i64 as i16) } else { i32::from(n as i64 as u16) });
    Ok(Some([a.min(b), a.max(b)]))
}
