//! Phantom knees as DICOM files: what import, archives and de-identification are tried with anywhere.

mod bits;
mod jpegls;
mod lossless;
mod packed;
mod phi;
mod rle;

use std::fs;
use std::path::Path;

use rayon::prelude::*;

use crate::dicom::{Tag, Written};
use crate::error::{Error, Result};
use crate::files::{beside, sync_folder, write_whole};
use crate::phantom::{Knee, render};
use crate::progress::{Event, Listener};
use crate::{Image, Side};

pub use phi::{DATE, Phi, WORD, ink};

/// The transfer syntaxes that are written, in turns.
pub const SYNTAXES: [&str; 9] = [
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    packed::RLE,
    "1.2.840.10008.1.2.1.99",
    // Big endian, retired and alive in archives.
    "1.2.840.10008.1.2.2",
    packed::BASELINE,
    packed::LOSSLESS,
    packed::JPEG_LS,
    packed::JPEG_XL,
];

/// Which knees are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Which population.
    pub seed: u64,
    /// How many knees, two a subject.
    pub count: u64,
    /// Width and height in pixels.
    pub size: u32,
    /// What names, numbers and dates the files bear.
    pub phi: Phi,
}

/// Writes `OUT/GRADE/ID.dcm` (computed and digital radiographs, 12 of 16 bits but where their syntax has others, white or
/// black bone) and `OUT/labels.csv`, which goes by accession and side. `out` gets its name when all is there.
pub fn write(plan: &Plan, out: &Path, listener: Listener) -> Result<()> {
    if out.exists() {
        return Err(Error::content(out, "is there already; choose another --out"));
    }
    let staged = beside(out, "part");
    for grade in 0..5 {
        fs::create_dir_all(staged.join(grade.to_string())).map_err(Error::unwritten(out))?;
    }
    listener(Event::Begin { task: "drawing phantoms", total: plan.count, unit: "images" });
    let lines: Vec<String> = (0..plan.count)
        .into_par_iter()
        .map(|index| {
            let (subject, side) = whose(index);
            let (file, grade) = file(plan, index);
            let path = staged.join(grade.to_string()).join(format!("{}{side}.dcm", name(subject)));
            write_whole(&path, |f| f.write_all(&file)).map_err(Error::unwritten(&path))?;
            listener(Event::Advance(1));
            Ok(format!("{},{side},{grade}\n", plan.phi.accession(subject)))
        })
        .collect::<Result<_>>()?;
    listener(Event::End);
    let labels = format!("accession,side,grade\n{}", lines.concat());
    let path = staged.join("labels.csv");
    write_whole(&path, |f| f.write_all(labels.as_bytes())).map_err(Error::unwritten(&path))?;
    fs::rename(&staged, out).and_then(|()| sync_folder(out)).map_err(Error::unwritten(out))
}

fn whose(index: u64) -> (u64, Side) {
    (index / 2, Side::BOTH[(index % 2) as usize])
}

/// The file of a knee, counted from 0, in the syntax whose turn it is; and the knee's grade.
pub(crate) fn file(plan: &Plan, index: u64) -> (Vec<u8>, u8) {
    let (subject, side) = whose(index);
    let knee = render(plan.seed, subject, side, plan.size);
    let syntax = SYNTAXES[(index % SYNTAXES.len() as u64) as usize];
    (object(plan, (subject, side), &knee, syntax).file(syntax), knee.grade)
}

fn name(subject: u64) -> String {
    format!("P{subject:06}")
}

/// A UID under 2.25, whose number tells seed, subject and what it names (PS3.5 annex B.2).
fn uid(seed: u64, subject: u64, what: u64) -> String {
    format!("2.25.{}", (1 << 127) | u128::from(seed) << 64 | u128::from(subject) << 8 | u128::from(what))
}

