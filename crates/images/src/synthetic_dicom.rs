//! A synthetic image as a DICOM object: a secondary capture of conversion type SYN, which nobody can take for a patient's.
//!
//! It names no patient, no date, no institution and no spacing, for there are none. That it is synthetic stands in Synthetic
//! Data (PS3.3 C.12.1.1), what drew it in Contributing Equipment, its grade in Acquisition Context.

use sha2::{Digest, Sha256};

use crate::dicom::{Tag, Written};
use crate::mark::Statement;
use crate::{Depth, Image};

/// Explicit little endian.
const SYNTAX: &str = "1.2.840.10008.1.2.1";
/// Secondary Capture Image Storage.
const CLASS: &str = "1.2.840.10008.5.1.4.1.1.7";
/// Whose codes the grades are.
const SCHEME: &str = "99DOPPELRAY";
/// Where and how Synthetic Data says so: tag, representation, length, text.
const SAYS: &[u8] = b"\x08\0\x1C\0CS\x04\0YES ";

/// What is written besides the pixels.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    /// Unique in its collection.
    pub id: &'a str,
    /// Kellgren-Lawrence grade, 0..=4.
    pub grade: Option<u8>,
    /// What drew the image.
    pub statement: &'a Statement,
    /// What its UIDs are made of: hashes of the collection and of the image.
    pub hashes: [&'a str; 2],
}

/// The file. The same image, labels and version make the same bytes.
pub fn encode(image: &Image, labels: &Labels) -> Vec<u8> {
    let [collection, own] = labels.hashes;
    let Statement { software, model, seed } = labels.statement;
    let seed = seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
    let (name, version) = software.split_once(' ').unwrap_or((software, ""));
    let equipment = Written::default()
        .text(Tag(0x0008, 0x0070), b"LO", name)
        .text(Tag(0x0008, 0x1090), b"LO", "generative network")
        .text(Tag(0x0018, 0x1020), b"LO", version)
        .text(Tag(0x0018, 0xA003), b"ST", &format!("Drawn by the model of SHA-256 {model}{seed}"))
        .items(Tag(0x0040, 0xA170), vec![Written::code("109100", "DCM", "Synthesizing Equipment")]);
    let scheme = Written::default().text(Tag(0x0008, 0x0102), b"SH", SCHEME).text(
        Tag(0x0008, 0x0115),
        b"ST",
        "doppelray: KL0 to KL4 are the grades of Kellgren and Lawrence (1957)",
    );
    let object = Written::default()
        .items(Tag(0x0008, 0x0110), vec![scheme])
        .text(Tag(0x0008, 0x0008), b"CS", "DERIVED\\SECONDARY")
        .text(Tag(0x0008, 0x0016), b"UI", CLASS)
        .text(Tag(0x0008, 0x0018), b"UI", &uid(&["instance", own, labels.id]))
        .text(Tag(0x0008, 0x001C), b"CS", "YES")
        .text(Tag(0x0008, 0x0060), b"CS", "DX")
        .text(Tag(0x0008, 0x0064), b"CS", "SYN")
        .text(Tag(0x0008, 0x0070), b"LO", name)
        .text(Tag(0x0018, 0x1020), b"LO", version)
        .items(Tag(0x0018, 0xA001), vec![equipment])
        .text(Tag(0x0020, 0x000D), b"UI", &uid(&["study", collection, labels.id]))
        .text(Tag(0x0020, 0x000E), b"UI", &uid(&["series", collection, labels.id]))
        .text(Tag(0x0020, 0x0010), b"SH", labels.id)
        .text(Tag(0x0020, 0x0011), b"IS", "1")
        .text(Tag(0x0020, 0x0013), b"IS", "1")
        .text(Tag(0x0020, 0x4000), b"LT", "Synthetic image: it shows no patient.");
    pixels(graded(nobody(object), labels.grade), image).file(SYNTAX)
}

/// Whether a file says that it is synthetic, as [`encode`] writes it.
pub fn says_so(file: &[u8]) -> bool {
    file.windows(SAYS.len()).any(|bytes| bytes == SAYS)
}

