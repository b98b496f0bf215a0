//! RLE (PS3.5 annex G) of grey words.

/// A frame: the higher bytes, then the lower ones.
pub(super) fn packed(words: &[u16]) -> Vec<u8> {
    let planes =
        [8, 0].map(|shift| packbits(&words.iter().map(|word| (word >> shift) as u8).collect::<Vec<_>>()));
    let mut frame: Vec<u8> =
        [2, 64, 64 + planes[0].len() as u32].iter().flat_map(|word| word.to_le_bytes()).collect();
    frame.resize(64, 0);
    planes.into_iter().for_each(|plane| frame.extend(plane));
    frame
}

/// A segment, filled up to an even length.
fn packbits(bytes: &[u8]) -> Vec<u8> {
    const MOST: usize = 128;
    let run = |at: usize| bytes[at..].iter().take(MOST).take_while(|byte| **byte == bytes[at]).count();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match run(at) {
            length @ 3.. => {
                out.extend([(257 - length) as u8, bytes[at]]);
                at += length;
            }
            _ => {
                let end = (at + 1..bytes.len()).take(MOST - 1).find(|next| run(*next) >= 3);
                let end = end.unwrap_or((at + MOST).min(bytes.len()));
                out.push((end - at - 1) as u8);
                out.extend(&bytes[at..end]);
                at = end;
            }
        }
    }
    out.resize(out.len().next_multiple_of(2), 0);
    out
}
