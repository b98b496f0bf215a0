//! Text for a page: escaped, numbers as a reader wants them, bytes as a data address.

use doppelray_measures::estimate::Estimate;

/// Text that is no markup.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// With a capital at its beginning and a full stop at its end.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str() + "."
}

/// Three significant digits.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    // Of the rounded value: 0.9996 is 1.00, not 1.000.
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    let digits = 2 - rounded.abs().log10().floor().clamp(-6.0, 2.0) as i32;
    format!("{value:.*}", digits.max(0) as usize)
}

/// A count with thin spaces between thousands.
pub(crate) fn count(value: usize) -> String {
    let digits = value.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).unwrap_or("")).collect();
    groups.join("\u{2009}")
}

/// A number, or a dash where there is none.
pub(crate) fn perhaps(value: Option<f64>) -> String {
    value.map_or_else(|| "\u{2013}".to_owned(), number)
}

/// A value with its interval.
pub(crate) fn estimate(of: Option<&Estimate>) -> String {
    let Some(e) = of else { return "\u{2013}".to_owned() };
    let (low, high) = (number(e.low), number(e.high));
    format!("{} <span class=\"interval\">{low}\u{2009}\u{2013}\u{2009}{high}</span>", number(e.value))
}

/// A PNG as an address that needs no network (RFC 2397, RFC 4648).
pub(crate) fn png_address(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut address = String::from("data:image/png;base64,");
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place)) as usize & 63];
            address.push(if place <= chunk.len() { letter as char } else { '=' });
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!(
            [0.0, 1.0, 0.9996, 0.012345, 12.345, 12345.6, -0.5].map(number),
            ["0", "1.00", "1.00", "0.0123", "12.3", "12346", "-0.500"]
        );
        assert_eq!([7, 1000, 320_000].map(count), ["7", "1\u{2009}000", "320\u{2009}000"]);
    }

    #[test]
    fn bytes_are_base64() {
        let tail = |bytes: &[u8]| png_address(bytes)["data:image/png;base64,".len()..].to_owned();
        assert_eq!(
            ["M", "Ma", "Man", "Many"].map(|t| tail(t.as_bytes())),
            ["TQ==", "TWE=", "TWFu", "TWFueQ=="]
        );
    }

    #[test]
    fn markup_is_shown_not_obeyed() {
        assert_eq!(escape("<b>\"&"), "&lt;b&gt;&quot;&amp;");
    }
}
