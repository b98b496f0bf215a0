//! Addresses of archives, as they are typed.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

/// Where objects come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A DICOMweb server: `https://HOST/PATH/studies?QUERY`.
    Web(Site),
    /// A DIMSE archive: `dicom://AE@HOST:PORT?QUERY`.
    Node(Node),
    /// Ourselves, for whoever sends: `receive://AE@HOST:PORT`.
    Own(Own),
}

/// A DICOMweb server, and what is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Scheme, host and path, up to the resource.
    pub(crate) base: String,
    /// `studies`, `series`, `instances`, or one of them by its UID.
    pub(crate) resource: String,
    /// What follows `?`, as it was typed.
    pub(crate) query: String,
}

/// A DIMSE archive, and what is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub(crate) called: String,
    /// `HOST:PORT`.
    pub(crate) place: String,
    /// What studies, and what of their series, are to match.
    pub(crate) study: Vec<(Tag, String)>,
    pub(crate) series: Vec<(Tag, String)>,
}

/// Where we listen, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    pub(crate) title: String,
    /// `HOST:PORT`.
    pub(crate) place: String,
}

pub(crate) type Tag = (u16, u16);

/// What a query of a DIMSE archive may name: PS3.4 tables C.6-5, C.6-3 and C.6-4.
const STUDY: [(&str, Tag); 8] = [
    ("StudyDate", (0x0008, 0x0020)),
    ("AccessionNumber", (0x0008, 0x0050)),
    ("ModalitiesInStudy", (0x0008, 0x0061)),
    ("StudyDescription", (0x0008, 0x1030)),
    ("PatientName", (0x0010, 0x0010)),
    ("PatientID", (0x0010, 0x0020)),
    ("StudyInstanceUID", (0x0020, 0x000D)),
    ("StudyID", (0x0020, 0x0010)),
];
const SERIES: [(&str, Tag); 4] = [
    ("Modality", (0x0008, 0x0060)),
    ("SeriesDescription", (0x0008, 0x103E)),
    ("BodyPartExamined", (0x0018, 0x0015)),
    ("SeriesInstanceUID", (0x0020, 0x000E)),
];

impl Address {
    /// An address, if it has a scheme; a path has none.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        let (scheme, rest) = text.split_once("://")?;
        Some(match scheme.to_ascii_lowercase().as_str() {
            scheme @ ("http" | "https") => Site::parse(scheme, rest).map(Self::Web),
            "dicom" => Node::parse(rest).map(Self::Node),
            "receive" => rest.parse().map(Self::Own),
            _ => Err(format!("`{scheme}://` is not spoken; an archive is https://, dicom:// or receive://")),
        })
    }
}

impl Site {
    fn parse(scheme: &str, rest: &str) -> Result<Self, String> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = path.trim_end_matches('/');
        let host = path.split('/').next().unwrap_or_default();
        if host.contains('@') {
            return Err(
                "a login does not stand in an address, where everybody reads it; say --login FILE".into()
            );
        }
        if host.is_empty() || breaks(rest) || rest.contains(' ') {
            return Err("is no address; give https://HOST/PATH/studies?QUERY".into());
        }
        let parts: Vec<&str> = path.split('/').collect();
        let at = parts[1..].iter().position(|part| ["studies", "series", "instances"].contains(part));
        let at = at.map_or(parts.len(), |at| at + 1);
        let resource = if at == parts.len() { "studies".to_owned() } else { parts[at..].join("/") };
        Ok(Self { base: format!("{scheme}://{}", parts[..at].join("/")), resource, query: query.to_owned() })
    }

    /// Whether nobody on the way can read what is sent.
    pub(crate) fn is_private(&self) -> bool {
        let host = self.base.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or_default());
        host.is_none_or(|host| {
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            name == "localhost" || name == "[::1]" || name.starts_with("127.")
        })
    }
}

