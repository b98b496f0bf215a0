//! Names, numbers and dates of persons who do not exist, planted where PS3.15 annex E says that identity may stand.

use std::str::FromStr;

use crate::Image;
use crate::dicom::{Tag, Written};
use crate::text::font;

/// What a phantom's files tell of persons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phi {
    /// The least that is valid: a number.
    #[default]
    Sparse,
    /// Every text that could name somebody bears [`WORD`], every date is [`DATE`]; both are burnt into the pixels, too.
    Planted,
}

impl FromStr for Phi {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::Sparse),
            "planted" => Ok(Self::Planted),
            other => Err(format!("`{other}` is neither none nor planted")),
        }
    }
}

/// What stands in every planted text, and nowhere else.
pub const WORD: &str = "QZPHIWX";

/// Every planted date.
pub const DATE: &str = "19471103";

/// Texts by tag and representation: PS3.15 table E.1-1, as far as its attributes can stand in a radiograph.
const TEXTS: [(u16, u16, &[u8; 2]); 91] = [
    (0x0008, 0x0080, b"LO"),
    (0x0008, 0x0081, b"ST"),
    (0x0008, 0x0090, b"PN"),
    (0x0008, 0x0092, b"ST"),
    (0x0008, 0x0094, b"SH"),
    (0x0008, 0x009C, b"PN"),
    (0x0008, 0x1010, b"SH"),
    (0x0008, 0x1030, b"LO"),
    (0x0008, 0x103E, b"LO"),
    (0x0008, 0x1040, b"LO"),
    (0x0008, 0x1048, b"PN"),
    (0x0008, 0x1050, b"PN"),
    (0x0008, 0x1060, b"PN"),
    (0x0008, 0x1070, b"PN"),
    (0x0008, 0x1080, b"LO"),
    (0x0008, 0x1090, b"LO"),
    (0x0008, 0x2111, b"ST"),
    (0x0008, 0x4000, b"LT"),
    (0x0010, 0x0010, b"PN"),
    (0x0010, 0x0021, b"LO"),
    (0x0010, 0x1000, b"LO"),
    (0x0010, 0x1001, b"PN"),
    (0x0010, 0x1005, b"PN"),
    (0x0010, 0x1040, b"LO"),
    (0x0010, 0x1050, b"LO"),
    (0x0010, 0x1060, b"PN"),
    (0x0010, 0x1080, b"LO"),
    (0x0010, 0x1081, b"LO"),
    (0x0010, 0x1090, b"LO"),
    (0x0010, 0x2000, b"LO"),
    (0x0010, 0x2110, b"LO"),
    (0x0010, 0x2150, b"LO"),
    (0x0010, 0x2152, b"LO"),
    (0x0010, 0x2154, b"SH"),
    (0x0010, 0x2160, b"SH"),
    (0x0010, 0x2180, b"SH"),
    (0x0010, 0x21B0, b"LT"),
    (0x0010, 0x21F0, b"LO"),
    (0x0010, 0x2297, b"PN"),
    (0x0010, 0x2299, b"LO"),
    (0x0010, 0x4000, b"LT"),
    (0x0018, 0x1000, b"LO"),
    (0x0018, 0x1004, b"LO"),
    (0x0018, 0x1005, b"LO"),
    (0x0018, 0x1007, b"LO"),
    (0x0018, 0x1008, b"LO"),
    (0x0018, 0x1030, b"LO"),
    (0x0018, 0x1400, b"LO"),
    (0x0018, 0x4000, b"LT"),
    (0x0018, 0x700A, b"SH"),
    (0x0018, 0xA003, b"ST"),
    (0x0020, 0x0010, b"SH"),
    (0x0020, 0x4000, b"LT"),
    (0x0028, 0x4000, b"LT"),
    (0x0032, 0x0012, b"LO"),
    (0x0032, 0x1020, b"LO"),
    (0x0032, 0x1021, b"AE"),
    (0x0032, 0x1030, b"LO"),
    (0x0032, 0x1032, b"PN"),
    (0x0032, 0x1033, b"LO"),
    (0x0032, 0x1060, b"LO"),
    (0x0032, 0x1070, b"LO"),
    (0x0032, 0x4000, b"LT"),
    (0x0038, 0x0010, b"LO"),
    (0x0038, 0x0011, b"LO"),
    (0x0038, 0x0060, b"LO"),
    (0x0038, 0x0300, b"LO"),
    (0x0038, 0x0400, b"LO"),
    (0x0038, 0x0500, b"LO"),
    (0x0038, 0x4000, b"LT"),
    (0x0040, 0x0001, b"AE"),
    (0x0040, 0x0006, b"PN"),
    (0x0040, 0x0010, b"SH"),
    (0x0040, 0x0011, b"SH"),
    (0x0040, 0x0241, b"AE"),
    (0x0040, 0x0242, b"SH"),
    (0x0040, 0x0243, b"SH"),
    (0x0040, 0x0253, b"SH"),
    (0x0040, 0x0254, b"LO"),
    (0x0040, 0x0280, b"ST"),
    (0x0040, 0x1001, b"SH"),
    (0x0040, 0x1004, b"LO"),
    (0x0040, 0x1005, b"LO"),
    (0x0040, 0x1010, b"PN"),
    (0x0040, 0x1400, b"LT"),
    (0x0040, 0x2001, b"LO"),
    (0x0040, 0x2008, b"PN"),
    (0x0040, 0x2009, b"SH"),
    (0x0040, 0x2010, b"SH"),
    (0x0040, 0x2016, b"LO"),
    (0x4008, 0x0114, b"PN"),
];

