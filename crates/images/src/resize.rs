//! Resizing that does not alias: Lanczos with a support that grows with the reduction.

use fast_image_resize::images::TypedImage;
use fast_image_resize::images::TypedImageRef;
use fast_image_resize::pixels::U16;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::{Depth, Image};

/// The largest centred square of the image, resized to `side` x `side` pixels at the image's depth.
pub fn square(image: &Image, side: u32) -> Image {
    if image.width() == image.height() {
        return scaled(image, side, side);
    }
    scaled(&crop(image, image.width().min(image.height())), side, side)
}

/// All of the image in a square of `side` pixels, black where its shape leaves room.
pub fn fit(image: &Image, side: u32) -> Image {
    let longer = image.width().max(image.height()).max(1);
    let short = |length: u32| ((length * side + longer / 2) / longer).clamp(1, side);
    let inner = scaled(image, short(image.width()), short(image.height()));
    let (width, height) = (inner.width() as usize, inner.height() as usize);
    let side = side as usize;
    let mut pixels = vec![0; side * side];
    let rows = pixels.chunks_exact_mut(side).skip((side - height) / 2);
    for (target, source) in rows.zip(inner.pixels().chunks_exact(width)) {
        target[(side - width) / 2..][..width].copy_from_slice(source);
    }
    Image::new(side as u32, side as u32, image.depth(), pixels)
}

/// The image at half its width and height.
pub fn halved(image: &Image) -> Image {
    scaled(image, (image.width() / 2).max(1), (image.height() / 2).max(1))
}

/// The image resized to `width` x `height` pixels at its depth, whatever its shape was.
pub fn scaled(image: &Image, width: u32, height: u32) -> Image {
    if (image.width(), image.height()) == (width, height) {
        return image.clone();
    }
    // Eight-bit values are spread over 16 bits, so that the filter's sums are not rounded twice.
    let spread = u16::MAX / image.depth().white();
    let source: Vec<U16> = image.pixels().iter().map(|p| U16::new(p * spread)).collect();
    let source = TypedImageRef::<U16>::new(image.width(), image.height(), &source)
        .expect("as many pixels as declared");
    let mut target = TypedImage::<U16>::new(width, height);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new().resize_typed(&source, &mut target, &options).expect("both are of one pixel type");
    let pixels = target.pixels().iter().map(|p| p.0).collect();
    Image::new(width, height, Depth::Sixteen, pixels).at(image.depth())
}

/// The centred `side` x `side` pixels of the image, or as many as there are.
pub fn crop(image: &Image, side: u32) -> Image {
    let (width, height) = (side.min(image.width()), side.min(image.height()));
    let left = ((image.width() - width) / 2) as usize;
    let top = ((image.height() - height) / 2) as usize;
    let rows = image.pixels().chunks_exact(image.width() as usize).skip(top).take(height as usize);
    let mut pixels = Vec::with_capacity(width as usize * height as usize);
    rows.for_each(|row| pixels.extend_from_slice(&row[left..][..width as usize]));
    Image::new(width, height, image.depth(), pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_image_stays_flat_and_a_square_is_cut_from_the_middle() {
        let flat = Image::new(9, 5, Depth::Eight, vec![77; 45]);
        let small = square(&flat, 3);
        assert_eq!((small.width(), small.height()), (3, 3));
        assert!(small.pixels().iter().all(|p| *p == 77));
        let ramp = Image::new(5, 1, Depth::Eight, vec![0, 1, 2, 3, 4]);
        assert_eq!(crop(&ramp, 1).pixels(), [2]);
        let whole = fit(&flat, 18);
        let row = |y: usize| &whole.pixels()[y * 18..(y + 1) * 18];
        assert_eq!(
            (row(3), row(4), row(13), row(14)),
            (&[0; 18][..], &[77; 18][..], &[77; 18][..], &[0; 18][..])
        );
    }

    #[test]
    fn stripes_finer_than_a_pixel_become_their_mean_and_not_a_pattern() {
        let stripes = (0..128 * 128).map(|i| if i % 2 == 0 { 0 } else { 65_535 }).collect();
        let small = square(&Image::new(128, 128, Depth::Sixteen, stripes), 31);
        let inner = |i: &usize| (3..28).contains(&(i % 31));
        assert!((0..31 * 31).filter(inner).all(|i| small.pixels()[i].abs_diff(32_768) < 700));
    }
}
