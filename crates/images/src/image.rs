//! A grey image in memory.

/// Bits a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Depth {
    /// Values 0..=255.
    Eight,
    /// Values 0..=65535.
    Sixteen,
}

impl Depth {
    /// The largest value, white.
    pub const fn white(self) -> u16 {
        match self {
            Self::Eight => u8::MAX as u16,
            Self::Sixteen => u16::MAX,
        }
    }
}

impl From<Depth> for u8 {
    fn from(depth: Depth) -> Self {
        match depth {
            Depth::Eight => 8,
            Depth::Sixteen => 16,
        }
    }
}

impl TryFrom<u8> for Depth {
    type Error = String;

    fn try_from(bits: u8) -> Result<Self, String> {
        match bits {
            8 => Ok(Self::Eight),
            16 => Ok(Self::Sixteen),
            other => Err(format!("bit depth {other} is neither 8 nor 16")),
        }
    }
}

/// A grey image, row by row from the top left; MONOCHROME2: 0 is black.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    width: u32,
    height: u32,
    depth: Depth,
    pixels: Vec<u16>,
}

impl Image {
    /// An image of `width` x `height` pixels, each at most `depth.white()`.
    ///
    /// Panics if the count or a value does not fit: whoever decodes checks first.
    pub fn new(width: u32, height: u32, depth: Depth, pixels: Vec<u16>) -> Self {
        assert_eq!(pixels.len(), width as usize * height as usize, "pixel count");
        let fits = depth == Depth::Sixteen || pixels.iter().all(|p| *p <= depth.white());
        assert!(fits, "a pixel exceeds its bit depth");
        Self { width, height, depth, pixels }
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Bits a pixel.
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// `height` x `width` values, row by row.
    pub fn pixels(&self) -> &[u16] {
        &self.pixels
    }

    /// The image with its values scaled to another depth, rounded to the nearest.
    pub fn at(self, depth: Depth) -> Self {
        let pixels = match (self.depth, depth) {
            (Depth::Eight, Depth::Sixteen) => self.pixels.iter().map(|p| p * 257).collect(),
            (Depth::Sixteen, Depth::Eight) => {
                self.pixels.iter().map(|p| ((u32::from(*p) + 128) / 257) as u16).collect()
            }
            _ => return self,
        };
        Self { depth, pixels, ..self }
    }

    /// The values scaled to 0..1, row by row.
    pub fn to_unit(&self) -> Vec<f32> {
        let scale = 1.0 / f32::from(self.depth.white());
        self.pixels.iter().map(|p| f32::from(*p) * scale).collect()
    }

    /// An image from values in 0..1 (clipped; NaN becomes 0), rounded to the nearest step of `depth`.
    pub fn from_unit(width: u32, height: u32, depth: Depth, values: &[f32]) -> Self {
        let white = f32::from(depth.white());
        let pixels = values.iter().map(|v| (v.clamp(0.0, 1.0) * white + 0.5) as u16).collect();
        Self::new(width, height, depth, pixels)
    }
}