impl Node {
    fn parse(rest: &str) -> Result<Self, String> {
        let (node, query) = rest.split_once('?').unwrap_or((rest, ""));
        let Own { title: called, place } = node.trim_end_matches('/').parse()?;
        let (mut study, mut series) = (Vec::new(), Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| format!("`{pair}` is not NAME=VALUE"))?;
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            let of = |known: &[(&str, Tag)]| known.iter().find(|(n, _)| *n == name).map(|(_, tag)| *tag);
            match (of(&STUDY), of(&SERIES)) {
                _ if breaks(&value) => return Err(format!("the value of {name} cannot be asked for")),
                (Some(tag), _) => study.push((tag, value)),
                (_, Some(tag)) => series.push((tag, value)),
                _ => {
                    let names: Vec<&str> = STUDY.iter().chain(&SERIES).map(|(name, _)| *name).collect();
                    return Err(format!("`{name}` cannot be asked for, only {}", names.join(", ")));
                }
            }
        }
        Ok(Self { called, place, study, series })
    }
}

impl FromStr for Own {
    type Err = String;

    /// `AE@HOST:PORT`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('@').and_then(|(title, place)| {
            let (host, port) = place.rsplit_once(':')?;
            let whole = !host.is_empty() && !breaks(host) && port.parse::<u16>().is_ok();
            (whole && is_title(title)).then(|| Self { title: title.to_owned(), place: place.to_owned() })
        });
        parsed.ok_or_else(|| {
            format!(
                "`{text}` is not AE@HOST:PORT, with an AE title of 1 to 16 characters, as ORTHANC@pacs:4242"
            )
        })
    }
}

/// Whether a text can be an AE title (PS3.5 table 6.2-1).
pub fn is_title(text: &str) -> bool {
    let plain = text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'\\');
    plain && (1..=16).contains(&text.len()) && text.trim() == text
}

/// Whether a text would end a line of what is sent.
fn breaks(text: &str) -> bool {
    text.contains(char::is_control)
}

impl fmt::Display for Address {
    /// Without the query, which may name a patient.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(site) => write!(f, "{}", site.base),
            Self::Node(node) => write!(f, "dicom://{}@{}", node.called, node.place),
            Self::Own(own) => write!(f, "receive://{}@{}", own.title, own.place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap().unwrap()
    }

    #[test]
    fn addresses_are_told_from_paths_and_shown_without_their_query() {
        assert_eq!(Address::parse("films/2"), None);
        let Address::Web(site) = address("https://pacs:8443/dicom-web/studies?PatientID=7&limit=3") else {
            panic!("a site")
        };
        assert_eq!((site.base.as_str(), site.resource.as_str()), ("https://pacs:8443/dicom-web", "studies"));
        assert_eq!(site.query, "PatientID=7&limit=3");
        let bare = address("http://127.0.0.1:8042/dicom-web/");
        assert!(matches!(&bare, Address::Web(site) if site.resource == "studies" && site.is_private()));
        let one = address("https://pacs/rs/studies/1.2/series/3.4");
        assert!(matches!(&one, Address::Web(site) if site.resource == "studies/1.2/series/3.4"));
        assert_eq!(address("https://pacs/rs/series?PatientID=7").to_string(), "https://pacs/rs");
        assert!(!matches!(address("http://pacs/rs"), Address::Web(site) if site.is_private()));
        let node = address("dicom://ORTHANC@pacs:4242?StudyDate=2024-&Modality=DX&PatientName=M%C3%BCller*");
        assert_eq!(node.to_string(), "dicom://ORTHANC@pacs:4242");
        let Address::Node(node) = node else { panic!("a node") };
        assert_eq!(node.study[1], ((0x0010, 0x0010), "Müller*".to_owned()));
        assert_eq!(node.series, [((0x0008, 0x0060), "DX".to_owned())]);
        assert_eq!(address("receive://ME@[::1]:104").to_string(), "receive://ME@[::1]:104");
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_mend() {
        for (text, complaint) in [
            ("ftp://pacs", "https://, dicom:// or receive://"),
            ("https://me:secret@pacs/rs", "say --login FILE"),
            ("https:///rs", "is no address"),
            ("dicom://pacs:4242", "is not AE@HOST:PORT"),
            ("dicom://A_TITLE_THAT_IS_TOO_LONG@pacs:4242", "1 to 16 characters"),
            ("dicom://A@pacs:x", "is not AE@HOST:PORT"),
            ("dicom://A@pacs:1?Colour=red", "`Colour` cannot be asked for, only StudyDate"),
            ("dicom://A@pacs:1?StudyDate", "is not NAME=VALUE"),
            ("receive://A@pacs", "is not AE@HOST:PORT"),
        ] {
            let said = Address::parse(text).unwrap().unwrap_err();
            assert!(said.contains(complaint), "{text}: {said}");
        }
    }
}