/// The object of a knee: digital radiographs of even subjects, computed ones of odd, whose bone is dark in storage.
fn object(plan: &Plan, (subject, side): (u64, Side), knee: &Knee, syntax: &str) -> Written {
    let is_digital = subject.is_multiple_of(2);
    let class = if is_digital { "1.2.840.10008.5.1.4.1.1.1.1" } else { "1.2.840.10008.5.1.4.1.1.1" };
    let which = u64::from(side == Side::Right);
    let described = Written::default()
        .text(Tag(0x0008, 0x0016), b"UI", class)
        .text(Tag(0x0008, 0x0018), b"UI", &uid(plan.seed, subject, 16 + which))
        .text(Tag(0x0008, 0x0060), b"CS", if is_digital { "DX" } else { "CR" })
        .text(Tag(0x0018, 0x0015), b"CS", "KNEE")
        .text(Tag(0x0018, 0x5101), b"CS", "AP")
        .text(Tag(0x0020, 0x000D), b"UI", &uid(plan.seed, subject, 1))
        .text(Tag(0x0020, 0x000E), b"UI", &uid(plan.seed, subject, 2 + which))
        .text(Tag(0x0020, 0x0011), b"IS", &(1 + which).to_string())
        .text(Tag(0x0020, 0x0013), b"IS", "1")
        .text(Tag(0x0020, 0x0020), b"CS", "L\\F")
        .text(Tag(0x0008, 0x0008), b"CS", "ORIGINAL\\PRIMARY");
    let described = if is_digital { digital(described, side) } else { computed(described, side) };
    let described = plan.phi.put(described, subject);
    let described =
        described.text(Tag(0x0018, 0x1164), b"DS", &format!("{0:.6}\\{0:.6}", knee.truth.spacing_mm));
    pixels(described, &plan.phi.burn(&knee.image), is_digital, syntax)
}

/// Pixels (PS3.3 C.7.6.3), and what was lost of them (C.7.6.1.1.5).
fn pixels(object: Written, film: &Image, is_digital: bool, syntax: &str) -> Written {
    let bits = packed::bits(syntax);
    let size = film.width() as u16;
    let dark = if is_digital { 0 } else { u16::MAX >> (16 - bits) };
    let words: Vec<u16> = film.pixels().iter().map(|grey| (grey >> (16 - bits)) ^ dark).collect();
    let object = object
        .short(Tag(0x0028, 0x0002), 1)
        .text(Tag(0x0028, 0x0004), b"CS", if is_digital { "MONOCHROME2" } else { "MONOCHROME1" })
        .short(Tag(0x0028, 0x0010), size)
        .short(Tag(0x0028, 0x0011), size)
        .short(Tag(0x0028, 0x0100), bits.next_multiple_of(8))
        .short(Tag(0x0028, 0x0101), bits)
        .short(Tag(0x0028, 0x0102), bits - 1)
        .short(Tag(0x0028, 0x0103), 0)
        .text(Tag(0x0028, 0x1050), b"DS", &(1_u32 << (bits - 1)).to_string())
        .text(Tag(0x0028, 0x1051), b"DS", &(1_u32 << bits).to_string());
    let Some(frame) = packed::frame(&words, size, syntax) else {
        return object.words(Tag(0x7FE0, 0x0010), b"OW", &words);
    };
    let object = match syntax {
        packed::BASELINE => object
            .text(Tag(0x0028, 0x2110), b"CS", "01")
            .text(Tag(0x0028, 0x2112), b"DS", &format!("{:.3}", words.len() as f64 / frame.len() as f64))
            .text(Tag(0x0028, 0x2114), b"CS", "ISO_10918_1"),
        _ => object,
    };
    object.frames(Tag(0x7FE0, 0x0010), vec![frame])
}

/// What a digital radiograph for presentation must say (PS3.3 A.26).
fn digital(object: Written, side: Side) -> Written {
    object
        .text(Tag(0x0008, 0x0068), b"CS", "FOR PRESENTATION")
        .items(Tag(0x0008, 0x2218), vec![Written::code("72696002", "SCT", "Knee joint")])
        .text(Tag(0x0018, 0x1508), b"CS", "")
        .text(Tag(0x0018, 0x7004), b"CS", "DIRECT")
        .text(Tag(0x0020, 0x0062), b"CS", &side.to_string())
        .text(Tag(0x0028, 0x0301), b"CS", "NO")
        .text(Tag(0x0028, 0x1040), b"CS", "LOG")
        .words(Tag(0x0028, 0x1041), b"SS", &[1])
        .text(Tag(0x0028, 0x1052), b"DS", "0")
        .text(Tag(0x0028, 0x1053), b"DS", "1")
        .text(Tag(0x0028, 0x1054), b"LO", "US")
        .text(Tag(0x0028, 0x2110), b"CS", "00")
        .items(Tag(0x0040, 0x0555), Vec::new())
        .items(Tag(0x0054, 0x0220), vec![Written::code("399348003", "SCT", "antero-posterior")])
        .text(Tag(0x2050, 0x0020), b"CS", "IDENTITY")
}

/// What a computed radiograph must say (PS3.3 A.2).
fn computed(object: Written, side: Side) -> Written {
    object.text(Tag(0x0020, 0x0060), b"CS", &side.to_string()).text(Tag(0x0018, 0x1260), b"SH", "")
}

#[cfg(test)]
mod tests;
