//! JPEG-LS (ISO/IEC 14495-1, ITU-T T.87), lossless and near-lossless, by the standard's annex A: each sample is predicted from
//! its neighbours, and what the prediction missed is coded by the context that they make.

use super::Shape;
use super::bits::{Bits, Stuffing, segment};

/// The order of the code for the length that interrupts a run: J of A.2.1.
pub(crate) const RUN_ORDER: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Contexts of regular samples, and the two of samples that end a run.
const CONTEXTS: usize = 365;

/// What the stream says before its samples.
pub(crate) struct Header {
    maximum: i32,
    near: i32,
    thresholds: [i32; 3],
    /// How many errors a context counts before it forgets half of them.
    pub(crate) reset: i32,
    /// How samples of several components are ordered: by component, by line, by pixel.
    interleave: u8,
}

pub(super) fn decode(bytes: &[u8], shape: Shape) -> Result<Vec<u16>, String> {
    let mut rest = bytes.strip_prefix(&[0xFF, 0xD8]).ok_or("does not begin as JPEG-LS does")?;
    let (mut precision, mut preset) = (None, [0; 5]);
    loop {
        let (marker, segment) = segment(&mut rest)?;
        let word = |at: usize| segment.get(at..at + 2).map(|b| i32::from(u16::from_be_bytes([b[0], b[1]])));
        match marker {
            0xF7 => {
                let (rows, columns) = word(1).zip(word(3)).ok_or("has a short frame header")?;
                let samples = *segment.get(5).ok_or("has a short frame header")?;
                shape.agrees(columns as u32, rows as u32, u32::from(samples))?;
                precision = Some(u32::from(segment[0]));
            }
            0xF8 if segment.first() == Some(&1) => {
                for (at, value) in preset.iter_mut().enumerate() {
                    *value = word(1 + 2 * at).ok_or("has a short preset segment")?;
                }
            }
            0xF8 => return Err("has a mapping table or an extended size, which is not read".into()),
            0xDD => return Err("has restart intervals, which are not read".into()),
            0xDA => {
                let precision = precision.ok_or("has no frame header")?;
                let header = Header::new(precision, preset, segment)?;
                return scans(header, rest, shape);
            }
            _ => {}
        }
    }
}

impl Header {
    /// The parameters with their defaults (C.2.4.1.1).
    pub(crate) fn new(precision: u32, preset: [i32; 5], scan: &[u8]) -> Result<Self, String> {
        let tail = scan.len().checked_sub(3).ok_or("has a short scan header")?;
        let [near, interleave, transform] = [scan[tail], scan[tail + 1], scan[tail + 2]];
        let given = |value: i32, default: i32| if value == 0 { default } else { value };
        if !(2..=16).contains(&precision) {
            return Err(format!("has {precision} bits a sample, which JPEG-LS has not"));
        }
        let maximum = given(preset[0], (1 << precision) - 1);
        let near = i32::from(near);
        if maximum >> precision != 0 || near > maximum / 2 || transform != 0 || interleave > 2 {
            return Err("has parameters that cannot be".into());
        }
        let factor = (maximum.min(4095) + 128) / 256;
        let clamp = |value: i32, low: i32| if value > maximum || value < low { low } else { value };
        let basic = |base: i32, least: i32, more: i32| match maximum >= 128 {
            true => factor * (base - least) + least + more * near,
            false => (base / (256 / (maximum + 1)) + more * near).max(least),
        };
        let first = given(preset[1], clamp(basic(3, 2, 3), near + 1));
        let second = given(preset[2], clamp(basic(7, 3, 5), first));
        let third = given(preset[3], clamp(basic(21, 4, 7), second));
        let reset = given(preset[4], 64);
        if first <= near || second < first || third < second || reset < 3 {
            return Err("has thresholds that cannot be".into());
        }
        Ok(Self { maximum, near, thresholds: [first, second, third], reset, interleave })
    }

    /// The region of a difference of neighbours (A.3.3).
    fn region(&self, difference: i32) -> i32 {
        let size = difference.abs();
        let [first, second, third] = self.thresholds;
        let region = match size {
            _ if size <= self.near => 0,
            _ if size < first => 1,
            _ if size < second => 2,
            _ if size < third => 3,
            _ => 4,
        };
        region * difference.signum()
    }

    /// How many values an error can have.
    fn range(&self) -> i32 {
        (self.maximum + 2 * self.near) / (2 * self.near + 1) + 1
    }
}

