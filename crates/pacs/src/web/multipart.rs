//! The body of a WADO-RS answer: an object alone, or the first of `multipart/related` (RFC 2046 section 5.1, RFC 2387).

use std::ops::Range;

use memchr::memmem;

/// Where in a body the object lies.
pub(super) fn object(kind: &str, body: &[u8]) -> Result<Range<usize>, &'static str> {
    let mut parts = kind.split(';').map(str::trim);
    match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "application/dicom" => return Ok(0..body.len()),
        "multipart/related" => {}
        _ => return Err("sends no DICOM (by its Content-Type)"),
    }
    let boundary = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    });
    let boundary =
        boundary.filter(|text| (1..=70).contains(&text.len())).ok_or("sends parts without a boundary")?;
    let opening = format!("--{boundary}\r\n");
    let cut = "sends a body that was cut";
    let start = match body.starts_with(opening.as_bytes()) {
        true => opening.len(),
        false => {
            let opening = format!("\r\n{opening}");
            memmem::find(body, opening.as_bytes()).ok_or(cut)? + opening.len()
        }
    };
    // A part without headers begins with the empty line itself.
    let content = match body[start..].starts_with(b"\r\n") {
        true => start + 2,
        false => start + memmem::find(&body[start..], b"\r\n\r\n").ok_or(cut)? + 4,
    };
    let closing = format!("\r\n--{boundary}");
    let length = memmem::find(&body[content..], closing.as_bytes()).ok_or(cut)?;
    Ok(content..content + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/related; type=\"application/dicom\"; boundary=\"b-1\"";

    #[test]
    fn the_first_part_is_the_object() {
        let body = b"--b-1\r\nContent-Type: application/dicom\r\n\r\nDICM\r\nfilm\r\n--b-1--\r\n";
        assert_eq!(&body[object(KIND, body).unwrap()], b"DICM\r\nfilm");
        let body = b"preamble\r\n--b-1\r\n\r\nfilm\r\n--b-1\r\n\r\nother\r\n--b-1--";
        assert_eq!(&body[object(KIND, body).unwrap()], b"film");
        assert_eq!(object("application/dicom", b"film"), Ok(0..4));
    }

    #[test]
    fn what_was_cut_or_is_something_else_is_refused() {
        for cut in [
            "",
            "--b-1",
            "--b-1\r\nContent-Type: x",
            "--b-1\r\nContent-Type: x\r\n\r\nfilm",
            "--b-2\r\n\r\nf\r\n--b-2--",
        ] {
            assert!(object(KIND, cut.as_bytes()).unwrap_err().contains("was cut"), "{cut}");
        }
        assert!(object("text/html", b"<p>login").unwrap_err().contains("no DICOM"));
        assert!(object("multipart/related", b"").unwrap_err().contains("boundary"));
    }
}