/// Dates of the same table.
const DATES: [(u16, u16); 14] = [
    (0x0008, 0x0012),
    (0x0008, 0x0020),
    (0x0008, 0x0021),
    (0x0008, 0x0022),
    (0x0008, 0x0023),
    (0x0010, 0x0030),
    (0x0018, 0x1012),
    (0x0032, 0x0032),
    (0x0032, 0x1000),
    (0x0038, 0x0020),
    (0x0040, 0x0002),
    (0x0040, 0x0244),
    (0x0040, 0x0250),
    (0x0040, 0x2004),
];

/// Where a planted film of this width bears ink: [`WORD`], and [`DATE`] below it, in the upper left corner.
pub fn ink(size: u32) -> Vec<(usize, usize)> {
    const MARGIN: usize = 3;
    let scale = (size as usize / 112).max(1);
    let name = font::ink(WORD, (MARGIN, MARGIN), scale);
    let date = font::ink(DATE, (MARGIN, MARGIN + 10 * scale), scale);
    let inside = |(x, y): &(usize, usize)| x.max(y) < &(size as usize);
    name.into_iter().chain(date).filter(inside).collect()
}

impl Phi {
    /// The film with what is burnt in, white.
    pub(super) fn burn(self, film: &Image) -> Image {
        let mut pixels = film.pixels().to_vec();
        if self == Self::Planted {
            let width = film.width() as usize;
            ink(film.width()).into_iter().for_each(|(x, y)| pixels[y * width + x] = u16::MAX);
        }
        Image::new(film.width(), film.height(), film.depth(), pixels)
    }

    /// The accession of a subject's study.
    pub(super) fn accession(self, subject: u64) -> String {
        match self {
            Self::Sparse => format!("A{subject:06}"),
            Self::Planted => format!("{WORD}{subject:06}"),
        }
    }

