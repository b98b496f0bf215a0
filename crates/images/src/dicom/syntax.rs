//! Transfer syntaxes (PS3.5 annex A; PS3.6 table A-1): how a data set is encoded, and how its pixels are.

use serde::{Deserialize, Serialize};

/// How the elements of a data set are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    ImplicitLittle,
    ExplicitLittle,
    ExplicitBig,
}

/// How pixels are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Codec {
    /// As they are.
    #[serde(rename = "native")]
    Native,
    /// PS3.5 annex G.
    #[serde(rename = "RLE")]
    Rle,
    /// JPEG (ISO/IEC 10918-1): baseline, extended, lossless.
    #[serde(rename = "JPEG")]
    Jpeg,
    /// JPEG-LS (ISO/IEC 14495-1).
    #[serde(rename = "JPEG-LS")]
    JpegLs,
    /// JPEG 2000 (ISO/IEC 15444-1).
    #[serde(rename = "JPEG 2000")]
    Jpeg2000,
    /// High-Throughput JPEG 2000 (ISO/IEC 15444-15).
    #[serde(rename = "HTJ2K")]
    HighThroughput,
    /// JPEG XL (ISO/IEC 18181).
    #[serde(rename = "JPEG XL")]
    JpegXl,
}

impl Codec {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Rle => "RLE",
            Self::Jpeg => "JPEG",
            Self::JpegLs => "JPEG-LS",
            Self::Jpeg2000 => "JPEG 2000",
            Self::HighThroughput => "HTJ2K",
            Self::JpegXl => "JPEG XL",
        }
    }
}

/// A transfer syntax that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub(super) encoding: Encoding,
    pub(super) codec: Codec,
    /// The data set is a deflate stream (RFC 1951).
    pub(super) deflated: bool,
    /// Samples may differ from those that were compressed, and leave their range.
    pub(super) lossy: bool,
}

/// The UIDs of all transfer syntaxes that are read: what an archive may send.
pub const READ: [&str; 19] = [
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.111",
    "1.2.840.10008.1.2.4.112",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
];

impl Syntax {
    /// Native pixels in this encoding.
    pub(super) const fn native(encoding: Encoding) -> Self {
        Self { encoding, codec: Codec::Native, deflated: false, lossy: false }
    }

    /// The syntax of a UID; `None` where it is not read.
    pub(super) fn of(uid: &str) -> Option<Self> {
        let packed = |codec| Self { codec, ..Self::native(Encoding::ExplicitLittle) };
        let ended = uid.strip_prefix("1.2.840.10008.1.2")?;
        Some(match ended {
            "" => Self::native(Encoding::ImplicitLittle),
            ".1" => Self::native(Encoding::ExplicitLittle),
            // Retired in 2006 and alive in archives.
            ".2" => Self::native(Encoding::ExplicitBig),
            ".1.99" => Self { deflated: true, ..Self::native(Encoding::ExplicitLittle) },
            ".5" => packed(Codec::Rle),
            ".4.50" | ".4.51" => Self { lossy: true, ..packed(Codec::Jpeg) },
            ".4.57" | ".4.70" => packed(Codec::Jpeg),
            ".4.80" => packed(Codec::JpegLs),
            ".4.81" => Self { lossy: true, ..packed(Codec::JpegLs) },
            ".4.90" => packed(Codec::Jpeg2000),
            ".4.91" => Self { lossy: true, ..packed(Codec::Jpeg2000) },
            ".4.110" => packed(Codec::JpegXl),
            ".4.111" | ".4.112" => Self { lossy: true, ..packed(Codec::JpegXl) },
            ".4.201" | ".4.202" => packed(Codec::HighThroughput),
            ".4.203" => Self { lossy: true, ..packed(Codec::HighThroughput) },
            _ => return None,
        })
    }
}

/// A transfer syntax that is not read, for a person.
pub(super) fn described(uid: &str) -> String {
    let name = match uid.strip_prefix("1.2.840.10008.1.2.4.") {
        Some("92" | "93") => "JPEG 2000 of several components",
        Some(other) if other.starts_with("10") => "a film of MPEG",
        _ => return format!("`{uid}`"),
    };
    format!("{uid} ({name})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_syntax_that_is_asked_for_is_read() {
        assert!(READ.iter().all(|uid| Syntax::of(uid).is_some()));
    }
}