/// One scan of all samples, or one a component.
fn scans(header: Header, bytes: &[u8], shape: Shape) -> Result<Vec<u16>, String> {
    let lines = match (shape.samples, header.interleave) {
        (1, _) => 1,
        (samples, 1) => samples as usize,
        _ => return Err("has colours by component or by pixel, which are not read".into()),
    };
    let width = shape.columns as usize;
    let mut bits = Bits::new(bytes, Stuffing::Bit);
    let mut coder = Coder::new(&header);
    let mut out = vec![0; shape.len()];
    // The line above each component's, with a sample more on either side (A.2.1); and its run.
    let mut above = vec![vec![0; width + 2]; lines];
    let mut here = vec![0; width + 2];
    let mut runs = vec![0; lines];
    for row in out.chunks_exact_mut(width * lines) {
        for (component, above) in above.iter_mut().enumerate() {
            coder.run = runs[component];
            here[0] = above[1];
            above[width + 1] = above[width];
            coder.line(&mut bits, above, &mut here)?;
            runs[component] = coder.run;
            let samples = row.iter_mut().skip(component).step_by(lines);
            samples.zip(&here[1..]).for_each(|(sample, value)| *sample = *value as u16);
            std::mem::swap(above, &mut here);
        }
    }
    Ok(out)
}

/// What is known of a context: sums of errors and of their sizes, a correction, and how many there were.
#[derive(Clone, Copy)]
pub(crate) struct Context {
    pub(crate) sizes: i32,
    pub(crate) errors: i32,
    pub(crate) correction: i32,
    pub(crate) count: i32,
    /// Of the contexts that end a run: how many errors were below zero.
    pub(crate) negative: i32,
}

impl Context {
    /// The order of the code (A.5.1).
    pub(crate) fn order(&self, sum: i32) -> u32 {
        // As many bits make it as long as the sum; one more makes it longer.
        let order = self.count.leading_zeros().saturating_sub(sum.leading_zeros());
        (order + u32::from(self.count << order < sum)).min(24)
    }

    /// The order at the end of a run (A.7.2).
    pub(crate) fn end_order(&self, alike: bool) -> u32 {
        self.order(self.sizes + if alike { self.count >> 1 } else { 0 })
    }

    /// Whether errors below zero are the likelier ones at the end of a run.
    pub(crate) fn flips(&self, order: u32) -> bool {
        order != 0 || 2 * self.negative >= self.count
    }

    /// After one more end of a run.
    pub(crate) fn ended(mut self, error: i32, mapped: i32, alike: bool, reset: i32) -> Self {
        self.negative += i32::from(error < 0);
        self.sizes += (mapped + 1 - i32::from(alike)) >> 1;
        if self.count == reset {
            self.sizes >>= 1;
            self.count >>= 1;
            self.negative >>= 1;
        }
        self.count += 1;
        self
    }
}

/// What is known while samples are coded, one way or the other.
pub(crate) struct Coder<'a> {
    pub(crate) header: &'a Header,
    /// The region of each difference, from the least on.
    regions: Vec<i8>,
    pub(crate) contexts: Vec<Context>,
    pub(crate) ends: [Context; 2],
    pub(crate) range: i32,
    /// Bits of an error that is written as it is.
    pub(crate) plain: u32,
    /// The longest code.
    pub(crate) limit: u32,
    /// Where in [`RUN_ORDER`] the next run begins.
    pub(crate) run: usize,
}

impl<'a> Coder<'a> {
    pub(crate) fn new(header: &'a Header) -> Self {
        let range = header.range();
        let depth = (32 - header.maximum.leading_zeros()).max(2);
        let sizes = ((range + 32) / 64).max(2);
        let fresh = Context { sizes, errors: 0, correction: 0, count: 1, negative: 0 };
        Self {
            header,
            regions: (-header.maximum..=header.maximum).map(|d| header.region(d) as i8).collect(),
            contexts: vec![fresh; CONTEXTS],
            ends: [fresh; 2],
            range,
            plain: 32 - (range - 1).leading_zeros(),
            limit: 2 * (depth + depth.max(8)),
            run: 0,
        }
    }