    /// The object with its patient, study, and whatever else is planted.
    pub(super) fn put(self, object: Written, subject: u64) -> Written {
        let id = match self {
            Self::Sparse => super::name(subject),
            Self::Planted => format!("{WORD}.{subject}"),
        };
        let object = object
            .text(Tag(0x0008, 0x0020), b"DA", "")
            .text(Tag(0x0008, 0x0030), b"TM", "")
            .text(Tag(0x0008, 0x0050), b"SH", &self.accession(subject))
            .text(Tag(0x0008, 0x0070), b"LO", "doppelray")
            .text(Tag(0x0008, 0x0090), b"PN", "")
            .text(Tag(0x0010, 0x0010), b"PN", "")
            .text(Tag(0x0010, 0x0020), b"LO", &id)
            .text(Tag(0x0010, 0x0030), b"DA", "")
            .text(Tag(0x0010, 0x0040), b"CS", ["F", "M"][(subject % 2) as usize])
            .text(Tag(0x0020, 0x0010), b"SH", "");
        if self == Self::Sparse { object } else { planted(object) }
    }
}

fn planted(object: Written) -> Written {
    let word = |vr: &[u8; 2], tag: Tag| match vr {
        b"PN" => format!("{WORD}^{:04X}", tag.1),
        _ => format!("{WORD}{:04X}", tag.1),
    };
    let texts = |object: Written| {
        TEXTS.iter().fold(object, |object, (group, element, vr)| {
            object.text(Tag(*group, *element), vr, &word(vr, Tag(*group, *element)))
        })
    };
    let dates = |object: Written| {
        DATES.iter().fold(object, |object, (group, element)| object.text(Tag(*group, *element), b"DA", DATE))
    };
    let inner = dates(texts(Written::default()));
    // An overlay of 8 x 8 bits, whose bits spell the word too.
    let overlay = |object: Written| {
        object
            .short(Tag(0x6000, 0x0010), 8)
            .short(Tag(0x6000, 0x0011), 8)
            .text(Tag(0x6000, 0x0022), b"LO", WORD)
            .text(Tag(0x6000, 0x0040), b"CS", "G")
            .words(Tag(0x6000, 0x0050), b"SS", &[1, 1])
            .short(Tag(0x6000, 0x0100), 1)
            .short(Tag(0x6000, 0x0102), 0)
            .text(Tag(0x6000, 0x1500), b"LO", WORD)
            .bytes(Tag(0x6000, 0x3000), b"OW", format!("{WORD}!").as_bytes())
    };
    let private = |object: Written| {
        object
            .text(Tag(0x0009, 0x0010), b"LO", "DOPPELRAY TEST")
            .text(Tag(0x0009, 0x1001), b"LO", WORD)
            .bytes(Tag(0x0009, 0x1002), b"UN", format!("{WORD}{DATE}").as_bytes())
            .text(Tag(0x0029, 0x0010), b"LO", "DOPPELRAY TEST")
            .items(Tag(0x0029, 0x1001), vec![inner.clone()])
    };
    let coded = |object: Written| {
        object.text(Tag(0x0008, 0x0100), b"SH", WORD).text(Tag(0x0008, 0x0102), b"SH", "99DOPPELRAY").text(
            Tag(0x0008, 0x0104),
            b"LO",
            WORD,
        )
    };
    // What the standard asks of these sequences, so that the object stays valid.
    let physician = inner.clone().items(Tag(0x0040, 0x1101), vec![coded(Written::default())]);
    let requested = Written::default().items(Tag(0x0040, 0x0008), vec![coded(inner.clone())]).text(
        Tag(0x0040, 0x0007),
        b"LO",
        WORD,
    );
    let other = inner.clone().text(Tag(0x0010, 0x0020), b"LO", WORD).text(Tag(0x0010, 0x0022), b"CS", "TEXT");
    overlay(private(dates(texts(object))))
        .items(Tag(0x0008, 0x0096), vec![physician])
        .items(Tag(0x0040, 0x0275), vec![requested])
        .items(Tag(0x0010, 0x1002), vec![other])
        .text(Tag(0x0010, 0x2298), b"CS", "OWNER")
        .text(Tag(0x0028, 0x0301), b"CS", "YES")
}