/// What every object must hold and here is empty.
fn nobody(object: Written) -> Written {
    let empty: [(Tag, &[u8; 2]); 10] = [
        (Tag(0x0008, 0x0020), b"DA"),
        (Tag(0x0008, 0x0030), b"TM"),
        (Tag(0x0008, 0x0050), b"SH"),
        (Tag(0x0008, 0x0090), b"PN"),
        (Tag(0x0010, 0x0010), b"PN"),
        (Tag(0x0010, 0x0020), b"LO"),
        (Tag(0x0010, 0x0030), b"DA"),
        (Tag(0x0010, 0x0040), b"CS"),
        (Tag(0x0020, 0x0020), b"CS"),
        (Tag(0x0020, 0x0060), b"CS"),
    ];
    empty.into_iter().fold(object, |object, (tag, vr)| object.text(tag, vr, ""))
}

fn graded(object: Written, grade: Option<u8>) -> Written {
    let Some(grade) = grade else { return object };
    let value = Written::code(&format!("KL{grade}"), SCHEME, &format!("Kellgren-Lawrence grade {grade}"));
    let item = Written::default()
        .text(Tag(0x0040, 0xA040), b"CS", "CODE")
        .items(Tag(0x0040, 0xA043), vec![Written::code("KL", SCHEME, "Kellgren-Lawrence grade")])
        .items(Tag(0x0040, 0xA168), vec![value]);
    object.items(Tag(0x0040, 0x0555), vec![item])
}

fn pixels(object: Written, image: &Image) -> Written {
    let bits = u16::from(u8::from(image.depth()));
    let object = object
        .short(Tag(0x0028, 0x0002), 1)
        .text(Tag(0x0028, 0x0004), b"CS", "MONOCHROME2")
        .short(Tag(0x0028, 0x0010), image.height() as u16)
        .short(Tag(0x0028, 0x0011), image.width() as u16)
        .short(Tag(0x0028, 0x0100), bits)
        .short(Tag(0x0028, 0x0101), bits)
        .short(Tag(0x0028, 0x0102), bits - 1)
        .short(Tag(0x0028, 0x0103), 0)
        .text(Tag(0x0028, 0x0301), b"CS", "NO");
    match image.depth() {
        Depth::Eight => {
            let bytes: Vec<u8> = image.pixels().iter().map(|v| *v as u8).collect();
            object.bytes(Tag(0x7FE0, 0x0010), b"OB", &bytes)
        }
        Depth::Sixteen => object.words(Tag(0x7FE0, 0x0010), b"OW", image.pixels()),
    }
}

/// A UID under 2.25 (PS3.5 annex B.2): a UUID of version 8, whose other bits are a hash.
fn uid(parts: &[&str]) -> String {
    let hash = Sha256::digest(parts.join("\0"));
    let number = u128::from_be_bytes(hash[..16].try_into().expect("sixteen bytes"));
    let version = number & !(0xF << 76) & !(0b11 << 62) | 8 << 76 | 0b10 << 62;
    format!("2.25.{version}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::write_whole;
    use crate::source::Origin;

    #[test]
    fn an_object_holds_the_pixels_and_says_that_it_is_synthetic() {
        let folder = tempfile::tempdir().unwrap();
        let statement = Statement { software: "doppelray 0.1.0".into(), model: "ab".into(), seed: Some(7) };
        let labels = |id| Labels { id, grade: Some(2), statement: &statement, hashes: ["c", "i"] };
        for depth in [Depth::Eight, Depth::Sixteen] {
            let pixels = (0..70).map(|v| v * if depth == Depth::Eight { 3 } else { 900 }).collect();
            let image = Image::new(10, 7, depth, pixels);
            let file = encode(&image, &labels("s0000007"));
            assert!(says_so(&file) && file == encode(&image, &labels("s0000007")));
            assert_ne!(file, encode(&image, &labels("s0000008")));
            let path = folder.path().join("image.dcm");
            write_whole(&path, |f| f.write_all(&file)).unwrap();
            assert_eq!(Origin::file(&path).read().unwrap().at(depth), image);
        }
        assert!(!says_so(b"nothing of the kind"));
    }
}
