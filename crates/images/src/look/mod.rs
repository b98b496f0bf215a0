//! One look for all images: which part is kept, whether bone is white, at what brightness, facing which side. Each step is
//! a pure function of the image.

mod borders;
mod clahe;
mod equalize;
mod polarity;

use std::str::FromStr;

use crate::{Image, Side, resize};

pub use borders::{Part, content};
pub use clahe::clahe;
pub use equalize::{Equalize, flatten, stretch};
pub use polarity::{Shown, likeness, shown};

/// What is done to every image of a collection before it is resized, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Whether blank borders are cut off.
    pub borders: Borders,
    /// The centred square that is kept, in pixels of the source; all of it where `None`.
    pub crop: Option<u32>,
    /// Whether photographic negatives are mended.
    pub polarity: Polarity,
    /// How brightness is made alike.
    pub equalize: Equalize,
    /// The side that all knees are shown as; `None` leaves them as they are.
    pub mirror: Option<Side>,
}

/// What becomes of blank borders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Borders {
    /// They stay.
    #[default]
    Keep,
    /// Padding and collimation are cut off.
    Cut,
}

/// What becomes of photographic negatives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Polarity {
    /// They stay.
    #[default]
    Keep,
    /// They are found and inverted.
    Auto,
}

/// What a look did to one image beyond what it does to all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Blank borders were cut off.
    pub cut: bool,
    /// What was found of its polarity; `None` where nobody looked.
    pub shown: Option<Shown>,
    /// Left and right were exchanged.
    pub mirrored: bool,
}

impl Look {
    /// The image of a knee of this side, as the collection shows it. Where the side is unknown, nothing is mirrored.
    pub fn apply(&self, image: Image, side: Option<Side>) -> (Image, Done) {
        let mut done = Done::default();
        let image = match self.borders {
            Borders::Cut => {
                let part = content(&image);
                done.cut = part != Part::all(&image);
                part.of(image)
            }
            Borders::Keep => image,
        };
        let image = match self.crop {
            Some(side) => resize::crop(&image, side),
            None => image,
        };
        done.shown = (self.polarity == Polarity::Auto).then(|| shown(&image));
        let image = if done.shown == Some(Shown::Negative) { invert(&image) } else { image };
        let image = self.equalize.apply(image);
        done.mirrored = self.mirrors(side);
        (if done.mirrored { mirror(&image) } else { image }, done)
    }

    /// Whether a knee of this side is mirrored.
    pub fn mirrors(&self, side: Option<Side>) -> bool {
        self.mirror.is_some_and(|shown| side.is_some_and(|side| side != shown))
    }

    /// For collection.toml: every step that was asked for.
    pub fn settings(&self) -> toml::Table {
        let mut settings = toml::Table::new();
        settings.insert("equalize".into(), self.equalize.to_string().into());
        if self.polarity == Polarity::Auto {
            settings.insert("polarity".into(), "auto".into());
        }
        if self.borders == Borders::Cut {
            settings.insert("borders".into(), "cut".into());
        }
        settings.extend(self.mirror.map(|side| ("mirror".to_owned(), side.to_string().into())));
        settings.extend(self.crop.map(|side| ("crop".to_owned(), i64::from(side).into())));
        settings
    }

    /// The look of a collection's settings, as [`Self::settings`] gives them; other keys are passed over.
    pub fn of(settings: &toml::Table) -> Result<Self, String> {
        fn word<T: FromStr<Err = String> + Default>(settings: &toml::Table, key: &str) -> Result<T, String> {
            let text = settings.get(key).map(|value| value.as_str().ok_or(format!("{key} is no text")));
            text.transpose()?.map_or_else(|| Ok(T::default()), |text| text.parse())
        }
        let mirror = settings.get("mirror").and_then(toml::Value::as_str).map(str::parse).transpose()?;
        let crop = settings.get("crop").and_then(toml::Value::as_integer);
        Ok(Self {
            borders: word(settings, "borders")?,
            crop: crop.map(u32::try_from).transpose().map_err(|_| "crop is out of range")?,
            polarity: word(settings, "polarity")?,
            equalize: word(settings, "equalize")?,
            mirror,
        })
    }
}

