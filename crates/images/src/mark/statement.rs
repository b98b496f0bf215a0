//! The statement in an image's file: PNG text, and the same as XMP, where other programs look for it.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use png::{BitDepth, ColorType, Compression, Decoder, Encoder};

use crate::error::{Error, Result};
use crate::{Depth, Image};

/// What IPTC calls media made by a trained model; the term that labels of AI-made images agree on.
const MADE_BY_MODEL: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
/// The keyword of an XMP packet in a PNG (XMP specification part 3, 1.1.5).
const XMP: &str = "XML:com.adobe.xmp";
/// Our keyword.
const SYNTHETIC: &str = "Synthetic";

/// What an image's file says of where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The program, with its version.
    pub software: String,
    /// SHA-256 of the model; empty where unknown.
    pub model: String,
    /// What it was drawn from, where known.
    pub seed: Option<u64>,
}

impl Statement {
    /// In words, for whoever opens the file.
    pub fn text(&self) -> String {
        let seed = self.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
        let model = if self.model.is_empty() { String::new() } else { format!(", model {}", self.model) };
        format!("This image is synthetic and shows no person. Made by {}{model}{seed}.", self.software)
    }

    fn xmp(&self) -> String {
        // The software's name and a hash hold nothing that XML would read otherwise.
        format!(
            "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\
             <x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
             <rdf:Description rdf:about=\"\" xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\" \
             xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" Iptc4xmpExt:DigitalSourceType=\"{MADE_BY_MODEL}\" \
             xmp:CreatorTool=\"{}\"/></rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>",
            self.software
        )
    }
}

/// Writes an image as a PNG with the statement. The same image and statement always make the same bytes.
pub fn encode(image: &Image, statement: &Statement, out: &mut dyn Write) -> std::io::Result<()> {
    let mut encoder = Encoder::new(out, image.width(), image.height());
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(match image.depth() {
        Depth::Eight => BitDepth::Eight,
        Depth::Sixteen => BitDepth::Sixteen,
    });
    encoder.set_compression(Compression::Fast);
    encoder.add_text_chunk("Software".to_owned(), statement.software.clone())?;
    encoder.add_text_chunk(SYNTHETIC.to_owned(), statement.text())?;
    encoder.add_itxt_chunk(XMP.to_owned(), statement.xmp())?;
    let bytes: Vec<u8> = match image.depth() {
        Depth::Eight => image.pixels().iter().map(|p| *p as u8).collect(),
        Depth::Sixteen => image.pixels().iter().flat_map(|p| p.to_be_bytes()).collect(),
    };
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&bytes)?;
    Ok(writer.finish()?)
}

/// What a PNG says of itself; `None` where it does not say, in both ways, that it is synthetic.
pub fn read(path: &Path) -> Result<Option<String>> {
    let unreadable = |e: png::DecodingError| {
        Error::content(path, format!("not a readable PNG ({e}); take it from the package again"))
    };
    let file = File::open(path).map_err(Error::file(path))?;
    let mut reader = Decoder::new(BufReader::new(file)).read_info().map_err(unreadable)?;
    reader.finish().map_err(unreadable)?;
    let info = reader.info();
    let said = info.uncompressed_latin1_text.iter().find(|chunk| chunk.keyword == SYNTHETIC);
    let xmp = info.utf8_text.iter().filter(|chunk| chunk.keyword == XMP);
    let labelled = xmp.filter_map(|chunk| chunk.get_text().ok()).any(|text| text.contains(MADE_BY_MODEL));
    Ok(said.filter(|_| labelled).map(|chunk| chunk.text.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::write_whole;
    use crate::png;

    #[test]
    fn a_file_says_that_it_is_synthetic_and_shows_the_same_image() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let statement = Statement { software: "doppelray 0.1.0".into(), model: "ab12".into(), seed: Some(7) };
        for depth in [Depth::Eight, Depth::Sixteen] {
            let image = Image::new(40, 30, depth, (0..1200).map(|i| i % depth.white()).collect());
            write_whole(&path, |out| encode(&image, &statement, out)).unwrap();
            assert_eq!(png::load(&path).unwrap(), image);
            assert_eq!(read(&path).unwrap(), Some(statement.text()));
            write_whole(&path, |out| png::encode(&image, out)).unwrap();
            assert_eq!(read(&path).unwrap(), None, "an image without a statement");
        }
        assert!(
            statement.text().contains("shows no person") && statement.text().ends_with("model ab12, seed 7.")
        );
    }
}