    /// One line (A.4 to A.7): `here[0]` and the line above are given.
    fn line(&mut self, bits: &mut Bits, above: &[i32], here: &mut [i32]) -> Result<(), &'static str> {
        let width = here.len() - 2;
        let mut at = 1;
        while at <= width {
            let (left, up, corner, right) = (here[at - 1], above[at], above[at - 1], above[at + 1]);
            let context = self.context([right - up, up - corner, corner - left]);
            if context == 0 {
                at += self.stretch(bits, above, here, at)?;
            } else {
                let predicted = predict(left, up, corner);
                here[at] = self.regular(bits, context, predicted)?;
                at += 1;
            }
        }
        Ok(())
    }

    /// The context of three differences of neighbours, with its sign; 0 where all are flat (A.3.4).
    #[inline]
    pub(crate) fn context(&self, differences: [i32; 3]) -> i32 {
        let [a, b, c] = differences.map(|difference| self.region(difference));
        81 * a + 9 * b + c
    }

    #[inline]
    fn region(&self, difference: i32) -> i32 {
        i32::from(self.regions[(difference + self.header.maximum) as usize])
    }

    /// A sample in a context that is not flat (A.4 to A.6).
    fn regular(&mut self, bits: &mut Bits, context: i32, predicted: i32) -> Result<i32, &'static str> {
        let (sign, place) = (context.signum(), context.unsigned_abs() as usize);
        let Header { near, maximum, reset, .. } = *self.header;
        let context = self.contexts[place];
        let predicted = (predicted + sign * context.correction).clamp(0, maximum);
        let order = context.order(context.sizes);
        let mapped = self.mapped(bits, order, self.limit)?;
        let mut error = if mapped & 1 == 0 { mapped >> 1 } else { -((mapped + 1) >> 1) };
        if order == 0 && near == 0 && 2 * context.errors <= -context.count {
            error = -(error + 1);
        }
        self.contexts[place] = learned(context, error, near, reset);
        Ok(self.restored(predicted, sign * error))
    }

    /// A code of limited length (A.5.3).
    fn mapped(&self, bits: &mut Bits, order: u32, limit: u32) -> Result<i32, &'static str> {
        let most = limit - self.plain - 1;
        let zeros = bits.zeros(most)?;
        let mapped = match zeros < most {
            true => (zeros << order | bits.take(order)?) as i32,
            false => bits.take(self.plain)? as i32 + 1,
        };
        // An error has at most `range` values, which are mapped to numbers from 0.
        if mapped <= self.range + 1 { Ok(mapped) } else { Err("holds an error that cannot be") }
    }

    /// The sample of a prediction and its error.
    fn restored(&self, predicted: i32, error: i32) -> i32 {
        let Header { near, maximum, .. } = *self.header;
        let step = 2 * near + 1;
        let mut value = predicted + error * step;
        if value < -near {
            value += self.range * step;
        } else if value > maximum + near {
            value -= self.range * step;
        }
        value.clamp(0, maximum)
    }

    /// A run of samples like the one before, and the one that ends it (A.7); how many samples that were.
    fn stretch(
        &mut self,
        bits: &mut Bits,
        above: &[i32],
        here: &mut [i32],
        at: usize,
    ) -> Result<usize, &'static str> {
        let left = here.len() - 1 - at;
        let value = here[at - 1];
        let mut length = 0;
        while bits.take(1)? == 1 {
            let full = 1 << RUN_ORDER[self.run];
            length += full;
            if length <= left {
                self.run = (self.run + usize::from(length <= left)).min(31);
            }
            if length >= left {
                here[at..at + left].fill(value);
                return Ok(left);
            }
        }
        length += bits.take(RUN_ORDER[self.run])? as usize;
        if length >= left {
            return Err("holds a run that is longer than its line");
        }
        here[at..at + length].fill(value);
        here[at + length] = self.end(bits, value, above[at + length])?;
        self.run = self.run.saturating_sub(1);
        Ok(length + 1)
    }

    /// The sample that ends a run (A.7.2).
    fn end(&mut self, bits: &mut Bits, left: i32, up: i32) -> Result<i32, &'static str> {
        let Header { near, reset, .. } = *self.header;
        let alike = (left - up).abs() <= near;
        let kind = i32::from(alike);
        let context = self.ends[alike as usize];
        let order = context.end_order(alike);
        let mapped = self.mapped(bits, order, self.limit - RUN_ORDER[self.run] - 1)?;
        let odd = (mapped + kind) & 1;
        let size = (mapped + kind + odd) / 2;
        let error = if context.flips(order) == (odd == 1) { -size } else { size };
        self.ends[alike as usize] = context.ended(error, mapped, alike, reset);
        Ok(match alike {
            true => self.restored(left, error),
            false => self.restored(up, if left > up { -error } else { error }),
        })
    }
}

/// The median edge detector (A.4.1).
pub(crate) fn predict(left: i32, up: i32, corner: i32) -> i32 {
    if corner >= left.max(up) {
        left.min(up)
    } else if corner <= left.min(up) {
        left.max(up)
    } else {
        left + up - corner
    }
}

/// A context after one more error (A.6).
pub(crate) fn learned(mut context: Context, error: i32, near: i32, reset: i32) -> Context {
    context.errors += error * (2 * near + 1);
    context.sizes += error.abs();
    if context.count == reset {
        context.sizes >>= 1;
        context.errors >>= 1;
        context.count >>= 1;
    }
    context.count += 1;
    if context.errors <= -context.count {
        context.errors = (context.errors + context.count).max(1 - context.count);
        context.correction = (context.correction - 1).max(-128);
    } else if context.errors > 0 {
        context.errors = (context.errors - context.count).min(0);
        context.correction = (context.correction + 1).min(127);
    }
    context
}