impl Done {
    /// The words for a row's flags.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let words = [
            ("borders", self.cut),
            ("inverted", self.shown == Some(Shown::Negative)),
            ("polarity?", self.shown == Some(Shown::Unsure)),
            ("mirrored", self.mirrored),
        ];
        words.into_iter().filter(|(_, is)| *is).map(|(word, _)| word)
    }
}

/// Left and right exchanged.
pub fn mirror(image: &Image) -> Image {
    let mut pixels = image.pixels().to_vec();
    pixels.chunks_exact_mut(image.width().max(1) as usize).for_each(<[u16]>::reverse);
    Image::new(image.width(), image.height(), image.depth(), pixels)
}

/// Black and white exchanged.
pub fn invert(image: &Image) -> Image {
    mapped(image, |value| image.depth().white() - value)
}

/// The image with each value replaced by a function of it.
fn mapped(image: &Image, of: impl Fn(u16) -> u16) -> Image {
    let pixels = image.pixels().iter().map(|value| of(*value)).collect();
    Image::new(image.width(), image.height(), image.depth(), pixels)
}

/// The parsing of an option with two words, the first of which keeps things as they are.
macro_rules! either {
    ($name:ident, $keep:literal => $kept:ident, $change:literal => $changed:ident) => {
        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $keep => Ok(Self::$kept),
                    $change => Ok(Self::$changed),
                    other => Err(format!(concat!("`{}` is neither ", $keep, " nor ", $change), other)),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    Self::$kept => $keep,
                    Self::$changed => $change,
                })
            }
        }
    };
}

either!(Borders, "keep" => Keep, "cut" => Cut);
either!(Polarity, "keep" => Keep, "auto" => Auto);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Depth;
    use crate::phantom::render;

    #[test]
    fn only_the_other_side_is_mirrored() {
        let image = Image::new(3, 1, Depth::Eight, vec![1, 2, 3]);
        let look = Look { mirror: Some(Side::Left), ..Look::default() };
        assert_eq!(look.apply(image.clone(), Some(Side::Right)).0.pixels(), [3, 2, 1]);
        assert_eq!(look.apply(image.clone(), Some(Side::Left)), (image.clone(), Done::default()));
        assert_eq!(look.apply(image.clone(), None).0, image);
    }

    #[test]
    fn a_padded_negative_comes_out_as_the_film_it_was_made_from() {
        let film = render(5, 3, Side::Left, 128).image;
        let look = Look { borders: Borders::Cut, polarity: Polarity::Auto, ..Look::default() };
        let padded = borders::tests::framed(&invert(&film), [20, 9, 0, 31], 0);
        let (seen, done) = look.apply(padded, Some(Side::Left));
        assert_eq!(done.flags().collect::<Vec<_>>(), ["borders", "inverted"]);
        assert_eq!(seen, film);
    }

    #[test]
    fn a_look_reads_back_from_its_settings() {
        let all = Look {
            borders: Borders::Cut,
            crop: Some(210),
            polarity: Polarity::Auto,
            equalize: "percentile".parse().unwrap(),
            mirror: Some(Side::Right),
        };
        for look in [Look::default(), all] {
            assert_eq!(Look::of(&look.settings()), Ok(look));
        }
        let wrong = toml::Table::from_iter([("polarity".to_owned(), "off".into())]);
        assert!(Look::of(&wrong).unwrap_err().contains("`off` is neither"));
    }

    #[test]
    fn words_read_back_and_wrong_ones_are_named() {
        for look in ["keep", "auto"] {
            assert_eq!(look.parse::<Polarity>().unwrap().to_string(), look);
        }
        assert_eq!("off".parse::<Borders>(), Err("`off` is neither keep nor cut".to_owned()));
    }
}
